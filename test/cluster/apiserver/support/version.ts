import type { V1Pod } from '@kubernetes/client-node';
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
