import { randomUUID } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Logger } from 'pino';
import type { AuditSink } from '../../lib/audit/lines.ts';
import { stepRecorder } from '../../lib/audit/steps.ts';
import type { Store } from '../store/store.ts';
import { purgeTombstones } from './tombstones.ts';

/** How a watch runs; times in ms. */
export interface TombstoneWatch {
	readonly retention: number;
	/** From the start to the first purge, and between two purges. */
	readonly first: number;
	readonly interval: number;
	readonly now: () => Date;
	readonly audit: AuditSink;
	/** Waits; by default in real time. */
	readonly wait?: (ms: number) => Promise<void>;
}

/** Removes tombstones whose retention has ended, some time after the start and then at each interval. */
export function startTombstoneWatch(
	store: Store,
	log: Logger,
	{ retention, first, interval, now, audit, wait }: TombstoneWatch,
): () => void {
	const ending = new AbortController();
	const step = stepRecorder(audit, now, () => ({
		...{ actor: 'envtier-api', via: 'system', ip: '' },
		requestId: randomUUID(),
	}));
	const waiting = wait ?? ((ms: number) => sleep(ms, undefined, { ref: false, signal: ending.signal }));
	let running = false;
	const purge = async (): Promise<void> => {
		if (running) return;
		running = true;
		try {
			const removed = await purgeTombstones(store, { retention, now, wait: waiting, step });
			if (removed > 0) log.info({ removed }, 'tombstones of destroyed secrets were removed');
		} catch (thrown) {
			if (!ending.signal.aborted) log.warn({ problem: String(thrown) }, 'tombstones cannot be removed now');
		} finally {
			running = false;
		}
	};
	const timer = setInterval(() => void purge(), interval).unref();
	const start = setTimeout(() => void purge(), first).unref();
	return () => {
		ending.abort();
		clearTimeout(start);
		clearInterval(timer);
	};
}
