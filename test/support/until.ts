import { setTimeout as sleep } from 'node:timers/promises';

/** How long and how often `until` looks. */
export interface UntilOptions {
	/** Bound in milliseconds, 30 s unless given. */
	readonly timeoutMs?: number;
	/** Pause between two looks in milliseconds, 50 unless given. */
	readonly everyMs?: number;
}

/**
 * Polls `probe` until it returns something truthy, and returns that. A probe that throws counts as "not yet";
 * its last error is the cause of the timeout error.
 *
 * @param what completes the sentence "waited … for", so that a failed test names what did not happen
 */
export async function until<T>(
	what: string,
	probe: () => T | Promise<T>,
	options: UntilOptions = {},
): Promise<NonNullable<T>> {
	const { timeoutMs = 30_000, everyMs = 50 } = options;
	const end = performance.now() + timeoutMs;
	let cause: unknown;
	for (;;) {
		try {
			const found = await probe();
			if (found) return found as NonNullable<T>;
		} catch (thrown) {
			cause = thrown;
		}
		if (performance.now() > end) throw new Error(`waited ${timeoutMs} ms for ${what}`, { cause });
		await sleep(everyMs);
	}
}
