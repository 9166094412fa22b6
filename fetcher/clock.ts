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

/**
 * Does `work` after so many milliseconds unless told not to. What has come by then is dealt with first, so that an answer does not count as
 * late because this process was busy when it came.
 *
 * @returns takes it back
 */
export function after(ms: number, work: () => void): () => void {
	let due: NodeJS.Immediate | undefined;
	// Of one turn of the event loop timers are the beginning, what has come in is the middle, and immediates are the end.
	const timer = setTimeout(() => {
		due = setImmediate(work);
	}, ms);
	return () => {
		clearTimeout(timer);
		clearImmediate(due);
	};
}
