/** A rollout that waits for its turn. */
export interface DueRollout {
	readonly key: string;
	readonly namespace: string;
	/** When its change was seen first, in ms. */
	readonly since: number;
	/** Whether a rollout of an older revision of it is running: it is replaced and takes no further place. */
	readonly replaces: boolean;
}

/** A rollout that is running. */
export interface RunningRollout {
	readonly key: string;
	readonly namespace: string;
}

/** How many rollouts may run. */
export interface RolloutLimits {
	/** In the cluster. Each namespace has one at a time. */
	readonly total: number;
	/** Milliseconds from the first change of a workload to its rollout: further changes join it. */
	readonly batch: number;
}

/**
 * The rollouts that may start now, those that have waited longest first.
 *
 * @param now in ms, of the clock of `since`
 */
export function startable(
	due: readonly DueRollout[],
	running: readonly RunningRollout[],
	{ total, batch }: RolloutLimits,
	now: number,
): readonly DueRollout[] {
	const taken = new Map(running.map(({ key, namespace }) => [namespace, key]));
	let places = total - running.length;
	const started: DueRollout[] = [];
	for (const one of due.toSorted((a, b) => a.since - b.since || (a.key < b.key ? -1 : 1))) {
		if (now - one.since < batch) continue;
		if (one.replaces) {
			started.push(one);
			continue;
		}
		if (places <= 0 || taken.has(one.namespace)) continue;
		places -= 1;
		taken.set(one.namespace, one.key);
		started.push(one);
	}
	return started;
}
