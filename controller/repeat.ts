import { setTimeout as sleep } from 'node:timers/promises';

/** Share by which a pause is longer or shorter at random, so that clusters do not act together. */
const JITTER = 0.2;

/** A pause with jitter: `period` ± 20 %, in its unit. */
export function jittered(period: number): number {
	return period * (1 - JITTER + 2 * JITTER * Math.random());
}

/**
 * Pauses between steps that begin at least `interval` ms apart, however long each takes. A step that took
 * longer is followed at once, and what it missed is not caught up.
 *
 * @param clock a monotonic clock, in ms
 * @returns the next pause in ms
 */
export function paced(interval: number, clock: () => number = () => performance.now()): () => number {
	let next = Number.NEGATIVE_INFINITY;
	return () => {
		const now = clock();
		const begin = Math.max(now, next);
		next = begin + interval;
		return begin - now;
	};
}

/**
 * Repeats a step, with a pause before each, until the signal. Resolves when the last step has ended.
 *
 * @param wait gives the next pause in ms
 */
export async function repeat(
	signal: AbortSignal,
	wait: () => number,
	step: () => Promise<void> | void,
): Promise<void> {
	while (!signal.aborted) {
		await sleep(wait(), undefined, { signal, ref: false }).catch(() => undefined);
		if (!signal.aborted) await step();
	}
}
