import { createHash } from 'node:crypto';
import { z } from 'zod';
import type { TimeLimit } from '../deployments/attempt.ts';
import { isAbandoned } from '../deployments/registry.ts';
import { folderOf } from '../secrets/secret-location.ts';
import type { Store } from '../store/store.ts';
import type { TypedSecret } from './typed-secret.ts';

/** A path that a creation writes to, and what was there before. */
const PATH = z.object({
	path: z.string(),
	/** The version that the creation writes. */
	version: z.number(),
	/** The stamp of a deleted secret in the metadata; empty when there is none. */
	before: z.string(),
});

/**
 * The journal of a creation or change of a typed secret. While it exists, no other one of the same typed
 * secret starts. It holds no value.
 */
const JOURNAL = z.object({
	kind: z.enum(['create', 'change']),
	attempt: z.string(),
	/** Request id of the call. The audit lines of an undo have the same one. */
	requestId: z.string(),
	startedAt: z.string(),
	/** See `requestHash`. */
	request: z.string(),
	/** What a creation writes; empty for a change, which is not undone. */
	paths: z.array(PATH),
	/** The process that undoes the creation, and when it started. */
	undoing: z.object({ by: z.string(), since: z.string() }).optional(),
});
export type TypedJournal = z.infer<typeof JOURNAL>;
export type JournaledPath = z.infer<typeof PATH>;

/** No template's name begins with "_". The API may read values below `templates/` only. */
const FOLDER = 'templates/_typed';
const encode = (journal: TypedJournal): { journal: string } => ({ journal: JSON.stringify(journal) });
const pathOf = (id: string): string => `${FOLDER}/${id}`;

/** The id of a typed secret's journal. */
export function journalId({ location, type, name }: TypedSecret): string {
	return createHash('sha256')
		.update(`${folderOf(location)} ${type} ${name}`)
		.digest('hex')
		.slice(0, 32);
}

/** A journal as the store holds it. */
export interface StoredTypedJournal {
	readonly journal: TypedJournal;
	readonly version: number;
}

/** Reads a journal; undefined if there is none. */
export async function readTypedJournal(store: Store, id: string): Promise<StoredTypedJournal | undefined> {
	// The version first: if the content is newer, a write with this version conflicts.
	const head = await store.head(pathOf(id));
	if (head === undefined) return undefined;
	const text = (await store.read(pathOf(id)))?.['journal'];
	return text === undefined ? undefined : { journal: JOURNAL.parse(JSON.parse(text)), version: head.version };
}

/** Writes a journal; false when another one was written since version `expected` was read. */
export async function writeTypedJournal(
	store: Store,
	id: string,
	journal: TypedJournal,
	expected: number,
): Promise<boolean> {
	return (await store.put(pathOf(id), encode(journal), expected)) === 'written';
}

/** Removes a journal. */
export async function removeTypedJournal(store: Store, id: string): Promise<void> {
	await store.remove(pathOf(id));
}

/** The ids of all journals. */
export async function typedJournalIds(store: Store): Promise<readonly string[]> {
	return (await store.list(FOLDER)).filter((name) => /^[0-9a-f]{32}$/.test(name));
}

/**
 * Assigns the undo of a creation to `by`. Of several callers, one gets it. Undefined when nothing of this
 * attempt is left, or another undo works on it.
 */
export async function takeOverTyped(
	store: Store,
	id: string,
	attempt: string,
	{ by, limit }: { readonly by: string; readonly limit: TimeLimit },
): Promise<TypedJournal | undefined> {
	const stored = await readTypedJournal(store, id);
	if (stored === undefined || stored.journal.attempt !== attempt) return undefined;
	const { journal, version } = stored;
	const { undoing } = journal;
	const now = limit.now();
	if (undoing !== undefined && undoing.by !== by && !isAbandoned(new Date(undoing.since), now))
		return undefined;
	limit.check();
	const mine = { ...journal, undoing: { by, since: now.toISOString() } };
	return (await writeTypedJournal(store, id, mine, version)) ? journal : undefined;
}
