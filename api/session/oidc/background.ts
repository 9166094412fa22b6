import { LRUCache } from 'lru-cache';
import type { Logger } from 'pino';
import type { SessionRecords } from './records.ts';

/**
 * Times in ms: from the start to the first removal of sessions that are over, between two removals, and
 * between two attempts to end a session.
 */
const TIMES = { first: 60_000, purge: 3_600_000, end: 5_000 };
/** Sessions that wait for their end. */
const WAITING = 10_000;

/** What the background work needs. */
interface BackgroundParts {
	readonly records: SessionRecords;
	readonly log: Logger;
	readonly now: () => Date;
}

/** Removes the records of sessions that are over, and ends sessions that a store that was away still has. */
export function tidySessions(
	{ records, log, now }: BackgroundParts,
	times = TIMES,
): {
	readonly endLater: (sid: string, ends: number) => void;
	readonly stop: () => void;
} {
	const waiting = new LRUCache<string, number>({ max: WAITING });
	const purge = async (): Promise<void> => {
		try {
			const removed = await records.purge();
			if (removed > 0) log.info({ removed }, 'sessions that are over were removed');
		} catch (thrown) {
			log.warn({ problem: String(thrown) }, 'sessions that are over cannot be removed now');
		}
	};
	const endWaiting = async (): Promise<void> => {
		for (const [sid, ends] of waiting.entries()) {
			if (ends > now().getTime()) await records.end(sid);
			waiting.delete(sid);
		}
	};
	const timers = [
		setTimeout(() => void purge(), times.first).unref(),
		setInterval(() => void purge(), times.purge).unref(),
		// It fails while the store is away, and the next one tries again.
		setInterval(() => void endWaiting().catch(() => undefined), times.end).unref(),
	];
	return {
		endLater: (sid, ends) => void waiting.set(sid, ends),
		stop: () => {
			for (const timer of timers) clearInterval(timer);
		},
	};
}
