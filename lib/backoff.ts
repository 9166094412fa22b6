/**
 * Bounds of the waits between attempts, in ms. The first bound doubles with each failure up to the longest.
 */
export interface Backoff {
	readonly first: number;
	readonly longest: number;
}

/** The bound of the wait after `failures` failed attempts (from 1), in ms. */
function bound({ first, longest }: Backoff, failures: number): number {
	// The limit keeps the power finite. Every use reaches its longest wait long before 2^30.
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

/** As `fullJitter`, but at least half of the bound: for a single client that must not retry at once. */
export function halfJitter(backoff: Backoff, failures: number, random: number): number {
	return bound(backoff, failures) * (0.5 + random / 2);
}
