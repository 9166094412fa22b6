import { randomBytes } from 'node:crypto';
import { isKey } from '../../contract/keys.ts';
import { ok, type Result } from '../../contract/result.ts';
import { VALUE_FIELD } from '../../contract/tiers.ts';
import { mapAtMost } from '../concurrency.ts';
import { type Problem, refuse } from '../problem.ts';
import type { Head, Store, WrittenVersion } from '../store/store.ts';
import { copiedMetadata, type MetadataPatch, UNTYPED } from '../typed/metadata.ts';
import { genericSummary, type TypeSummary, typeSummaries } from '../typed/summary.ts';
import { markUnfinished } from '../typed/unfinished.ts';
import type { FoundSecret } from './found-secret.ts';
import { identityOf, isOldStamp, stampOfVersion, withOwnMetadata } from './identity.ts';
import { type AuditStamp, encodeTags, initialMetadata, NO_PREDECESSOR, tagsOf } from './metadata.ts';
import { checkOverwrites } from './overwrites.ts';
import { folderOf, idOf, pathOf, type SecretLocation, type SecretRef } from './secret-location.ts';
import { checkNoRemoval } from './tombstones.ts';

/** The metadata of a secret; never its value. */
export interface SecretSummary extends SecretRef {
	readonly id: string;
	readonly description: string;
	readonly tags: readonly string[];
	readonly typed: TypeSummary;
	/** What a copy of the secret takes along of its metadata. */
	readonly copied: MetadataPatch;
}

/** Maximum number of concurrent requests to the store, for one call. */
const AT_ONCE = 12;

/** A new secret. */
export interface SecretInput {
	readonly value: string;
	readonly description: string;
	readonly tags?: readonly string[];
}

/** Limits and checks of a write. */
export interface WriteRules {
	/** Maximum number of versions that a key may get per hour, besides its first one. */
	readonly overwritesPerHour: number;
	/** Called after the write: whether the location is still the authorized one. If not, the write is undone. */
	readonly isStillOwned?: () => Promise<Result<void, Problem>>;
}

/** Creates a secret, also over a deleted one. Of concurrent calls exactly one succeeds. */
export async function createSecret(
	store: Store,
	ref: SecretRef,
	{ value, description, tags = [] }: SecretInput,
	auditStamp: AuditStamp,
	{ overwritesPerHour, isStillOwned = () => Promise.resolve(ok(undefined)) }: WriteRules,
): Promise<Result<SecretSummary, Problem>> {
	const path = pathOf(ref);
	const written = await putNew(store, path, value, { overwritesPerHour, now: auditStamp.at });
	if (!written.ok)
		return written === EXISTS
			? refuse(409, `the key ${ref.key} exists at this scope already; PUT changes its value`)
			: written;
	const stamp = stampOfVersion(written.value);
	const describing = store.describe(path, {
		...NO_PREDECESSOR,
		...initialMetadata(ref, stamp, auditStamp),
		owner: ownerOf(ref.location, auditStamp.subject),
		description: description || null,
		tags: encodeTags(tags),
	});
	const [, still] = await Promise.all([describing, isStillOwned()]);
	const typed = genericSummary(ref.key);
	const shown = { description, tags: [...tags].sort(), typed, copied: UNTYPED };
	if (still.ok) return ok({ ...ref, id: idOf(ref, stamp), ...shown });
	// Otherwise it would belong to the next caller who creates a template or deployment of that name.
	await undoCreation(store, path, written.value);
	return still;
}

/** Removes what a creation wrote. The versions of a deleted predecessor stay. */
async function undoCreation(store: Store, path: string, written: WrittenVersion): Promise<void> {
	if (written.number > 1) return await store.deleteVersion(path, written.number);
	if ((await store.head(path))?.metadata['stamp'] === stampOfVersion(written)) await store.remove(path);
}

/** Makes a random stamp: 96 bits. */
export function newStamp(): string {
	return randomBytes(12).toString('base64url');
}

/** The owner in the metadata of a secret. */
export function ownerOf(location: SecretLocation, subject: string): string {
	return location.kind === 'org' ? `org:${location.org}` : subject;
}

const EXISTS = refuse(409, 'the key exists');

/**
 * Writes a value if the path has no live secret: it never had one, or that one is deleted. Refuses with 409
 * if there is one or its tombstone is being removed, and with 429 after too many overwrites.
 */
export async function putNew(
	store: Store,
	path: string,
	value: string,
	{ overwritesPerHour, now }: { readonly overwritesPerHour: number; readonly now: Date },
): Promise<Result<WrittenVersion, Problem>> {
	const fields = { [VALUE_FIELD]: value };
	const first = await store.putVersion(path, fields, 0);
	if (first !== 'conflict') return ok(first);
	const head = await store.head(path);
	if (head?.live) return EXISTS;
	const limited = head === undefined ? ok(undefined) : checkOverwrites(head, overwritesPerHour, now);
	if (!limited.ok) return limited;
	const kept = head === undefined ? ok(undefined) : checkNoRemoval(head, now);
	if (!kept.ok) return kept;
	// A stamp of earlier releases does not say its version, so it would hold for the new secret as well.
	if (isOldStamp(head?.metadata['stamp'])) await store.describe(path, { stamp: null });
	// The secret was removed meanwhile, or has metadata only: there is no version. The first writer wins.
	const written = await store.putVersion(path, fields, head?.version ?? 0);
	return written === 'conflict' ? EXISTS : ok(written);
}

/**
 * The secrets of some locations, sorted by location and key. Leaves out what an unfinished creation of a
 * typed secret has written and not described: it is all or none.
 */
export async function listSecrets(
	store: Store,
	locations: readonly SecretLocation[],
): Promise<readonly SecretSummary[]> {
	const found = await markUnfinished(store, await liveSecrets(store, locations, AT_ONCE));
	return summariesOf(found.filter(({ unfinished }) => unfinished === undefined));
}

/** The summaries of secrets. They must hold all live secrets of their locations: see `typeSummaries`. */
export function summariesOf(found: readonly FoundSecret[]): readonly SecretSummary[] {
	const types = typeSummaries(found);
	return found.map(({ ref, head }, i) => summaryOf(ref, head, types[i] ?? genericSummary(ref.key)));
}

/** The live secrets of some locations, as `secretsAt`. */
export async function liveSecrets(
	store: Store,
	locations: readonly SecretLocation[],
	atOnce: number,
): Promise<readonly FoundSecret[]> {
	return (await secretsAt(store, locations, atOnce)).filter(({ head }) => head.live);
}

/**
 * The secrets of some locations, also deleted ones, sorted by location and key. Sends one request per
 * thousand secrets of a location if the store supports that; otherwise one per location and one per key.
 *
 * @param atOnce maximum number of concurrent requests to the store
 */
export async function secretsAt(
	store: Store,
	locations: readonly SecretLocation[],
	atOnce: number,
): Promise<readonly FoundSecret[]> {
	const lists = await mapAtMost(atOnce, locations, async (location) => ({
		location,
		heads: await store.listHeads(folderOf(location)),
	}));
	const withoutHeads = lists.filter(({ heads }) => heads === undefined);
	const refs = await mapAtMost(atOnce, withoutHeads, ({ location }) => refsIn(store, location));
	const read = await readSecrets(store, refs.flat(), atOnce);
	const readIn = Map.groupBy(read, ({ ref }) => ref.location);
	return lists.flatMap(({ location, heads }) =>
		heads === undefined ? (readIn.get(location) ?? []) : secretsOf(location, heads),
	);
}

/**
 * Reads the metadata of secrets, with one request for each. Leaves out those that are not there.
 *
 * @param atOnce maximum number of concurrent requests to the store
 */
export async function readSecrets(
	store: Store,
	refs: readonly SecretRef[],
	atOnce: number,
): Promise<readonly FoundSecret[]> {
	const heads = await mapAtMost(atOnce, refs, (ref) => store.head(pathOf(ref)));
	return refs.flatMap((ref, index) => {
		const head = heads[index];
		return head === undefined ? [] : [{ ref, head: withOwnMetadata(head) }];
	});
}

/**
 * The secrets of a location whose metadata were listed. Skips names that no pod could receive: the API did
 * not write them.
 */
export function secretsOf(
	location: SecretLocation,
	heads: ReadonlyMap<string, Head>,
): readonly FoundSecret[] {
	return [...heads].flatMap(([key, head]) =>
		isKey(key) ? [{ ref: { location, key }, head: withOwnMetadata(head) }] : [],
	);
}

function summaryOf(ref: SecretRef, head: Head, typed: TypeSummary): SecretSummary {
	return {
		...ref,
		id: idOf(ref, identityOf(head).stamp),
		description: head.metadata['description'] ?? '',
		tags: tagsOf(head.metadata),
		typed,
		copied: copiedMetadata(head.metadata),
	};
}

/** The names in a location, as `secretsOf`. */
async function refsIn(store: Store, location: SecretLocation): Promise<readonly SecretRef[]> {
	const names = await store.list(folderOf(location));
	return names.filter(isKey).map((key) => ({ location, key }));
}
