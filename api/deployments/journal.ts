import { z } from 'zod';
import { parseName } from '../../contract/names.ts';
import type { Store } from '../store/store.ts';
import type { TimeLimit } from './attempt.ts';
import { isAbandoned } from './registry.ts';

/**
 * The journal of an attempt to create a deployment. It is written first, so that others can undo the attempt.
 * While a name has a journal, no other attempt or undo of that name starts.
 */
const JOURNAL = z.object({
	attempt: z.string(),
	/** Request id of the call. The audit lines of an undo have the same one. */
	requestId: z.string().default(''),
	owner: z.string(),
	startedAt: z.string(),
	/** The stamp of the claim; undefined before the claim. */
	claim: z.string().optional(),
	/** Paths that held no live secret when the attempt began. */
	paths: z.array(z.string()),
	/** The process that undoes the attempt, and the time when it started. */
	undoing: z.object({ by: z.string(), since: z.string() }).optional(),
});
export type Journal = z.infer<typeof JOURNAL>;

/** No template's name begins with "_", so this folder cannot collide with one. */
const JOURNALS = 'templates/_journal';
const journalOf = (name: string): string => `${JOURNALS}/${name}`;
const encode = (journal: Journal): { journal: string } => ({ journal: JSON.stringify(journal) });

/** Writes the journal of an attempt; false when there is one of that name already. */
export async function openJournal(store: Store, name: string, journal: Journal): Promise<boolean> {
	return (await store.put(journalOf(name), encode(journal), 0)) === 'written';
}

/** Replaces the journal that `openJournal` wrote; false when an undo of the attempt has begun. */
export async function completeJournal(store: Store, name: string, journal: Journal): Promise<boolean> {
	return (await store.put(journalOf(name), encode(journal), 1)) === 'written';
}

/** The journal of a name, if there is one. */
export async function readJournal(store: Store, name: string): Promise<Journal | undefined> {
	const text = (await store.read(journalOf(name)))?.['journal'];
	return text === undefined ? undefined : JOURNAL.parse(JSON.parse(text));
}

/** Removes a journal. A missing journal is not an error. */
export async function removeJournal(store: Store, name: string): Promise<void> {
	await store.remove(journalOf(name));
}

/** The names that have a journal. */
export async function journaledNames(store: Store): Promise<readonly string[]> {
	return (await store.list(JOURNALS)).filter((name) => parseName(name).ok);
}

/** The journal of an attempt to undo, and when it was opened, by the store's clock. */
export interface UndoLock {
	readonly journal: Journal;
	readonly openedAt: Date;
}

/**
 * Assigns the undo of an attempt to `by`. Of several callers, one gets it. Returns "none" when nothing of
 * this attempt is left, and "locked" while another undo works on it.
 */
export async function takeOver(
	store: Store,
	name: string,
	attempt: string,
	{ by, limit }: { readonly by: string; readonly limit: TimeLimit },
): Promise<UndoLock | 'none' | 'locked'> {
	const head = await store.head(journalOf(name));
	const journal = await readJournal(store, name);
	if (head === undefined || journal?.attempt !== attempt) return 'none';
	const now = limit.now();
	const { undoing } = journal;
	if (undoing !== undefined && undoing.by !== by && !isAbandoned(new Date(undoing.since), now))
		return 'locked';
	const mine = { ...journal, undoing: { by, since: now.toISOString() } };
	limit.check();
	const outcome = await store.put(journalOf(name), encode(mine), head.version);
	return outcome === 'written' ? { journal, openedAt: head.createdAt } : 'locked';
}
