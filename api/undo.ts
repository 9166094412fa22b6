import type { RecordStep } from './audit-steps.ts';
import { mapAtMost } from './concurrency.ts';
import { type Journal, readJournal, removeJournal } from './journal.ts';
import { findDeployment, isAbandoned, markerOf, removeFromIndex } from './registry.ts';
import type { Store } from './store/store.ts';

const AT_ONCE = 8;
/** The action of the audit lines that tell what was taken back. */
const UNDO = 'deployments.undo';

/**
 * Takes an attempt back, unless it became a deployment. The name is released first, so that a last step still under way finds nothing
 * to complete; the journal goes last, so that whoever is interrupted leaves enough for the next.
 *
 * @param known the journal, if it was read already
 */
export async function undo(
	store: Store,
	name: string,
	known: Journal | undefined,
	step: RecordStep,
): Promise<'made' | 'undone'> {
	const journal = known ?? (await readJournal(store, name));
	if ((await findDeployment(store, name)) !== undefined) {
		if (journal !== undefined) await removeJournal(store, name);
		return 'made';
	}
	await step(UNDO, { scope: `deployments/${name}` }, () => store.remove(markerOf(name)));
	if (journal === undefined) return 'undone';
	// Twice: a write whose answer was lost may be done just now.
	for (let pass = 0; pass < 2; pass += 1)
		await mapAtMost(AT_ONCE, journal.paths, (path) => removeCopy(store, path, journal.attempt, step));
	await removeFromIndex(store, journal.owner, 'deployments', name);
	await removeJournal(store, name);
	return 'undone';
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
		await undo(store, name, journal, step);
}
