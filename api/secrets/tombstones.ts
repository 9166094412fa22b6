import { createHash, randomUUID } from 'node:crypto';
import { ok, type Result } from '../../contract/result.ts';
import type { RecordStep } from '../../lib/audit/steps.ts';
import { mapAtMost } from '../concurrency.ts';
import { type Problem, refuse } from '../problem.ts';
import type { Head, Store } from '../store/store.ts';
import { decodeRef, encodeRef } from './ref-metadata.ts';
import { folderOf, pathOf, type SecretRef } from './secret-location.ts';

/** The index of tombstones. Without it the API would have to list everything. */
const FOLDER = 'registry/tombstones';
const MARKER = { marker: 'envtier' };
/** Maximum number of concurrent requests to the store. */
const AT_ONCE = 4;
/** Maximum number of entries that one purge reads. Each needs two requests. */
const MAX_ENTRIES = 5_000;
/** Age in ms from which an entry without its tombstone is removed: a destruction writes the entry first. */
const STALE_AFTER = 600_000;
/**
 * Times in ms after the mark of a tombstone. Its removal begins after `from`, when each call that read the
 * secret before the mark has ended, and ends before `to`. A mark that is older than `forgotten` is of a
 * process that ended.
 */
export const REMOVAL = { from: 150_000, to: 300_000, forgotten: 600_000 } as const;

const entryOf = (ref: SecretRef): string =>
	`${FOLDER}/${createHash('sha256').update(pathOf(ref)).digest('hex').slice(0, 32)}`;

/** Adds a secret that is destroyed to the index. An existing entry is not an error. */
export async function addTombstone(store: Store, ref: SecretRef): Promise<void> {
	await store.put(entryOf(ref), MARKER, 0);
	await store.describe(entryOf(ref), encodeRef(ref));
}

/** The mark in the metadata of a tombstone that is about to be removed: a time, and who removes it. */
function markOf({ metadata }: Head): { readonly at: number; readonly by: string } | undefined {
	const [at = '', by = ''] = (metadata['removing'] ?? '').split(' ');
	return by === '' || Number.isNaN(Date.parse(at)) ? undefined : { at: Date.parse(at), by };
}

/** Refuses a creation over a tombstone that is about to be removed: the removal would take it along. */
export function checkNoRemoval(head: Head, now: Date): Result<void, Problem> {
	const mark = markOf(head);
	if (mark === undefined || now.getTime() - mark.at > REMOVAL.forgotten) return ok(undefined);
	return refuse(
		409,
		'what is left of a destroyed secret with this key is being removed: try again in ten minutes',
	);
}

/** When the secret was destroyed; undefined if there is one, or only a deleted one. */
function destroyedAt({ live, versions, metadata }: Head): Date | undefined {
	const text = metadata['destroyed_at'];
	if (live || text === undefined || versions.some(({ destroyed }) => !destroyed)) return undefined;
	return new Date(text);
}

/** How a purge runs. */
export interface PurgeContext {
	/** Tombstones are kept so long after the destruction, in ms. */
	readonly retention: number;
	readonly now: () => Date;
	/** Waits, in ms. Rejects when the process ends. */
	readonly wait: (ms: number) => Promise<void>;
	readonly step: RecordStep;
}

/** A tombstone that this purge has marked. */
interface Marked {
	readonly ref: SecretRef;
	readonly version: number;
}

/**
 * Removes tombstones whose retention has ended. Version numbers of their keys then begin at 1 again. Vault
 * cannot remove metadata on a condition, so each tombstone is marked first, and creations stop at the mark.
 *
 * @returns how many were removed
 */
export async function purgeTombstones(store: Store, context: PurgeContext): Promise<number> {
	const { now, wait, step } = context;
	const id = randomUUID();
	const names = (await store.list(FOLDER)).filter((name) => /^[0-9a-f]{32}$/.test(name));
	const found = await mapAtMost(AT_ONCE, names.slice(0, MAX_ENTRIES), (name) =>
		mark(store, name, id, context),
	);
	const marked = found.filter((one) => one !== undefined);
	if (marked.length === 0) return 0;
	const markedAt = now().getTime();
	await wait(REMOVAL.from);
	let removed = 0;
	for (const { ref, version } of marked) {
		const path = pathOf(ref);
		const head = await store.head(path);
		// Of two purges at the same time the second one has overwritten the mark of the first.
		if (head === undefined || markOf(head)?.by !== id) continue;
		if (now().getTime() - markedAt >= REMOVAL.to) break;
		if (head.version !== version || destroyedAt(head) === undefined) continue;
		await step('secrets.purge', { scope: folderOf(ref.location), key: ref.key }, () => store.remove(path));
		await store.remove(entryOf(ref));
		removed += 1;
	}
	return removed;
}

/** Marks the tombstone of an entry if its time has come. Removes an entry that is none any more. */
async function mark(
	store: Store,
	name: string,
	by: string,
	{ retention, now }: PurgeContext,
): Promise<Marked | undefined> {
	const entry = await store.head(`${FOLDER}/${name}`);
	const ref = entry === undefined ? undefined : decodeRef(entry.metadata);
	if (entry === undefined) return undefined;
	const head = ref === undefined ? undefined : await store.head(pathOf(ref));
	const since = head === undefined ? undefined : destroyedAt(head);
	const age = now().getTime() - entry.createdAt.getTime();
	if (ref === undefined || head === undefined || since === undefined) {
		if (age > STALE_AFTER) await store.remove(`${FOLDER}/${name}`);
		return undefined;
	}
	if (now().getTime() - since.getTime() < retention) return undefined;
	const other = markOf(head);
	if (other !== undefined && now().getTime() - other.at <= REMOVAL.forgotten) return undefined;
	await store.describe(pathOf(ref), { removing: `${now().toISOString()} ${by}` });
	return { ref, version: head.version };
}
