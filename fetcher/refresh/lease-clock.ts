import { now } from '../clock.ts';

const START = Date.now() - now();

/**
 * Milliseconds since 1970, by the clock at the start of this process and the time since then. It never jumps,
 * so that a corrected clock neither ends a lease nor delays its renewal.
 */
export function wallClock(): number {
	return START + now();
}
