import { LRUCache } from 'lru-cache';
import type { Workload } from '../workloads/workload.ts';
import type { RolloutState } from './state.ts';

/** What this process has recorded, for workloads that lose their annotation. */
export interface Memory {
	/**
	 * The workload with its state. If somebody has taken the annotation off, as tools do that replace objects,
	 * the state is the remembered one: otherwise the workload would be unknown, and the same revision might be
	 * rolled again and again. Undefined: what is known of the workload is older than a change of this process.
	 */
	recall(workload: Workload): Recalled | undefined;
	/** @param generation of the workload after the change */
	remember(workload: Workload, state: RolloutState, generation: number): void;
}

/** A workload with its state, from its annotation or from memory. */
export interface Recalled {
	readonly workload: Workload;
	/** Whether the annotation was taken off: then it is written with the next rollout, and not before. */
	readonly isStripped: boolean;
}

/** Workloads that are remembered. */
const MAX_WORKLOADS = 20_000;

/** Opens an empty memory. */
export function openMemory(): Memory {
	const known = new LRUCache<string, { readonly state: RolloutState; readonly generation: number }>({
		max: MAX_WORKLOADS,
	});
	return {
		recall: (workload) => {
			const last = known.get(workload.uid);
			if (last !== undefined && last.generation > workload.generation) return undefined;
			return last === undefined || workload.state !== undefined
				? { workload, isStripped: false }
				: { workload: { ...workload, state: last.state }, isStripped: true };
		},
		remember: ({ uid }, state, generation) => void known.set(uid, { state, generation }),
	};
}
