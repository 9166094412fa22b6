import type { V1Pod, V1PodSpec } from '@kubernetes/client-node';
import { until } from '../until.ts';
import { type Cluster, expectStatus } from './cluster.ts';

/** Slow machines take their time to start a container. */
const LIMIT = { timeoutMs: 90_000, everyMs: 200 } as const;

/** Reads a pod. */
async function readPod(cluster: Cluster, namespace: string, name: string): Promise<V1Pod> {
	const answer = await cluster.request<V1Pod>('GET', `/api/v1/namespaces/${namespace}/pods/${name}`);
	return expectStatus(answer, 200, `reading the pod ${namespace}/${name}`);
}

/** Waits until `holds` of a pod and gives it; the error shows the pod's state at the end. */
async function untilPod(
	cluster: Cluster,
	namespace: string,
	name: string,
	what: string,
	holds: (pod: V1Pod) => boolean | undefined,
): Promise<V1Pod> {
	let last: V1Pod | undefined;
	try {
		return await until(
			`pod ${namespace}/${name} ${what}`,
			async () => {
				last = await readPod(cluster, namespace, name);
				return holds(last) ? last : undefined;
			},
			LIMIT,
		);
	} catch (thrown) {
		throw new Error(`${String(thrown)}\n${JSON.stringify(last?.status, undefined, 2)}`, { cause: thrown });
	}
}

/** Waits until every container of a pod is ready. */
export function untilReady(cluster: Cluster, namespace: string, name: string): Promise<V1Pod> {
	return untilPod(cluster, namespace, name, 'to be ready', ({ status }) =>
		status?.conditions?.some((condition) => condition.type === 'Ready' && condition.status === 'True'),
	);
}

/** Runs a pod to its end and gives it, with the log of its container `main`. */
export async function runPod(
	cluster: Cluster,
	namespace: string,
	pod: { readonly metadata?: V1Pod['metadata']; readonly spec: V1PodSpec },
): Promise<{ readonly pod: V1Pod; readonly log: string }> {
	const spec = { restartPolicy: 'Never', terminationGracePeriodSeconds: 1, ...pod.spec };
	const made = await cluster.request<V1Pod>('POST', `/api/v1/namespaces/${namespace}/pods`, { ...pod, spec });
	const name = expectStatus(made, 201, 'creating a pod').metadata?.name ?? '';
	const ended = await untilPod(cluster, namespace, name, 'to end', ({ status }) =>
		['Succeeded', 'Failed'].includes(status?.phase ?? ''),
	);
	return { pod: ended, log: await podLog(cluster, namespace, name, 'main') };
}

/** The log of one container; empty when it has not started. */
async function podLog(cluster: Cluster, namespace: string, name: string, container: string): Promise<string> {
	const path = `/api/v1/namespaces/${namespace}/pods/${name}/log?container=${container}`;
	const { status, body } = await cluster.request<string>('GET', path);
	return status === 200 ? body : '';
}
