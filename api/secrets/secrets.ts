import { randomBytes } from 'node:crypto';
import { isKey } from '../../contract/keys.ts';
import { ok, type Result } from '../../contract/result.ts';
import { VALUE_FIELD } from '../../contract/tiers.ts';
import { mapAtMost } from '../concurrency.ts';
import { NO_SUCH_SECRET, type Problem, refuse } from '../problem.ts';
import type { Head, Store } from '../store/store.ts';
import {
	folderOf,
	idOf,
	pathOf,
	type SecretLocation,
	type SecretRef,
	type StampedSecretRef,
} from './secret-location.ts';

/** What is known of a secret; never its value. */
export interface SecretSummary extends SecretRef {
	readonly id: string;
	readonly description: string;
}

/** Who does something, and when. */
export interface AuditStamp {
	readonly subject: string;
	readonly at: Date;
}

/** Requests to the store at a time, for one call. */
const AT_ONCE = 12;

/**
 * Creates a secret, also over a soft-deleted one. Of concurrent calls exactly one succeeds.
 *
 * @param isStillOwned called after the write: whether the location is still the one that was authorized. Else
 * the write is undone
 */
export async function createSecret(
	store: Store,
	ref: SecretRef,
	given: { readonly value: string; readonly description: string },
	auditStamp: AuditStamp,
	isStillOwned: () => Promise<Result<void, Problem>> = () => Promise.resolve(ok(undefined)),
): Promise<Result<SecretSummary, Problem>> {
	const outcome = await putNew(store, pathOf(ref), given.value);
	if (outcome === 'conflict')
		return refuse(409, `the key ${ref.key} exists at this scope already; PUT changes its value`);
	const stamp = newStamp();
	const describing = store.describe(pathOf(ref), {
		...initialMetadata(ref, stamp, auditStamp),
		owner: ownerOf(ref.location, auditStamp.subject),
		description: given.description || null,
		// What a soft-deleted predecessor left.
		updated_by: null,
		updated_at: null,
		copied_from: null,
		copy: null,
	});
	const [, still] = await Promise.all([describing, isStillOwned()]);
	if (still.ok) return ok({ ...ref, id: idOf(ref, stamp), description: given.description });
	// Else it would become a secret of whoever creates the template or deployment of that name next.
	if ((await store.head(pathOf(ref)))?.metadata['stamp'] === stamp) await store.remove(pathOf(ref));
	return still;
}

/** Vault's bound of one value of custom_metadata, in bytes. */
const METADATA_BYTES = 512;

/** Makes the stamp of a secret that is being created: 96 random bits. */
export function newStamp(): string {
	return randomBytes(12).toString('base64url');
}

/**
 * The initial metadata of a secret. An id with the longest names does not fit; it is left out then, because
 * path and stamp contain it.
 */
export function initialMetadata(
	ref: SecretRef,
	stamp: string,
	auditStamp: AuditStamp,
): {
	readonly id: string | null;
	readonly stamp: string;
	readonly created_by: string;
	readonly created_at: string;
} {
	const id = idOf(ref, stamp);
	const kept = id.length <= METADATA_BYTES ? id : null;
	return { id: kept, stamp, created_by: auditStamp.subject, created_at: auditStamp.at.toISOString() };
}

/**
 * The stamp of a secret. A secret that was not written by the API has none in its metadata; then it is its
 * creation time.
 */
function stampOf({ metadata, createdAt }: Head): string {
	return metadata['stamp'] ?? `t${createdAt.getTime().toString(36)}`;
}

/** True when the secret at a path is still the one that `ref` means, and not a later one of the same name. */
function isSameSecret({ stamp }: StampedSecretRef, head: Head | undefined): head is Head {
	if (head?.live !== true) return false;
	return stamp === undefined ? head.metadata['stamp'] === undefined : stamp === stampOf(head);
}

function ownerOf(location: SecretLocation, subject: string): string {
	return location.kind === 'org' ? `org:${location.org}` : subject;
}

/** Writes a value where none lives: nothing was ever there, or what was there is deleted. */
export async function putNew(store: Store, path: string, value: string): Promise<'written' | 'conflict'> {
	const fields = { [VALUE_FIELD]: value };
	if ((await store.put(path, fields, 0)) === 'written') return 'written';
	const head = await store.head(path);
	if (head?.live) return 'conflict';
	// Removed meanwhile, or with metadata only: then there is no version. The first of several writers wins.
	return store.put(path, fields, head?.version ?? 0);
}

/**
 * Changes a secret's value, and its description if there is one. A secret that is deleted meanwhile stays
 * deleted. One that was created later at the same path keeps its value.
 */
export async function updateSecret(
	store: Store,
	ref: StampedSecretRef,
	given: { readonly value: string; readonly description: string | undefined },
	auditStamp: AuditStamp,
): Promise<Result<void, Problem>> {
	const path = pathOf(ref);
	// Ends: whenever this call has to try again, another one got something done.
	for (;;) {
		const head = await store.head(path);
		if (!isSameSecret(ref, head)) return refuse(404, NO_SUCH_SECRET);
		const written = await store.put(path, { [VALUE_FIELD]: given.value }, head.version);
		if (written === 'conflict') continue;
		const { description } = given;
		await store.describe(path, {
			...(description === undefined ? {} : { description: description || null }),
			updated_by: auditStamp.subject,
			updated_at: auditStamp.at.toISOString(),
		});
		return ok(undefined);
	}
}

/** Removes a secret with all its versions and what was known of it. */
export async function deleteSecret(store: Store, ref: StampedSecretRef): Promise<Result<void, Problem>> {
	if (!isSameSecret(ref, await store.head(pathOf(ref)))) return refuse(404, NO_SUCH_SECRET);
	await store.remove(pathOf(ref));
	return ok(undefined);
}

/** The secrets of some locations, sorted by location and key. */
export async function listSecrets(
	store: Store,
	locations: readonly SecretLocation[],
): Promise<readonly SecretSummary[]> {
	const live = await liveSecrets(store, locations, AT_ONCE);
	return live.map(({ ref, head }) => summaryOf(ref, head));
}

/** A secret, and what is known of it. */
interface FoundSecret {
	readonly ref: SecretRef;
	readonly head: Head;
}

/**
 * The live secrets of some locations, sorted by location and key: a request for a thousand secrets of a
 * location if the store can do that, else one a location and one a key.
 *
 * @param atOnce requests to the store at a time
 */
export async function liveSecrets(
	store: Store,
	locations: readonly SecretLocation[],
	atOnce: number,
): Promise<readonly FoundSecret[]> {
	const listed = await mapAtMost(atOnce, locations, async (location) => ({
		location,
		heads: await store.listHeads(folderOf(location)),
	}));
	const refs = await mapAtMost(atOnce, listed, async ({ location, heads }) =>
		heads === undefined
			? (await refsIn(store, location)).map((ref) => ({ ref, head: undefined }))
			: [...heads].flatMap(([key, head]) => (isKey(key) ? [{ ref: { location, key }, head }] : [])),
	);
	const found = await mapAtMost(atOnce, refs.flat(), async ({ ref, head }) => ({
		ref,
		head: head ?? (await store.head(pathOf(ref))),
	}));
	return found.flatMap(({ ref, head }) => (head?.live ? [{ ref, head }] : []));
}

function summaryOf(ref: SecretRef, head: Head): SecretSummary {
	return { ...ref, id: idOf(ref, stampOf(head)), description: head.metadata['description'] ?? '' };
}

/** The secrets in a location. Leaves out names that no pod could receive: the API did not write them. */
async function refsIn(store: Store, location: SecretLocation): Promise<readonly SecretRef[]> {
	const names = await store.list(folderOf(location));
	return names.filter(isKey).map((key) => ({ location, key }));
}
