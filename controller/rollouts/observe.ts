import { err, ok, type Result } from '../../contract/result.ts';
import type { Json } from '../../lib/json.ts';
import type { KubernetesClient } from '../../lib/kubernetes/client.ts';
import type { ApiFailure } from '../../lib/kubernetes/failure.ts';
import { combinedRevision } from '../../lib/kv/revision.ts';
import { type PodFacts, type PodInputs, podFactsOf } from '../workloads/pod-inputs.ts';
import type { Workload } from '../workloads/workload.ts';

/** What the pods of a workload say. */
export interface PodsView {
	/** What the newest pod reads. */
	readonly inputs: PodInputs;
	/** What it read at its start; undefined if it is not known or not comparable. */
	readonly newestPod: string | undefined;
	readonly newestPodStarting: boolean;
	/** Whether all pods that are not ending read that revision. */
	readonly allPodsAlike: boolean;
}

/** Why a workload cannot be compared. */
export type Incomparable =
	/** The API server did not answer well. The same may work in a moment. */
	| { readonly kind: 'unavailable'; readonly problem: string }
	| { readonly kind: 'impossible'; readonly problem: string };

/** Pods in one response. */
const PAGE = 200;
/** Most pods of one workload that are looked at. */
const MAX_PODS = 2_000;
/** Milliseconds after which a pod that has not told its revision is not waited for any longer. */
const START_TIME = 300_000;

interface PodList {
	readonly metadata: { readonly continue?: string };
	readonly items?: readonly Json[] | null;
}

/**
 * Lists the pods of a workload. Undefined if it has none that is injected.
 *
 * @param now in ms since 1970
 */
export async function podsOf(
	client: KubernetesClient,
	{ namespace, selector }: Workload,
	now: number,
): Promise<Result<PodsView | undefined, Incomparable>> {
	const path = `/api/v1/namespaces/${encodeURIComponent(namespace)}/pods`;
	const pods: PodFacts[] = [];
	let after: string | undefined = '';
	while (after !== undefined && pods.length < MAX_PODS) {
		const query = new URLSearchParams({ labelSelector: selector, limit: String(PAGE) });
		if (after !== '') query.set('continue', after);
		const page: Result<PodList, ApiFailure> = await client.call({ method: 'GET', path: `${path}?${query}` });
		if (!page.ok) return err({ kind: 'unavailable', problem: `the API server ${page.error.message}` });
		pods.push(...injectedPods(page.value));
		after = page.value.metadata.continue || undefined;
	}
	return viewOf(pods, now);
}

/** The injected pods of a page that are not ending. */
function injectedPods({ items }: PodList): readonly PodFacts[] {
	return (items ?? []).map(podFactsOf).filter((facts) => facts !== undefined && !facts.ending) as PodFacts[];
}

/** What these pods say. Undefined without one. */
function viewOf(pods: readonly PodFacts[], now: number): Result<PodsView | undefined, Incomparable> {
	const newest = pods.toSorted((a, b) => b.createdAt - a.createdAt || (a.name < b.name ? 1 : -1))[0];
	if (newest === undefined) return ok(undefined);
	const { inputs, revisions } = newest;
	if (!inputs.ok) return err({ kind: 'impossible', problem: `of its pod ${newest.name}, ${inputs.error}` });
	const own = inputs.value.comparable && revisions !== undefined ? combinedRevision(revisions) : undefined;
	return ok({
		inputs: inputs.value,
		newestPod: own,
		newestPodStarting:
			inputs.value.comparable && revisions === undefined && now - newest.createdAt < START_TIME,
		allPodsAlike: pods.every((pod) => pod.revisions !== undefined && combinedRevision(pod.revisions) === own),
	});
}
