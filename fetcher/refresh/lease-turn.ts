import { LEAVING } from './restart.ts';

/** Time that a restart of all containers needs before the old secret ends: the probe, a mint, the write. */
const RESTART_TIME = LEAVING + 5_000;

/**
 * The time at which a secret is replaced. A new secret restarts the pod, so replicas take turns at random:
 * within the spread, within half of what is left of the secret, and early enough for the restart itself.
 *
 * @param expires the end of the secret, in ms since 1970
 * @param from the first time at which it may be replaced
 * @param random from 0 up to but not including 1
 * @param spread in ms; 0: a new secret restarts nothing
 */
export function turnOf(expires: number, from: number, random: number, spread: number): number {
	const left = expires - from;
	return from + random * Math.max(0, Math.min(spread, left / 2, left - RESTART_TIME));
}
