import { ANNOTATION_PREFIX, INJECTED } from '../../contract/names.ts';
import { type PodFacts, podFactsOf, revisionsAtStart } from '../../controller/workloads/pod-inputs.ts';
import { type Json, object, objects, text } from '../../lib/json.ts';
import type { Target } from '../refresh/target.ts';

/** A pod that gets secrets. */
export interface StatusPod {
	readonly name: string;
	/** The workload that the controller would roll; undefined for pods that it does not look at. */
	readonly workload: Target | undefined;
	readonly facts: PodFacts;
	/** Whether the controller rolls its workload after a change. */
	readonly isRolled: boolean;
	readonly fetchers: readonly Fetcher[];
}

/** A fetcher of a pod. */
export interface Fetcher {
	readonly name: string;
	/** What it read; undefined if it did not tell. */
	readonly revision: string | undefined;
	/** Why it did not tell. */
	readonly problem: string;
	readonly sidecar: Sidecar | undefined;
}

/** The sidecar behind a fetcher. */
export interface Sidecar {
	readonly name: string;
	readonly runs: boolean;
	/** Seconds between two of its checks, as text. */
	readonly period: string | undefined;
}

/** Decodes a pod. Undefined if it gets no secrets, or is ending. */
export function statusPodOf(pod: Json): StatusPod | undefined {
	const facts = podFactsOf(pod);
	if (facts === undefined || facts.ending) return undefined;
	const metadata = object(pod['metadata']);
	const annotations = object(metadata?.['annotations']);
	return {
		name: facts.name,
		facts,
		isRolled: annotations?.[`${ANNOTATION_PREFIX}on-change`] === 'rollout',
		workload: workloadOf(metadata),
		fetchers: [...revisionsAtStart(pod)].map(([name, revision]) => ({
			...{ name, revision, problem: problemOf(pod, name) },
			sidecar: sidecarOf(pod, name),
		})),
	};
}

/** Owners of pods that the controller rolls, besides those of a ReplicaSet. */
const KINDS: Readonly<Record<string, Target['kind']>> = {
	StatefulSet: 'statefulset',
	DaemonSet: 'daemonset',
};

/** Labels with the hash of a ReplicaSet, and the kind that owns the ReplicaSet. */
const HASHES = [
	['rollouts-pod-template-hash', 'rollout'],
	['pod-template-hash', 'deployment'],
] as const;

/** The name of a ReplicaSet is that of its owner and a hash. */
function workloadOf(metadata: Json | undefined): Target | undefined {
	const owner = objects(metadata?.['ownerReferences']).find((one) => one['controller'] === true);
	const name = text(owner?.['name']) ?? '';
	const labels = object(metadata?.['labels']);
	if (owner?.['kind'] === 'ReplicaSet')
		for (const [label, kind] of HASHES) {
			const end = `-${text(labels?.[label]) ?? ''}`;
			if (end !== '-' && name.endsWith(end)) return { kind, name: name.slice(0, -end.length) };
		}
	const kind = KINDS[text(owner?.['kind']) ?? ''];
	return kind === undefined ? undefined : { kind, name };
}

function statusOf(pod: Json, container: string): Json | undefined {
	const statuses = objects(object(pod['status'])?.['initContainerStatuses']);
	return object(statuses.find(({ name }) => name === container)?.['state']);
}

function problemOf(pod: Json, container: string): string {
	const state = statusOf(pod, container);
	const terminated = object(state?.['terminated']);
	if (terminated === undefined) return 'its fetcher has not ended yet';
	const code = terminated['exitCode'];
	if (code !== 0) return `its fetcher has failed (exit code ${String(code)})`;
	return 'its fetcher told no revision';
}

/** Several sidecars of a pod have the UID at the end of their names, as their fetchers have. */
function sidecarOf(pod: Json, fetcher: string): Sidecar | undefined {
	const name = INJECTED.sidecar + fetcher.slice(INJECTED.container.length);
	const container = objects(object(pod['spec'])?.['initContainers']).find((one) => one['name'] === name);
	if (container === undefined) return undefined;
	const period = objects(container['env']).find((one) => one['name'] === 'ENVTIER_REFRESH')?.['value'];
	const runs = object(statusOf(pod, name)?.['running']) !== undefined;
	return { name, runs, period: text(period) };
}
