import { randomUUID } from 'node:crypto';
import type { Logger } from 'pino';
import type { AuditSink } from '../../lib/audit/lines.ts';
import { type RecordStep, stepRecorder } from '../../lib/audit/steps.ts';
import type { Store } from '../store/store.ts';
import { recoverAllTyped } from '../typed/undo.ts';
import { completeAbandonedDeletion, unfinishedDeletions } from './delete-deployment.ts';
import { journaledNames, readJournal } from './journal.ts';
import { undo, undoAbandoned } from './undo.ts';

/** The queue of attempts to undo. */
export interface UndoQueue {
	/** Takes over an attempt whose undo failed. */
	add(name: string, attempt: string): void;
	/** Undoes now all queued attempts at this name. Rejects when the store still fails. */
	settle(name: string): Promise<void>;
}

/** Retries failed undos, and undoes the attempts of processes that died. */
export interface Recovery extends UndoQueue {
	stop(): void;
}

/**
 * Starts to undo unfinished attempts: those in the queue every `retry` milliseconds, abandoned ones every
 * `sweep`.
 */
export function startRecovery(
	store: Store,
	log: Logger,
	{ retry, sweep, now, audit }: { retry: number; sweep: number; now: () => Date; audit: AuditSink },
): Recovery {
	const systemSteps = (requestId: string): RecordStep =>
		stepRecorder(audit, now, () => ({ actor: 'envtier-api', via: 'system', requestId, ip: '' }));
	// The request id of the attempt. An attempt that left no journal has no keys to audit either.
	const stepsOf = async (name: string): Promise<RecordStep> =>
		systemSteps((await readJournal(store, name))?.requestId || randomUUID());
	/** The queued attempts by attempt id, each with the undo in progress. */
	const pending = new Map<string, { readonly name: string; running?: Promise<void> | undefined }>();
	let busy = false;
	let lastSweep = Number.NEGATIVE_INFINITY;
	const undoNow = async (name: string, attempt: string): Promise<void> => {
		const state = await undo(store, name, attempt, { by: attempt, now, step: await stepsOf(name) });
		if (state === 'locked') return;
		pending.delete(attempt);
		const outcome = state === 'completed' ? 'finished' : 'undone';
		log.info({ deployment: name }, `an unfinished deployment was ${outcome}`);
	};
	const settle = async (name: string): Promise<void> => {
		for (const [attempt, one] of [...pending].filter(([, { name: at }]) => at === name)) {
			one.running ??= undoNow(name, attempt).finally(() => {
				one.running = undefined;
			});
			await one.running;
		}
	};
	const runOnce = async (): Promise<void> => {
		for (const name of new Set([...pending.values()].map((one) => one.name))) await settle(name);
		if (performance.now() < lastSweep + sweep) return;
		for (const name of await journaledNames(store))
			await undoAbandoned(store, name, now, await stepsOf(name));
		await recoverAllTyped(store, now, (requestId) => systemSteps(requestId || randomUUID()));
		for (const name of await unfinishedDeletions(store))
			await completeAbandonedDeletion(store, name, now(), systemSteps);
		lastSweep = performance.now();
	};
	const tick = async (): Promise<void> => {
		if (busy) return;
		busy = true;
		try {
			await runOnce();
		} catch (thrown) {
			log.warn({ problem: String(thrown), pending: pending.size }, 'undoing waits for the store');
		} finally {
			busy = false;
		}
	};
	const timer = setInterval(() => void tick(), retry).unref();
	void tick();
	return {
		add: (name, attempt) => void pending.set(attempt, { name }),
		settle,
		stop: () => clearInterval(timer),
	};
}
