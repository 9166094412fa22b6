import { randomUUID } from 'node:crypto';
import type { RecordStep } from '../../lib/audit/steps.ts';
import { startTimeLimit } from '../deployments/attempt.ts';
import { isAbandoned } from '../deployments/registry.ts';
import type { Head, Store } from '../store/store.ts';
import {
	type JournaledPath,
	readTypedJournal,
	removeTypedJournal,
	takeOverTyped,
	typedJournalIds,
} from './journal.ts';

/** The action of the audit lines that an undo writes. */
const UNDO_TYPED = 'secrets.undo';

/** Identifies an undo, and gives it a clock. */
export interface TypedUndoContext {
	readonly by: string;
	readonly now: () => Date;
	readonly step: RecordStep;
}

/**
 * Undoes the creation of a typed secret, unless all of its keys are written: removes what this attempt wrote,
 * and nothing that another caller wrote. Removes the journal last, so that the next undo can continue.
 */
export async function undoTyped(
	store: Store,
	id: string,
	attempt: string,
	{ by, now, step }: TypedUndoContext,
): Promise<void> {
	const limit = startTimeLimit(now());
	const journal = await takeOverTyped(store, id, attempt, { by, limit });
	if (journal === undefined) return;
	const remove = async ({ path, ...entry }: JournaledPath): Promise<void> => {
		const head = await store.head(path);
		if (!isOf(attempt, entry, head)) return;
		limit.check();
		const end = path.lastIndexOf('/');
		const note = { scope: path.slice(0, end), key: path.slice(end + 1) };
		// The versions of a deleted predecessor stay.
		const undo = () => (head.version > 1 ? store.deleteVersion(path, head.version) : store.remove(path));
		await step(UNDO_TYPED, note, undo);
	};
	// Two passes: a write whose response was lost may take effect during the first pass.
	for (let pass = 0; pass < 2; pass += 1) for (const path of journal.paths) await remove(path);
	limit.check();
	await removeTypedJournal(store, id);
}

/** True for a version that the attempt wrote. Without a description it has the metadata from before. */
function isOf(
	attempt: string,
	{ version, before }: Omit<JournaledPath, 'path'>,
	head: Head | undefined,
): head is Head {
	if (head?.live !== true || head.version !== version) return false;
	return head.metadata['copy'] === attempt || (head.metadata['stamp'] ?? '') === before;
}

/** True when every key of a creation is written and described. */
async function isWhole(store: Store, attempt: string, paths: readonly JournaledPath[]): Promise<boolean> {
	for (const { path } of paths) {
		const head = await store.head(path);
		if (head?.live !== true || head.metadata['copy'] !== attempt) return false;
	}
	return true;
}

/**
 * Ends the work on a typed secret that a process left behind: undoes a creation, or keeps it if it is whole.
 * Of a change only the journal is removed: the list of secrets tells that it is not whole.
 *
 * @returns false while another process may be at work
 */
export async function recoverTyped(
	store: Store,
	id: string,
	now: () => Date,
	stepOf: (requestId: string) => RecordStep,
): Promise<boolean> {
	const stored = await readTypedJournal(store, id);
	if (stored === undefined) return true;
	const { kind, attempt, startedAt, requestId, paths, undoing } = stored.journal;
	if (!isAbandoned(new Date(startedAt), now())) return false;
	const done = kind === 'change' || (undoing === undefined && (await isWhole(store, attempt, paths)));
	if (done) await removeTypedJournal(store, id);
	else await undoTyped(store, id, attempt, { by: randomUUID(), now, step: stepOf(requestId) });
	return done || (await readTypedJournal(store, id)) === undefined;
}

/** Ends all work on typed secrets that processes left behind. */
export async function recoverAllTyped(
	store: Store,
	now: () => Date,
	stepOf: (requestId: string) => RecordStep,
): Promise<void> {
	for (const id of await typedJournalIds(store)) await recoverTyped(store, id, now, stepOf);
}
