import { randomBytes } from 'node:crypto';
import { isKey } from '../../contract/keys.ts';
import { ok, type Result } from '../../contract/result.ts';
import { VALUE_FIELD } from '../../contract/tiers.ts';
import { mapAtMost } from '../concurrency.ts';
import { NO_SUCH_SECRET, type Problem, refuse } from '../problem.ts';
import type { Head, Store } from '../store/store.ts';
import { copiedMetadata, type MetadataPatch, UNTYPED } from '../typed/metadata.ts';
import { genericSummary, type TypeSummary, typeSummaries } from '../typed/summary.ts';
import {
	folderOf,
	idOf,
	pathOf,
	type SecretLocation,
	type SecretRef,
	type StampedSecretRef,
} from './secret-location.ts';

/** The metadata of a secret; never its value. */
export interface SecretSummary extends SecretRef {
	readonly id: string;
	readonly description: string;
	readonly typed: TypeSummary;
	/** What a copy of the secret takes along of its metadata. */
	readonly copied: MetadataPatch;
}

/** The actor of a change, and its time. */
export interface AuditStamp {
	readonly subject: string;
	readonly at: Date;
}

/** Maximum number of concurrent requests to the store, for one call. */
const AT_ONCE = 12;

/**
 * Creates a secret, also over a soft-deleted one. Of concurrent calls exactly one succeeds.
 *
 * @param isStillOwned called after the write: true when the location is still the authorized one; if not, the
 * write is undone
 */
export async function createSecret(
	store: Store,
	ref: SecretRef,
	input: { readonly value: string; readonly description: string },
	auditStamp: AuditStamp,
	isStillOwned: () => Promise<Result<void, Problem>> = () => Promise.resolve(ok(undefined)),
): Promise<Result<SecretSummary, Problem>> {
	const outcome = await putNew(store, pathOf(ref), input.value);
	if (outcome === 'conflict')
		return refuse(409, `the key ${ref.key} exists at this scope already; PUT changes its value`);
	const stamp = newStamp();
	const describing = store.describe(pathOf(ref), {
		...initialMetadata(ref, stamp, auditStamp),
		owner: ownerOf(ref.location, auditStamp.subject),
		description: input.description || null,
		// Removes the entry of a soft-deleted predecessor.
		updated_by: null,
		updated_at: null,
		copied_from: null,
		copy: null,
		...UNTYPED,
	});
	const [, still] = await Promise.all([describing, isStillOwned()]);
	const typed = genericSummary(ref.key);
	if (still.ok)
		return ok({ ...ref, id: idOf(ref, stamp), description: input.description, typed, copied: UNTYPED });
	// Otherwise it would belong to the next caller who creates a template or deployment of that name.
	if ((await store.head(pathOf(ref)))?.metadata['stamp'] === stamp) await store.remove(pathOf(ref));
	return still;
}

/** Vault's limit for one value of custom_metadata, in bytes. */
const METADATA_BYTES = 512;

/** Makes the stamp of a new secret: 96 random bits. */
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
	const storedId = id.length <= METADATA_BYTES ? id : null;
	return { id: storedId, stamp, created_by: auditStamp.subject, created_at: auditStamp.at.toISOString() };
}

/**
 * The stamp of a secret. A secret that the API did not write has no stamp in its metadata; its creation time
 * is the stamp.
 */
function stampOf({ metadata, createdAt }: Head): string {
	return metadata['stamp'] ?? `t${createdAt.getTime().toString(36)}`;
}

/** True when the secret at a path is the one that `ref` names, and not a later one with the same key. */
export function isSameSecret({ stamp }: StampedSecretRef, head: Head | undefined): head is Head {
	if (head?.live !== true) return false;
	return stamp === undefined ? head.metadata['stamp'] === undefined : stamp === stampOf(head);
}

/** The owner in the metadata of a secret. */
export function ownerOf(location: SecretLocation, subject: string): string {
	return location.kind === 'org' ? `org:${location.org}` : subject;
}

/** Writes a value if the path has no live secret: it never had one, or that one is deleted. */
export async function putNew(store: Store, path: string, value: string): Promise<'written' | 'conflict'> {
	const fields = { [VALUE_FIELD]: value };
	if ((await store.put(path, fields, 0)) === 'written') return 'written';
	const head = await store.head(path);
	if (head?.live) return 'conflict';
	// The secret was removed meanwhile, or has metadata only: there is no version. The first writer wins.
	return store.put(path, fields, head?.version ?? 0);
}

/**
 * Changes a secret's value, and its description if there is one. A secret that is deleted meanwhile stays
 * deleted. One that was created later at the same path keeps its value.
 */
export async function updateSecret(
	store: Store,
	ref: StampedSecretRef,
	input: { readonly value: string; readonly description: string | undefined },
	auditStamp: AuditStamp,
): Promise<Result<void, Problem>> {
	const path = pathOf(ref);
	// The loop ends: each conflict means that another call has succeeded.
	for (;;) {
		const head = await store.head(path);
		if (!isSameSecret(ref, head)) return refuse(404, NO_SUCH_SECRET);
		const outcome = await store.put(path, { [VALUE_FIELD]: input.value }, head.version);
		if (outcome === 'conflict') continue;
		const { description } = input;
		await store.describe(path, {
			...(description === undefined ? {} : { description: description || null }),
			updated_by: auditStamp.subject,
			updated_at: auditStamp.at.toISOString(),
		});
		return ok(undefined);
	}
}

/** Removes a secret with all its versions and its metadata. */
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
	const types = typeSummaries(live);
	return live.map(({ ref, head }, i) => summaryOf(ref, head, types[i] ?? genericSummary(ref.key)));
}

/** A secret and its metadata. */
interface FoundSecret {
	readonly ref: SecretRef;
	readonly head: Head;
}

/**
 * The live secrets of some locations, sorted by location and key. Sends one request per thousand secrets of a
 * location if the store supports that; otherwise one per location and one per key.
 *
 * @param atOnce maximum number of concurrent requests to the store
 */
export async function liveSecrets(
	store: Store,
	locations: readonly SecretLocation[],
	atOnce: number,
): Promise<readonly FoundSecret[]> {
	const lists = await mapAtMost(atOnce, locations, async (location) => ({
		location,
		heads: await store.listHeads(folderOf(location)),
	}));
	const refs = await mapAtMost(atOnce, lists, async ({ location, heads }) =>
		heads === undefined
			? (await refsIn(store, location)).map((ref) => ({ ref, head: undefined }))
			: [...heads].flatMap(([key, head]) => (isKey(key) ? [{ ref: { location, key }, head }] : [])),
	);
	const secrets = await mapAtMost(atOnce, refs.flat(), async ({ ref, head }) => ({
		ref,
		head: head ?? (await store.head(pathOf(ref))),
	}));
	return secrets.flatMap(({ ref, head }) => (head?.live ? [{ ref, head }] : []));
}

function summaryOf(ref: SecretRef, head: Head, typed: TypeSummary): SecretSummary {
	return {
		...ref,
		id: idOf(ref, stampOf(head)),
		description: head.metadata['description'] ?? '',
		typed,
		copied: copiedMetadata(head.metadata),
	};
}

/** The secrets in a location. Skips names that no pod could receive: the API did not write them. */
async function refsIn(store: Store, location: SecretLocation): Promise<readonly SecretRef[]> {
	const names = await store.list(folderOf(location));
	return names.filter(isKey).map((key) => ({ location, key }));
}
