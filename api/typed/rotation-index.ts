import type { Logger } from 'pino';
import { dueAt } from '../../lib/kv/rotation.ts';
import { indexEntryOf, isIndexEntry, ROTATIONS, secretOfEntry } from '../../lib/kv/rotation-index.ts';
import { mapAtMost } from '../concurrency.ts';
import { encodeRef } from '../secrets/ref-metadata.ts';
import { pathOf, type SecretRef } from '../secrets/secret-location.ts';
import type { Head, Store } from '../store/store.ts';
import { rotationOf } from './rotation.ts';
import { startWatch, type WatchTimes } from './watch.ts';

const MARKER = { marker: 'envtier' };
/** Maximum number of concurrent requests to the store. */
const AT_ONCE = 4;
/** Maximum number of entries that one count reads. Each needs two requests. */
const MAX_ENTRIES = 10_000;
/** Age in ms from which an entry without its rotation is removed: the entry is written first. */
const STALE_AFTER = 600_000;
/** Time in ms after which a password that is due counts as overdue: no controller rotates it. */
const OVERDUE_AFTER = 3_600_000;

const entryOf = (ref: SecretRef): string => `${ROTATIONS}/${indexEntryOf(pathOf(ref))}`;

/** Adds a secret to the index. An entry that is there gets a new version: then it is not stale. */
async function addToIndex(store: Store, ref: SecretRef): Promise<void> {
	const entry = entryOf(ref);
	if ((await store.put(entry, MARKER, 0)) === 'conflict')
		// Of several calls at the same time one writes it.
		await store.put(entry, MARKER, (await store.head(entry))?.version ?? 0);
	await store.describe(entry, encodeRef(ref));
}

/**
 * Sets the rotation of a secret by `work`, with an entry in the index. The entry comes first: a rotation
 * without one would never be found.
 */
export async function indexed<T>(store: Store, ref: SecretRef, work: () => Promise<T>): Promise<T> {
	await addToIndex(store, ref);
	const done = await work();
	// A count may have removed the entry, because it saw the secret before its rotation.
	if ((await store.head(entryOf(ref))) === undefined) await addToIndex(store, ref);
	return done;
}

/** Passwords that rotate, by whether the next value is long due. */
export interface RotationCounts {
	readonly waiting: number;
	readonly overdue: number;
}

/**
 * Counts the passwords that rotate. Removes entries of the index whose secrets are gone or rotate no longer.
 *
 * @param now decides which passwords are overdue, and which entries are old enough to be removed
 */
export async function countRotations(store: Store, now: Date): Promise<RotationCounts> {
	const names = (await store.list(ROTATIONS)).filter(isIndexEntry);
	const states = await mapAtMost(AT_ONCE, names.slice(0, MAX_ENTRIES), (name) => stateOf(store, name, now));
	const overdue = states.filter((state) => state === 'overdue').length;
	return { overdue, waiting: states.filter((state) => state === 'waiting').length };
}

async function stateOf(store: Store, name: string, now: Date): Promise<'waiting' | 'overdue' | undefined> {
	const path = `${ROTATIONS}/${name}`;
	const entry = await store.head(path);
	if (entry === undefined) return undefined;
	const secret = secretOfEntry(name, entry.metadata);
	const head = secret && (await store.head(`${secret.folder}/${secret.key}`));
	const rotation = secret && head && rotationOf(secret.key, head);
	if (secret === undefined || head === undefined || rotation === undefined) {
		if (isStale(entry, now)) await store.remove(path);
		return undefined;
	}
	if (!head.live) return undefined;
	return now.getTime() - dueAt(rotation, head.writtenAt).getTime() > OVERDUE_AFTER ? 'overdue' : 'waiting';
}

function isStale({ writtenAt }: Head, now: Date): boolean {
	return now.getTime() - writtenAt.getTime() > STALE_AFTER;
}

/**
 * Counts the passwords that rotate some time after the start and then at each interval. Returns a function
 * that stops it.
 *
 * @param record called with each count
 */
export function startRotationWatch(
	store: Store,
	record: (counts: RotationCounts) => void,
	log: Logger,
	{ now, ...times }: WatchTimes & { readonly now: () => Date },
): () => void {
	return startWatch(
		async () => record(await countRotations(store, now())),
		(thrown) => log.warn({ problem: String(thrown) }, 'the passwords that rotate cannot be counted'),
		times,
	);
}
