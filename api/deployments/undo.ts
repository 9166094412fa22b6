import { randomUUID } from 'node:crypto';
import type { RecordStep } from '../../lib/audit/steps.ts';
import type { Store } from '../store/store.ts';
import { startTimeLimit } from './attempt.ts';
import { releaseName } from './claim-name.ts';
import { removeCopies } from './copy-secrets.ts';
import { readJournal, removeJournal, takeOver } from './journal.ts';
import { isAbandoned, nameStateOf, removeFromIndex } from './registry.ts';

/** Identifies an undo, and gives it a clock. */
export interface UndoContext {
	/** Identifies this undo among others. The creator of the attempt uses the attempt's id. */
	readonly by: string;
	readonly now: () => Date;
	readonly step: RecordStep;
}

/**
 * Undoes an attempt, unless it became a deployment. Releases the name first, so that a last step in progress
 * finds nothing to complete. Removes the journal last, so that the next undo can continue an interrupted one.
 * Touches nothing of other attempts: the journal must belong to this attempt, the claim must have the stamp
 * in the journal, and secrets must have the attempt's id. Checks the time limit before each removal: a later
 * undo may have taken over, and others may use the name again. It then rejects with a `StoreFailure`, and the
 * next undo continues.
 *
 * @returns "locked" while another undo of this attempt runs
 */
export async function undo(
	store: Store,
	name: string,
	attempt: string,
	{ by, now, step }: UndoContext,
): Promise<'completed' | 'undone' | 'locked'> {
	const limit = startTimeLimit(now());
	const lock = await takeOver(store, name, attempt, { by, limit });
	if (lock === 'locked') return 'locked';
	if (lock === 'none') return 'undone';
	const { journal } = lock;
	const state = await nameStateOf(store, name);
	if (state.kind === 'registered') {
		limit.check();
		await removeJournal(store, name);
		return 'completed';
	}
	const context = { attempt, limit, step };
	await releaseName(store, name, { lock, state }, context);
	await removeCopies(store, journal.paths, context);
	limit.check();
	await removeFromIndex(store, journal.owner, 'deployments', name);
	limit.check();
	await removeJournal(store, name);
	return 'undone';
}

/** Undoes an attempt if no process can still be working on it. */
export async function undoAbandoned(
	store: Store,
	name: string,
	now: () => Date,
	step: RecordStep,
): Promise<void> {
	const journal = await readJournal(store, name);
	if (journal !== undefined && isAbandoned(new Date(journal.startedAt), now()))
		await undo(store, name, journal.attempt, { by: randomUUID(), now, step });
}
