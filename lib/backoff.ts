/** Waits between attempts: the first bound, which doubles with each failure, and the longest one, in ms. */
export interface Backoff {
	readonly first: number;
	readonly longest: number;
}

/** The bound of the wait after `failures` failed attempts (from 1), in ms. */
function bound({ first, longest }: Backoff, failures: number): number {
	// Beyond 2^30 the bound is the longest wait for every use; without a limit the power becomes infinite.
	return Math.min(longest, first * 2 ** Math.min(failures - 1, 30));
}

/**
 * The wait after `failures` failed attempts, in ms: anywhere between 0 and the bound ("full jitter"), so that
 * clients that failed together do not retry together.
 *
 * @param random from 0 up to but not including 1
 */
export function fullJitter(backoff: Backoff, failures: number, random: number): number {
	return bound(backoff, failures) * random;
}

/** The same, but at least half of the bound: for one client that must not try again at once. */
export function halfJitter(backoff: Backoff, failures: number, random: number): number {
	return bound(backoff, failures) * (0.5 + random / 2);
}
