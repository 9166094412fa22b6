import { randomUUID } from 'node:crypto';
import type { Logger } from 'pino';
import type { AuditSink } from './audit.ts';
import { type RecordStep, stepRecorder } from './audit-steps.ts';
import { journaledNames, readJournal } from './journal.ts';
import type { Store } from './store/store.ts';
import { undo, undoAbandoned } from './undo.ts';

/** What undoes attempts that failed half-way. */
export interface Undoing {
	/** Takes over an attempt that could not be undone at once. */
	later(name: string): void;
	/** Undoes an attempt at this name now, if one was handed over; rejects when the store still fails. */
	settle(name: string): Promise<void>;
}

/** Keeps undoing what a failing store kept from being undone, and what processes that died left behind. */
export interface Recovery extends Undoing {
	stop(): void;
}

/** Starts looking after unfinished attempts: those handed over every `retry` milliseconds, abandoned ones every `sweep`. */
export function startRecovery(
	store: Store,
	log: Logger,
	{ retry, sweep, now, audit }: { retry: number; sweep: number; now: () => Date; audit: AuditSink },
): Recovery {
	const stepsOf = async (name: string): Promise<RecordStep> => {
		// The request that began it; a failed one that left no journal has no keys to tell of either.
		const requestId = (await readJournal(store, name))?.requestId || randomUUID();
		return stepRecorder(audit, now, () => ({ actor: 'envtier-api', via: 'system', requestId, ip: '' }));
	};
	/** What was handed over, with the undoing that is under way. */
	const pending = new Map<string, Promise<void> | undefined>();
	let busy = false;
	let swept = Number.NEGATIVE_INFINITY;
	const undoNow = async (name: string): Promise<void> => {
		try {
			const state = await undo(store, name, undefined, await stepsOf(name));
			pending.delete(name);
			const left = state === 'made' ? 'finished' : 'undone';
			log.info({ deployment: name }, `a deployment that failed half-way was ${left}`);
		} catch (thrown) {
			pending.set(name, undefined);
			throw thrown;
		}
	};
	const settle = async (name: string): Promise<void> => {
		if (!pending.has(name)) return;
		const under = pending.get(name) ?? undoNow(name);
		if (pending.has(name)) pending.set(name, under);
		await under;
	};
	const look = async (): Promise<void> => {
		for (const name of [...pending.keys()]) await settle(name);
		if (performance.now() < swept + sweep) return;
		for (const name of await journaledNames(store))
			await undoAbandoned(store, name, now(), await stepsOf(name));
		swept = performance.now();
	};
	const tick = async (): Promise<void> => {
		if (busy) return;
		busy = true;
		try {
			await look();
		} catch (thrown) {
			log.warn({ problem: String(thrown), pending: pending.size }, 'undoing waits for the store');
		} finally {
			busy = false;
		}
	};
	const timer = setInterval(() => void tick(), retry).unref();
	void tick();
	return {
		later: (name) => void pending.set(name, undefined),
		settle,
		stop: () => clearInterval(timer),
	};
}
