import type { Workload } from '../workloads/workload.ts';
import { type DueRollout, type RolloutLimits, type RunningRollout, startable } from './limits.ts';

/** The rollouts that wait, and those that run. */
export interface Turns {
	/**
	 * The secrets of a workload have changed. A workload that waits already keeps its place.
	 *
	 * @param now true: it was asked for, so that no further changes are waited for
	 * @returns whether it did not wait before
	 */
	wait(key: string, workload: Workload, now: boolean): boolean;
	/**
	 * The API server may have taken the change or not: for `wait` ms the rollout counts as running, and does not
	 * start again.
	 */
	postpone(key: string, wait: number): void;
	/** The workload need not be rolled any longer. */
	forget(key: string): void;
	/** The API server has taken the change; `generation` is that of the changed object. */
	started(key: string, generation: number): void;
	/** The keys of the rollouts that may start now. */
	startable(): readonly string[];
	running(): number;
}

/** Whether a rollout of ours is running. One that has missed its deadline takes no place. */
function isRolling({ state, templateRevision, progress, kind }: Workload): boolean {
	if (state?.rolled === undefined || progress.kind !== 'running') return false;
	return kind.kind === 'Rollout' || templateRevision === state.rolled;
}

/** Opens the turns over the workloads that the views show. */
export function openTurns(
	workloads: () => readonly (readonly [string, Workload])[],
	limits: RolloutLimits,
): Turns {
	const due = new Map<string, { readonly namespace: string; readonly since: number }>();
	/** Times before which a rollout does not start, by `performance.now()`. */
	const postponed = new Map<string, number>();
	/** Started rollouts that the views do not show yet, by the generation that will. */
	const unseen = new Map<string, number>();

	const isPostponed = (key: string): boolean => (postponed.get(key) ?? 0) > performance.now();
	const runningNow = (): readonly RunningRollout[] =>
		workloads().flatMap(([key, workload]) => {
			const generation = unseen.get(key);
			if (generation !== undefined && workload.generation >= generation) unseen.delete(key);
			const isRunning = unseen.has(key) || isPostponed(key) || isRolling(workload);
			return isRunning ? [{ key, namespace: workload.namespace }] : [];
		});
	return {
		wait: (key, { namespace }, now) => {
			const isNew = !due.has(key);
			if (now) due.set(key, { namespace, since: Number.NEGATIVE_INFINITY });
			else if (isNew) due.set(key, { namespace, since: performance.now() });
			return isNew;
		},
		postpone: (key, wait) => void postponed.set(key, performance.now() + wait),
		forget: (key) => {
			due.delete(key);
			postponed.delete(key);
		},
		started: (key, generation) => {
			due.delete(key);
			postponed.delete(key);
			unseen.set(key, generation);
		},
		startable: () => {
			const running = runningNow();
			const now = performance.now();
			const runningKeys = new Set(running.map(({ key }) => key));
			const waiting = [...due]
				.filter(([key]) => !isPostponed(key))
				.map(
					([key, { namespace, since }]): DueRollout => ({
						...{ key, namespace, since },
						replaces: runningKeys.has(key),
					}),
				);
			return startable(waiting, running, limits, now).map(({ key }) => key);
		},
		running: () => runningNow().length,
	};
}
