import { randomUUID } from 'node:crypto';
import type { RecordStep } from '../audit/steps.ts';
import { mapAtMost } from '../concurrency.ts';
import type { Store } from '../store/store.ts';
import { readJournal, removeJournal, takeOver, type UndoLock } from './journal.ts';
import { isAbandoned, markerOf, type NameState, nameStateOf, removeFromIndex } from './registry.ts';

const AT_ONCE = 8;
/** The action of the audit lines that tell what was taken back. */
const UNDO = 'deployments.undo';

/** Who undoes an attempt, and when. */
export interface UndoContext {
	/** Tells one that undoes from another. Whoever made the attempt uses its id. */
	readonly by: string;
	readonly now: Date;
	readonly step: RecordStep;
}

/**
 * Takes an attempt back, unless it became a deployment. The name is released first, so that a last step still under way finds nothing
 * to complete; the journal goes last, so that whoever is interrupted leaves enough for the next. Touches nothing of other attempts: the
 * journal must be this attempt's, the claim must have the stamp in it, and secrets must bear its id.
 *
 * @returns "locked" while somebody else undoes it
 */
export async function undo(
	store: Store,
	name: string,
	attempt: string,
	{ step, ...by }: UndoContext,
): Promise<'completed' | 'undone' | 'locked'> {
	const held = await takeOver(store, name, attempt, by);
	if (held === 'locked') return 'locked';
	if (held === 'none') return 'undone';
	const { journal } = held;
	const state = await nameStateOf(store, name);
	if (state.kind === 'registered') {
		await removeJournal(store, name);
		return 'completed';
	}
	if (isClaimOf(held, state))
		await step(UNDO, { scope: `deployments/${name}` }, () => store.remove(markerOf(name)));
	// Twice: a write whose answer was lost may be done just now.
	for (let pass = 0; pass < 2; pass += 1)
		await mapAtMost(AT_ONCE, journal.paths, (path) => removeCopy(store, path, attempt, step));
	await removeFromIndex(store, journal.owner, 'deployments', name);
	await removeJournal(store, name);
	return 'undone';
}

/** True for a claim of this attempt. One whose answer was lost has no stamp in the journal, but was made after it was opened. */
function isClaimOf({ journal, openedAt }: UndoLock, state: NameState): boolean {
	if (state.kind !== 'claimed') return false;
	return journal.claim === undefined ? state.since >= openedAt : state.stamp === journal.claim;
}

/** Removes what this attempt wrote, and nothing that someone else wrote there meanwhile. */
async function removeCopy(store: Store, path: string, attempt: string, step: RecordStep): Promise<void> {
	const head = await store.head(path);
	if (head === undefined || !head.live) return;
	const { copy, created_by: createdBy } = head.metadata;
	// Written, and not described before the failure: nobody's yet.
	const undescribed = createdBy === undefined;
	if (copy !== attempt && !undescribed) return;
	const end = path.lastIndexOf('/');
	const note = { scope: path.slice(0, end), key: path.slice(end + 1) };
	await step(UNDO, note, () => store.remove(path));
}

/** Takes an attempt back if nobody can be at work on it any more. */
export async function undoAbandoned(store: Store, name: string, now: Date, step: RecordStep): Promise<void> {
	const journal = await readJournal(store, name);
	if (journal !== undefined && isAbandoned(new Date(journal.startedAt), now))
		await undo(store, name, journal.attempt, { by: randomUUID(), now, step });
}
