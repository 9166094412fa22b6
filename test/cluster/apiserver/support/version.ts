import type { V1Pod } from '@kubernetes/client-node';
import { expect } from 'vitest';
import type { ApiAnswer } from '../../../support/kubernetes/client.ts';
import { type Cluster, expectStatus } from '../../../support/kubernetes/cluster.ts';

/** The first Kubernetes 1.x whose API server keeps `fileKeyRef` (native variables) by default (KEP-3721). */
const NATIVE_VARIABLES = 35;

/** The API server's version: 35 for Kubernetes 1.35. ENVTIER_TEST_KUBERNETES chooses another than usual. */
export async function minorOf(cluster: Cluster): Promise<number> {
	const answer = await cluster.request<{ major: string; minor: string }>('GET', '/version');
	const { major, minor } = expectStatus(answer, 200, 'asking for the version');
	if (major !== '1') throw new Error(`no test here says what is expected of Kubernetes ${major}`);
	return Number.parseInt(minor, 10);
}

/** Whether an API server of this version keeps native variables in a pod. */
export function keepsNativeVariables(minor: number): boolean {
	return minor >= NATIVE_VARIABLES;
}

/** Whether a pod has native variables. */
export function hasNativeVariables(pod: V1Pod): boolean {
	const containers = [...(pod.spec?.initContainers ?? []), ...(pod.spec?.containers ?? [])];
	return containers.some(({ env = [] }) => env.some(({ valueFrom }) => valueFrom?.fileKeyRef !== undefined));
}

/**
 * Expects that an API server of this version took an injected pod; or, where the pod has native variables
 * that it drops, that it refused it: a variable from nowhere is none. That is why the webhook asks for the
 * version.
 */
export function expectTaken(
	pod: V1Pod,
	{ status, body }: ApiAnswer<{ message?: string }>,
	minor: number,
): void {
	if (keepsNativeVariables(minor) || !hasNativeVariables(pod)) expect(status, body.message).toBe(201);
	else expect([status, body.message]).toEqual([422, expect.stringContaining('valueFrom')]);
}
