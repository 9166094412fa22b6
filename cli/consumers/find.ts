import type { ClusterClient } from '../doctor/cluster.ts';
import type { ApiCall } from '../remote/client.ts';
import { reachOf, type WantedSecret } from './reach.ts';
import { type Candidate, findCandidates } from './workloads.ts';

/** A version of a secret. */
interface Version {
	readonly version: number;
	readonly createdAt: string;
}

/** A pod, or a workload without pods, that receives a secret or may. */
export interface Consumer {
	readonly namespace: string;
	readonly workload: string;
	/** Empty for a workload without pods. */
	readonly pod: string;
	readonly result: 'receives' | 'does-not' | 'unknown';
	readonly why: string;
	/** The version that the pod started with; `unknown` if that cannot be told. */
	readonly version: number | 'unknown';
	readonly versionCreatedAt: string;
}

/** Consumers, and what could not be listed, with the reason: among it there may be more. */
export interface Consumers {
	readonly consumers: readonly Consumer[];
	readonly unlisted: readonly string[];
}

/**
 * Finds the consumers of a secret: of one of its keys, if it has several. Uses the caller's own rights.
 *
 * @param namespace undefined: all namespaces
 */
export async function findConsumers(
	call: ApiCall,
	cluster: ClusterClient,
	namespace: string | undefined,
	wanted: readonly (WantedSecret & { readonly id: string })[],
): Promise<Consumers> {
	const { candidates, unlisted } = await findCandidates(cluster, namespace);
	const [first] = wanted;
	const versions = first === undefined ? undefined : await versionsOf(call, first.id);
	const consumers = candidates.flatMap((candidate) => {
		const reaches = wanted.map((one) => reachOf(candidate.annotations, candidate.containers, one));
		const reach = ORDER.flatMap((kind) => reaches.find((one) => one.kind === kind) ?? [])[0];
		if (reach === undefined || reach.kind === 'other') return [];
		const why = reach.kind === 'receives' ? '' : reach.why;
		return [consumerOf(candidate, reach.kind, why, versions)];
	});
	return { consumers: withoutCounted(consumers), unlisted };
}

/** Of several keys the first of these decides. */
const ORDER = ['receives', 'unknown', 'does-not'] as const;

/** The versions, oldest first; undefined if the API does not tell them. */
async function versionsOf(call: ApiCall, id: string): Promise<readonly Version[] | undefined> {
	const answer = await call('GET', `/api/secrets/versions?id=${encodeURIComponent(id)}`);
	if (!answer.ok || !Array.isArray(answer.value)) return undefined;
	return (answer.value as readonly Version[]).toSorted((a, b) => a.version - b.version);
}

function consumerOf(
	{ namespace, workload, pod, fetched, refreshes }: Candidate,
	result: Consumer['result'],
	why: string,
	versions: readonly Version[] | undefined,
): Consumer {
	const version = result === 'receives' && fetched !== undefined ? versionAt(versions, fetched) : undefined;
	return {
		...{ namespace, workload, pod: pod ?? '', result },
		why: why || (refreshes ? 'its sidecar fetches newer versions' : ''),
		version: version?.version ?? 'unknown',
		versionCreatedAt: version?.createdAt ?? '',
	};
}

/** The version that a fetcher read. Unknown if one was written while it ran: its times have whole seconds. */
function versionAt(
	versions: readonly Version[] | undefined,
	{ from, to }: { readonly from: string; readonly to: string },
): Version | undefined {
	const until = (time: string, slack: number): Version | undefined =>
		versions?.findLast(({ createdAt }) => Date.parse(createdAt) <= Date.parse(time) + slack);
	const first = until(from, 0);
	return first === until(to, 1000) ? first : undefined;
}

/** Without templates of workloads whose pods are in the list themselves. */
function withoutCounted(consumers: readonly Consumer[]): readonly Consumer[] {
	const withPods = new Set(
		consumers.flatMap(({ namespace, workload, pod }) => (pod === '' ? [] : [`${namespace} ${workload}`])),
	);
	return consumers.filter(
		({ namespace, workload, pod }) => pod !== '' || !withPods.has(`${namespace} ${workload}`),
	);
}
