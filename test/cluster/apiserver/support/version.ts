import type { V1Pod } from '@kubernetes/client-node';
import { expect } from 'vitest';
import type { ApiAnswer } from '../../../support/kubernetes/client.ts';
import { type Cluster, expectStatus } from '../../../support/kubernetes/cluster.ts';

/** The first Kubernetes 1.x whose API server keeps `fileKeyRef` (native variables) by default (KEP-3721). */
const NATIVE_VARIABLES = 35;

/**
 * The first Kubernetes 1.x whose API server takes a restart of all containers by default. Kubernetes 1.35
 * refuses it, and an older one drops it (KEP-5532).
 */
const IN_PLACE_RESTART = 36;

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

/**
 * The checks of `envtier doctor` that fail or warn, beside the warning that an API server of this version has
 * no native variables.
 */
export function problemsOf<T extends { readonly id: string; readonly status: string }>(
	checks: readonly T[],
	minor: number,
): readonly T[] {
	const expected = keepsNativeVariables(minor) ? [] : ['native-env'];
	return checks.filter(({ id, status }) => /^(?:fail|warn)$/.test(status) && !expected.includes(id));
}

/** Whether a pod has native variables. */
export function hasNativeVariables(pod: V1Pod): boolean {
	const containers = [...(pod.spec?.initContainers ?? []), ...(pod.spec?.containers ?? [])];
	return containers.some(({ env = [] }) => env.some(({ valueFrom }) => valueFrom?.fileKeyRef !== undefined));
}

/** Whether an API server of this version keeps a rule that restarts all containers. */
export function keepsRestartRules(minor: number): boolean {
	return minor >= IN_PLACE_RESTART;
}

/** Whether a pod has such a rule. */
export function hasRestartRules(pod: V1Pod): boolean {
	return (
		pod.spec?.initContainers?.some(({ restartPolicyRules }) => restartPolicyRules !== undefined) ?? false
	);
}

/**
 * Expects that an API server of this version took an injected pod; or, where the pod has native variables or
 * a rule that it does not know, that it refused it. That is why the webhook asks for the version.
 */
export function expectTaken(
	pod: V1Pod,
	{ status, body }: ApiAnswer<{ message?: string }>,
	minor: number,
): void {
	if (hasNativeVariables(pod) && !keepsNativeVariables(minor))
		expect([status, body.message]).toEqual([422, expect.stringContaining('valueFrom')]);
	else if (hasRestartRules(pod) && minor === IN_PLACE_RESTART - 1)
		expect([status, body.message]).toEqual([422, expect.stringContaining('restartPolicyRules')]);
	else expect(status, body.message).toBe(201);
}
