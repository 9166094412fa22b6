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
	/** The workload need not be rolled any longer. */
	forget(key: string): void;
	/** The API server has taken the change; `generation` is that of the changed object. */
	started(key: string, generation: number): void;
	/** The keys of the rollouts that may start now. */
	startable(): readonly string[];
	pending(): number;
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
	/** Started rollouts that the views do not show yet, by the generation that will. */
	const unseen = new Map<string, number>();

	const runningNow = (): readonly RunningRollout[] =>
		workloads().flatMap(([key, workload]) => {
			const generation = unseen.get(key);
			if (generation !== undefined && workload.generation >= generation) unseen.delete(key);
			return unseen.has(key) || isRolling(workload) ? [{ key, namespace: workload.namespace }] : [];
		});
	return {
		wait: (key, { namespace }, now) => {
			const isNew = !due.has(key);
			if (now) due.set(key, { namespace, since: Number.NEGATIVE_INFINITY });
			else if (isNew) due.set(key, { namespace, since: performance.now() });
			return isNew;
		},
		forget: (key) => void due.delete(key),
		started: (key, generation) => {
			due.delete(key);
			unseen.set(key, generation);
		},
		startable: () => {
			const running = runningNow();
			const waiting = [...due].map(
				([key, { namespace, since }]): DueRollout => ({
					...{ key, namespace, since },
					replaces: running.some((one) => one.key === key),
				}),
			);
			return startable(waiting, running, limits, performance.now()).map(({ key }) => key);
		},
		pending: () => due.size,
		running: () => runningNow().length,
	};
}
