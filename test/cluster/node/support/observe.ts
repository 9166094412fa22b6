import type { V1Pod, V1PodList } from '@kubernetes/client-node';
import { type Cluster, expectStatus } from '../../../support/kubernetes/cluster.ts';
import type { Kubectl } from '../../../support/kubernetes/kubectl.ts';
import { until } from '../../../support/until.ts';

/** A machine under load takes its time. */
const LIMIT = { timeoutMs: 110_000, everyMs: 200 } as const;

/** Creates an object; `path` is that of its kind. */
export async function create(cluster: Cluster, path: string, body: object): Promise<void> {
	expectStatus(await cluster.request('POST', path, body), 201, `creating at ${path}`);
}

/** The pods of a namespace. */
export async function podsOf(cluster: Cluster, namespace: string): Promise<readonly V1Pod[]> {
	const answer = await cluster.request<V1PodList>('GET', `/api/v1/namespaces/${namespace}/pods`);
	return expectStatus(answer, 200, `listing the pods of ${namespace}`).items;
}

/** The pods of the webhook: the secrets API may have some in the same namespace. */
export async function replicasOf(cluster: Cluster): Promise<readonly V1Pod[]> {
	const pods = await podsOf(cluster, 'envtier-system');
	return pods.filter(({ metadata }) => metadata?.labels?.['app.kubernetes.io/name'] === 'envtier-webhook');
}

/** Their names, in order. */
export async function replicaNames(cluster: Cluster): Promise<readonly string[]> {
	return (await replicasOf(cluster)).map(({ metadata }) => metadata?.name ?? '').sort();
}

/** Waits until none of these replicas is left, not even one that is ending. */
export async function untilReplicasGone(cluster: Cluster, before: readonly string[]): Promise<void> {
	const gone = async () => !(await replicaNames(cluster)).some((name) => before.includes(name));
	await until('the replicas from before to be gone', gone, LIMIT);
}

/** Waits until the log of one pod's container holds `text`, and gives that log. */
export async function untilLogged(
	kubectl: Kubectl,
	namespace: string,
	[what, ...more]: readonly [string, ...string[]],
	text: string,
): Promise<string> {
	let last = '';
	const look = async (): Promise<boolean> => {
		const { stdout, stderr } = await kubectl('logs', '-n', namespace, what, ...more);
		last = stdout === '' ? stderr : stdout;
		return stdout.includes(text);
	};
	await until(`the log of ${what} to hold "${text}"`, look, LIMIT).catch(async (thrown: unknown) => {
		const { stdout } = await kubectl('describe', 'pods', '-n', namespace);
		throw new Error(`${String(thrown)}\nlast: ${last}\n${stdout}`, { cause: thrown });
	});
	return last;
}

/** Waits until what kubectl prints holds `text`, runs of blanks counting as one; gives all of it. */
export async function untilPrinted(
	kubectl: Kubectl,
	args: readonly string[],
	text: string | RegExp,
): Promise<string> {
	let last = '';
	const look = async (): Promise<boolean> => {
		last = (await kubectl(...args)).stdout.replace(/\s+/g, ' ');
		return typeof text === 'string' ? last.includes(text) : text.test(last);
	};
	await until(`kubectl ${args.join(' ')} to say "${text}"`, look, LIMIT).catch((thrown: unknown) => {
		throw new Error(`${String(thrown)}\n${last}`, { cause: thrown });
	});
	return last;
}

/** The same for `kubectl describe` of an object. */
export function untilDescribed(
	kubectl: Kubectl,
	namespace: string,
	object: readonly string[],
	text: string | RegExp,
): Promise<string> {
	return untilPrinted(kubectl, ['describe', '-n', namespace, ...object], text);
}
