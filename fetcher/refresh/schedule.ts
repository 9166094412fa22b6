import { fullJitter } from '../../lib/backoff.ts';

/**
 * Maximum deviation of a check from its period, as a share of the period. It spreads the checks of pods that
 * started together.
 */
const JITTER = 0.2;

/** First wait after a failure, in ms; it doubles up to the period. */
const FIRST_WAIT = 2_000;

/**
 * Milliseconds until the next check.
 *
 * @param period in ms
 * @param random from 0 up to but not including 1
 */
export function nextCheck(period: number, random: number): number {
	return period * (1 - JITTER + 2 * JITTER * random);
}

/**
 * Milliseconds until the first check: random within the period, so that a rollout of many pods spreads its
 * checks.
 */
export function firstCheck(period: number, random: number): number {
	return period * random;
}

/**
 * Milliseconds until the check after `failures` failed ones: random between 0 and a bound that doubles up to
 * the period ("full jitter"), but never less than Retry-After of the server.
 */
export function checkAfterFailure(period: number, failures: number, random: number, retryAfter = 0): number {
	const wait = fullJitter({ first: FIRST_WAIT, longest: period }, failures, random);
	// Waits at least a second, because an immediate failure must not cause a busy loop.
	return Math.max(1_000, wait) + retryAfter * (1 + random);
}
