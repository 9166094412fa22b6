import { z } from 'zod';
import { parseName } from '../contract/names.ts';
import type { Store } from './store/store.ts';

/** What is written down before the first secret is copied, so that whoever comes later can undo it. */
const JOURNAL = z.object({
	attempt: z.string(),
	/** Of the call, so that undoing it can be told by the same request id. */
	requestId: z.string().default(''),
	owner: z.string(),
	startedAt: z.string(),
	/** Paths at which nothing lived when the attempt began. */
	paths: z.array(z.string()),
});
export type Journal = z.infer<typeof JOURNAL>;

/** "_" begins no template's name, so this is nobody's. */
const JOURNALS = 'templates/_journal';
const journalOf = (name: string): string => `${JOURNALS}/${name}`;

/** Writes the journal of an attempt; false when there is one of that name already. */
export async function openJournal(store: Store, name: string, journal: Journal): Promise<boolean> {
	return (await store.put(journalOf(name), { journal: JSON.stringify(journal) }, 0)) === 'written';
}

export async function readJournal(store: Store, name: string): Promise<Journal | undefined> {
	const text = (await store.read(journalOf(name)))?.['journal'];
	return text === undefined ? undefined : JOURNAL.parse(JSON.parse(text));
}

/** Removes a journal. That there is none is no error. */
export async function removeJournal(store: Store, name: string): Promise<void> {
	await store.remove(journalOf(name));
}

/** The names that have a journal. */
export async function journaledNames(store: Store): Promise<readonly string[]> {
	return (await store.list(JOURNALS)).filter((name) => parseName(name).ok);
}
