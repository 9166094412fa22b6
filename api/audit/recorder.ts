import { setTimeout as sleep } from 'node:timers/promises';
import type { Logger } from 'pino';
import type { AuditSink, StampedLine } from '../../lib/audit/lines.ts';
import { AuditDataError, type AuditStore } from './store/store.ts';

/** Lines that one statement stores. */
const BATCH = 500;
/** Lines that wait in memory while the store is away. The log has every line and can be loaded. */
const MAX_WAITING = 20_000;
/** Time in ms that a call waits until its intent line is in the store. */
const PATIENCE = 3_000;
/** Pauses between attempts in ms: the first, and the longest. */
const PAUSES = { first: 200, longest: 5_000 };
/** Time in ms to store the last lines when the process ends. */
const LAST_LINES = 2_000;

/** Records audit lines: it writes each to the log at once, and to the store soon after. */
export interface AuditRecorder {
	readonly sink: AuditSink;
	/**
	 * Waits until every line so far is in the store. False if the store is away, and true without a store: the
	 * log is the record then.
	 */
	stored(): Promise<boolean>;
	/** Lines that wait for the store, and lines that the store did not get. */
	counts(): { readonly waiting: number; readonly missed: number };
	/** Tries once more to store what waits. */
	stop(): Promise<void>;
}

/**
 * Creates the recorder of a process.
 *
 * @param write writes a line to the log before it returns
 * @param replica the name of this start of the process
 */
export function createRecorder(
	write: (line: StampedLine) => void,
	store: AuditStore | undefined,
	{ replica, log }: { readonly replica: string; readonly log: Logger },
): AuditRecorder {
	let sequence = 0;
	let queue: StampedLine[] = [];
	let missed = 0;
	/** The highest sequence that the queue took. */
	let queued = 0;
	let failing = false;
	let running = false;
	let ended = false;
	const waiters: { readonly upTo: number; readonly settle: (stored: boolean) => void }[] = [];
	const settleUpTo = (done: number): void => {
		while (waiters[0] !== undefined && waiters[0].upTo <= done) waiters.shift()?.settle(true);
	};
	const storeBatch = async (to: AuditStore): Promise<void> => {
		const batch = queue.slice(0, BATCH);
		try {
			await to.insert(batch);
		} catch (thrown) {
			if (!(thrown instanceof AuditDataError)) throw thrown;
			missed += await storeEach(to, batch, log);
		}
		queue = queue.slice(batch.length);
		settleUpTo(batch.at(-1)?.sequence ?? 0);
	};
	/** Stores one batch; false if the store is away. */
	const attempt = async (to: AuditStore): Promise<boolean> => {
		try {
			await storeBatch(to);
			if (failing) log.info({ waiting: queue.length }, 'the audit store answers again');
			failing = false;
		} catch (thrown) {
			if (!failing)
				log.error({ problem: problemOf(thrown) }, 'the audit store is away: lines wait, and are in the log');
			failing = true;
			for (const waiter of waiters.splice(0)) waiter.settle(false);
		}
		return !failing;
	};
	const run = async (to: AuditStore): Promise<void> => {
		running = true;
		let pause = PAUSES.first;
		while (queue.length > 0) {
			if (await attempt(to)) {
				pause = PAUSES.first;
				continue;
			}
			if (ended) break;
			await sleep(pause, undefined, { ref: false });
			pause = Math.min(2 * pause, PAUSES.longest);
		}
		running = false;
	};
	const wake = (): void => {
		if (store !== undefined && !running && queue.length > 0) void run(store);
	};
	const stored = async (patience = PATIENCE): Promise<boolean> => {
		if (store === undefined) return true;
		if (failing || queued < sequence) return false;
		if (queue.length === 0) return true;
		const inTime = sleep(patience, false, { ref: false });
		return await Promise.race([
			inTime,
			new Promise<boolean>((settle) => waiters.push({ upTo: sequence, settle })),
		]);
	};
	return {
		sink: (line) => {
			sequence += 1;
			const stamped: StampedLine = { ...line, replica, sequence };
			write(stamped);
			if (store === undefined) return;
			if (queue.length >= MAX_WAITING) {
				// The newest line is left out, so that those in the queue keep their order.
				if (missed === 0) log.error('too many audit lines wait: load the log with `envtier audit --load`');
				missed += 1;
				return;
			}
			queue.push(stamped);
			queued = sequence;
			// Lines of the same turn of the event loop become one statement.
			setImmediate(wake);
		},
		stored: () => stored(),
		counts: () => ({ waiting: queue.length, missed }),
		stop: async () => {
			ended = true;
			wake();
			await stored(LAST_LINES);
			if (queue.length > 0) log.error({ waiting: queue.length }, 'audit lines are in the log alone');
		},
	};
}

/** Stores the lines one by one, because one of them is refused for its data. Returns how many are refused. */
async function storeEach(store: AuditStore, lines: readonly StampedLine[], log: Logger): Promise<number> {
	let refused = 0;
	for (const line of lines) {
		try {
			await store.insert([line]);
		} catch (thrown) {
			if (!(thrown instanceof AuditDataError)) throw thrown;
			log.error({ sequence: line.sequence, problem: problemOf(thrown) }, 'the audit store refuses a line');
			refused += 1;
		}
	}
	return refused;
}

/** The code of an error. Its message may quote the data of a line. */
function problemOf(thrown: unknown): string {
	if (!(thrown instanceof Error)) return 'unknown';
	return 'code' in thrown && thrown.code !== undefined ? String(thrown.code) : thrown.name;
}
