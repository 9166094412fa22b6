import { ok, type Result } from '../../contract/result.ts';
import { typedKeys, typedOwnersOf } from '../../contract/secret-types.ts';
import { mapAtMost } from '../concurrency.ts';
import { type Problem, refuse } from '../problem.ts';
import type { FoundSecret } from '../secrets/found-secret.ts';
import { identityOf, withOwnMetadata } from '../secrets/identity.ts';
import { folderOf, pathOf, type SecretRef } from '../secrets/secret-location.ts';
import type { Head, Store } from '../store/store.ts';
import { journalId, readTypedJournal, type TypedJournal, typedJournalIds } from './journal.ts';
import { type Membership, membershipOf, refsOf, type TypedSecret } from './typed-secret.ts';

/** Maximum number of concurrent requests to the store. */
const AT_ONCE = 12;
/** Keys that are read once more one by one. More are read by a list of their folders. */
const FEW = 4;
/** Time after which a creation has surely ended, in ms. Generous, because clocks differ. */
const RECENT = 10 * 60_000;

/**
 * Marks the keys that a creation of a typed secret has written and not described: they look like keys of
 * their own. Sends no request if every live key has metadata. Otherwise it sends one, and two more for each
 * unfinished creation of one of these keys. Keys of the last ten minutes whose names a type with several keys
 * makes are read again, because their creation may have ended meanwhile: with one request for each of up to
 * four keys, otherwise as a list of their folders does.
 *
 * @param found secrets without the metadata of a predecessor, as they were read just now
 */
export async function markUnfinished(
	store: Store,
	found: readonly FoundSecret[],
): Promise<readonly FoundSecret[]> {
	const bare = found.filter(({ head }) => head.live && head.metadata['created_at'] === undefined);
	if (bare.length === 0) return found;
	const unfinished = await unfinishedAmong(store, bare);
	const unclear = bare.filter((secret) => !unfinished.has(secret) && isPartOfNewPair(secret));
	const now = await readAgain(store, unclear);
	return found.flatMap((secret) => {
		const membership = unfinished.get(secret);
		if (membership !== undefined) return [{ ...secret, unfinished: membership }];
		if (!now.has(secret)) return [secret];
		const head = now.get(secret);
		return head === undefined ? [] : [{ ...secret, head: withOwnMetadata(head) }];
	});
}

/** True for a key that a creation may have written just now, together with others. */
function isPartOfNewPair({ ref, head }: FoundSecret): boolean {
	const isNew = Date.now() - head.writtenAt.getTime() < RECENT;
	return isNew && ownersOf(ref).some((owner) => refsOf(owner, () => true).length > 1);
}

/** The typed secrets that have a key if they exist. */
function ownersOf({ location, key }: SecretRef): readonly TypedSecret[] {
	return typedOwnersOf(key).map((owner) => ({ location, ...owner }));
}

/** The keys that an unfinished creation has written and not described, with the membership they will have. */
async function unfinishedAmong(
	store: Store,
	bare: readonly FoundSecret[],
): Promise<ReadonlyMap<FoundSecret, Membership>> {
	const ids = new Set(await typedJournalIds(store));
	if (ids.size === 0) return new Map();
	const owners = new Map<string, TypedSecret>();
	for (const { ref } of bare)
		for (const owner of ownersOf(ref)) if (ids.has(journalId(owner))) owners.set(journalId(owner), owner);
	const journals = await mapAtMost(AT_ONCE, [...owners], async ([id, owner]) => ({
		owner,
		journal: (await readTypedJournal(store, id))?.journal,
	}));
	const byPath = new Map(bare.map((secret) => [pathOf(secret.ref), secret]));
	return new Map(
		journals.flatMap(({ owner, journal }) =>
			journal === undefined ? [] : writtenBy(journal, owner, byPath),
		),
	);
}

/** The secrets that a creation wrote and has not described. */
function writtenBy(
	{ attempt, paths }: TypedJournal,
	owner: TypedSecret,
	byPath: ReadonlyMap<string, FoundSecret>,
): readonly (readonly [FoundSecret, Membership])[] {
	return paths.flatMap(({ path, version }) => {
		const secret = byPath.get(path);
		if (secret?.head.version !== version || secret.head.metadata['copy'] === attempt) return [];
		const { type, name } = owner;
		const typed = typedKeys(type, name).find(({ key }) => key === secret.ref.key);
		if (typed === undefined) return [];
		const { part, sourcing } = typed;
		return [[secret, { type, name, part, sourcing, stamp: undefined, count: paths.length }] as const];
	});
}

/** Reads the metadata of secrets again; undefined for one that is gone. */
async function readAgain(
	store: Store,
	secrets: readonly FoundSecret[],
): Promise<ReadonlyMap<FoundSecret, Head | undefined>> {
	const lists = new Map<string, ReadonlyMap<string, Head> | undefined>();
	const folders = new Set(secrets.map(({ ref }) => folderOf(ref.location)));
	if (secrets.length > FEW) for (const folder of folders) lists.set(folder, await store.listHeads(folder));
	return new Map(
		await mapAtMost(AT_ONCE, secrets, async (secret) => {
			const { location, key } = secret.ref;
			const list = lists.get(folderOf(location));
			const head = list === undefined ? await store.head(pathOf(secret.ref)) : list.get(key);
			return [secret, head?.live === true ? head : undefined] as const;
		}),
	);
}

/**
 * Refuses a key that a creation of a typed secret has written and not yet described: until then it looks like
 * a key of its own. Sends requests only for a key without metadata of its own.
 *
 * @param head the key as it was read, without a membership in a typed secret
 */
export async function checkDescribed(
	store: Store,
	ref: SecretRef,
	head: Head,
): Promise<Result<void, Problem>> {
	if (hasMetadata(head)) return ok(undefined);
	const secret = { ref, head: withOwnMetadata(head) };
	if ((await unfinishedAmong(store, [secret])).size > 0) return beingCreated(ref);
	// The journal goes last: if a creation has ended meanwhile, the metadata are there now.
	const now = await store.head(pathOf(ref));
	const isMember = now !== undefined && membershipOf(ref.key, withOwnMetadata(now)) !== undefined;
	return isMember ? beingCreated(ref) : ok(undefined);
}

function hasMetadata(head: Head): boolean {
	return head.metadata['stamp'] !== undefined && identityOf(head).described;
}

function beingCreated({ key }: SecretRef): Result<never, Problem> {
	return refuse(409, `the key ${key} is being created by another call: look at it again, then try again`);
}
