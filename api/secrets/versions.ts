import { ok, type Result } from '../../contract/result.ts';
import { VALUE_FIELD } from '../../contract/tiers.ts';
import { ROTATION_ENTRY } from '../../lib/kv/rotation.ts';
import { NO_SUCH_SECRET, type Problem, refuse } from '../problem.ts';
import type { Fields, Head, Store, Version } from '../store/store.ts';
import { groupEntry, parseGroupEntry } from '../typed/typed-secret.ts';
import { identityOf, isSameSecret, metadataOf, versionsIn } from './identity.ts';
import type { AuditStamp } from './metadata.ts';
import { checkOverwrites } from './overwrites.ts';
import { pathOf, type StampedSecretRef } from './secret-location.ts';
import { newStamp, type WriteRules } from './secrets.ts';
import { addTombstone } from './tombstones.ts';

/** The current version of a secret, live or not. */
function currentOf({ version, versions }: Head): Version | undefined {
	return versions.find(({ number }) => number === version);
}

/**
 * Deletes a secret so that `undeleteSecret` can restore it. Pods get the value of the tier below. An update
 * at the same time is either before the deletion, and deleted with it, or fails.
 */
export async function deleteSecret(
	store: Store,
	ref: StampedSecretRef,
	{ subject, at }: AuditStamp,
): Promise<Result<void, Problem>> {
	const path = pathOf(ref);
	let superseded: number | undefined;
	// The loop ends: each round more means that another call has written a version.
	for (;;) {
		const head = await store.head(path);
		if (!isSameSecret(ref, head) || !head.live) return superseded === undefined ? absent() : ok(undefined);
		// By its number, so that a secret that was created meanwhile stays.
		await store.deleteVersion(path, head.version);
		const after = await store.head(path);
		if (!isSameSecret(ref, after) || after.version === head.version) break;
		// An update was faster. The version before it belongs to the history, and is not deleted.
		await store.undeleteVersion(path, head.version);
		superseded = head.version;
	}
	await store.describe(path, { deleted_by: subject, deleted_at: at.toISOString() });
	return ok(undefined);
}

const absent = () => refuse(404, NO_SUCH_SECRET);

/**
 * Restores a deleted secret with its last value. Checks before and after, because Vault reports success for
 * destroyed and missing versions as well.
 */
export async function undeleteSecret(
	store: Store,
	ref: StampedSecretRef,
	{ subject, at }: AuditStamp,
): Promise<Result<void, Problem>> {
	const path = pathOf(ref);
	const head = await store.head(path);
	if (!isSameSecret(ref, head)) return absent();
	if (head.live) return refuse(409, `the secret ${ref.key} is not deleted`);
	if (currentOf(head)?.destroyed !== false) return refuse(409, DESTROYED);
	await store.undeleteVersion(path, head.version);
	const after = await store.head(path);
	if (after?.version !== head.version) {
		// The deletion separates the versions of two secrets: see `identityOf`.
		await store.deleteVersion(path, head.version);
		return refuse(409, `a secret with the key ${ref.key} was created meanwhile`);
	}
	if (!after.live) return refuse(409, `the secret ${ref.key} was deleted or destroyed meanwhile`);
	await store.describe(path, {
		deleted_by: null,
		deleted_at: null,
		updated_by: subject,
		updated_at: at.toISOString(),
	});
	return ok(undefined);
}

const DESTROYED = 'its values were destroyed: nothing is left to restore';

/**
 * Destroys every version of a secret. What stays is a tombstone: metadata without values, so that the
 * versions of a later secret with this key continue the numbers.
 */
export async function destroySecret(
	store: Store,
	ref: StampedSecretRef,
	{ subject, at }: AuditStamp,
): Promise<Result<void, Problem>> {
	const path = pathOf(ref);
	let head = await store.head(path);
	if (!isSameSecret(ref, head)) return absent();
	await addTombstone(store, ref);
	// The loop ends: each round more means that another call has written a version.
	for (;;) {
		// First, because the time of the deletion separates it from a later secret: see `identityOf`.
		await store.deleteVersion(path, head.version);
		await store.destroyVersions(
			path,
			head.versions.map(({ number }) => number),
		);
		const after = await store.head(path);
		if (!isSameSecret(ref, after)) return ok(undefined);
		if (after.version === head.version) break;
		head = after;
	}
	await store.describe(path, {
		description: null,
		tags: null,
		[ROTATION_ENTRY]: null,
		destroyed_by: subject,
		destroyed_at: at.toISOString(),
	});
	// Once more: a purge may have removed the entry while the secret was live.
	await addTombstone(store, ref);
	return ok(undefined);
}

/** One version as a caller sees it. */
export interface VersionSummary extends Version {
	readonly current: boolean;
	/** The subject that wrote it; empty if it is not known. */
	readonly by: string;
}

/**
 * The versions of a secret, oldest first, also of a deleted one. The store knows only who wrote the first
 * version; the audit store knows it of all (`writersOf`).
 */
export async function versionsOf(
	store: Store,
	ref: StampedSecretRef,
): Promise<Result<readonly VersionSummary[], Problem>> {
	const head = await store.head(pathOf(ref));
	if (!isSameSecret(ref, head)) return absent();
	const { first } = identityOf(head);
	const { created_by: creator = '' } = metadataOf(head);
	return ok(
		versionsIn(head).map((version) => ({
			...version,
			current: version.number === head.version,
			by: version.number === first ? creator : '',
		})),
	);
}

/** Reads the fields of one version; undefined if it is deleted, destroyed or missing. */
export type ReadVersion = (path: string, version: number) => Promise<Fields | undefined>;

/** The version to restore, and what the caller knows about the secret. */
export interface RestoreRequest {
	readonly version: number;
	/** The current version as the caller saw it; undefined: whatever is current. */
	readonly expected: number | undefined;
}

/**
 * Writes the value of an old version as a new version. Of two calls that expect the same current version, one
 * succeeds.
 *
 * @param read reads a value: only the Reveal program can
 */
export async function restoreSecret(
	store: Store,
	read: ReadVersion,
	ref: StampedSecretRef,
	{ version: number, expected }: RestoreRequest,
	auditStamp: AuditStamp,
	{ overwritesPerHour }: WriteRules,
): Promise<Result<{ readonly version: number }, Problem>> {
	const path = pathOf(ref);
	const head = await store.head(path);
	if (!isSameSecret(ref, head)) return absent();
	if (!head.live) return refuse(409, `the secret ${ref.key} is deleted: undelete it first`);
	const changed = refuse(409, `the secret ${ref.key} was changed meanwhile: look at its versions again`);
	if (expected !== undefined && expected !== head.version) return changed;
	const version = versionsIn(head).find((one) => one.number === number);
	if (version === undefined) return refuse(404, `the secret ${ref.key} has no version ${number}`);
	if (version.destroyed || version.deletedAt !== undefined)
		return refuse(409, `version ${number} of ${ref.key} is ${version.destroyed ? 'destroyed' : 'deleted'}`);
	const limited = checkOverwrites(head, overwritesPerHour, auditStamp.at);
	if (!limited.ok) return limited;
	const value = (await read(path, number))?.[VALUE_FIELD];
	if (value === undefined) return refuse(409, `version ${number} of ${ref.key} has no value`);
	const outcome = await store.update(path, { [VALUE_FIELD]: value }, head.version);
	if (outcome !== 'written') return changed;
	const { subject, at } = auditStamp;
	const restored = head.version + 1;
	const group = parseGroupEntry(metadataOf(head)['group']);
	await store.describe(path, {
		updated_by: subject,
		updated_at: at.toISOString(),
		// Only a typed secret of one key is restored: its new version is whole.
		...(group === undefined ? {} : { group: groupEntry(newStamp(), restored, group.count) }),
	});
	return ok({ version: restored });
}
