import process from 'node:process';

/**
 * Milliseconds since this process started, by a monotonic clock. `performance.now()` returns the same value,
 * but its first call loads a dozen of Node's modules.
 */
export function now(): number {
	return process.uptime() * 1_000;
}

/** Waits `ms` milliseconds. */
export function pause(ms: number): Promise<void> {
	return new Promise((resolve) => void setTimeout(resolve, ms));
}

/**
 * Runs `work` after `ms` milliseconds unless cancelled. Handles input that has already arrived first, so that
 * a response does not count as late because this process was busy.
 *
 * @returns a function that cancels it
 */
export function after(ms: number, work: () => void): () => void {
	let due: NodeJS.Immediate | undefined;
	// In one turn of the event loop timers come first, then input, then immediates.
	const timer = setTimeout(() => {
		due = setImmediate(work);
	}, ms);
	return () => {
		clearTimeout(timer);
		clearImmediate(due);
	};
}
