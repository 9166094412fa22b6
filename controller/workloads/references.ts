import type { Workload } from './workload.ts';

/** Workloads by their keys, as they were read. */
export interface RawWorkloads {
	get(key: string): Workload | undefined;
	all(): readonly (readonly [string, Workload])[];
}

/** Workloads by their keys, with the templates that they refer to. */
export interface JoinedWorkloads extends RawWorkloads {
	/** The keys of other workloads that a change of one concerns. */
	changed(key: string, workload: Workload | undefined): readonly string[];
}

/**
 * Joins Argo Rollouts with the Deployments whose pod template they use (`workloadRef`). Such a Rollout is
 * rolled as one; its Deployment is not, because a change of its template would start the steps of a canary.
 */
export function joinReferences(raw: RawWorkloads): JoinedWorkloads {
	/** The key of the Deployment that each Rollout refers to, by the key of the Rollout. */
	const referred = new Map<string, string>();
	const isReferred = (key: string): boolean => {
		for (const target of referred.values()) if (target === key) return true;
		return false;
	};
	const join = (workload: Workload): Workload | undefined => {
		const target = workload.refersTo === undefined ? undefined : raw.get(workload.refersTo);
		return target === undefined ? undefined : { ...workload, selector: target.selector };
	};
	return {
		get: (key) => {
			const workload = raw.get(key);
			if (workload === undefined || isReferred(key)) return undefined;
			return workload.refersTo === undefined ? workload : join(workload);
		},
		all: () => {
			const targets = new Set(referred.values());
			return raw.all().flatMap(([key, workload]) => {
				if (targets.has(key)) return [];
				const joined = workload.refersTo === undefined ? workload : join(workload);
				return joined === undefined ? [] : [[key, joined] as const];
			});
		},
		changed: (key, workload) => {
			const before = referred.get(key);
			const now = workload?.refersTo;
			if (now === undefined) referred.delete(key);
			else referred.set(key, now);
			const rollouts = [...referred].flatMap(([rollout, target]) => (target === key ? [rollout] : []));
			return [...rollouts, ...[before, now].filter((one) => one !== undefined)];
		},
	};
}
