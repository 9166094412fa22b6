import process from 'node:process';

/**
 * Milliseconds since this process began, by a clock that nobody sets. `performance.now()` says the same, but loads a dozen of Node's modules
 * the first time that somebody asks.
 */
export function now(): number {
	return process.uptime() * 1_000;
}

/** Waits so many milliseconds. */
export function pause(ms: number): Promise<void> {
	return new Promise((resolve) => void setTimeout(resolve, ms));
}
