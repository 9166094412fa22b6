import { VALUE_FIELD } from '../../contract/tiers.ts';
import { isOldStamp, stampOfVersion } from '../secrets/identity.ts';
import { type AuditStamp, initialMetadata, NO_PREDECESSOR } from '../secrets/metadata.ts';
import { idOf, pathOf, type SecretRef } from '../secrets/secret-location.ts';
import { ownerOf } from '../secrets/secrets.ts';
import type { Head, Store } from '../store/store.ts';
import { addToExpiryIndex, EXPIRY_PART } from './expiry-index.ts';
import { type TypedChange, typedMetadata } from './metadata.ts';

/** A new key of a typed secret. */
export interface NewKey {
	readonly ref: SecretRef;
	readonly part: string;
	readonly value: string;
	/** The deleted secret that is there; undefined when there is none. */
	readonly head: Head | undefined;
}

/** What a creation says about all of its keys. */
export interface Creation {
	readonly change: TypedChange;
	readonly description: string;
	/** Marks what this attempt wrote, for its undo. */
	readonly attempt: string;
	readonly auditStamp: AuditStamp;
	/** Checks the time limit; throws when it has expired. */
	readonly check: () => void;
	/** More metadata for each key. */
	readonly extra?: Readonly<Record<string, string | null>>;
}

/** Writes one new key with its metadata. Returns its id; undefined if there is a secret meanwhile. */
export async function writeNewKey(
	store: Store,
	{ ref, part, value, head }: NewKey,
	{ change, description, attempt, auditStamp, check, extra }: Creation,
): Promise<string | undefined> {
	if (head?.live) return undefined;
	check();
	// Before the key: an entry without a secret is removed later, a secret without its entry would not be found.
	if (part === EXPIRY_PART && change.values.expiresAt !== undefined) await addToExpiryIndex(store, ref);
	const path = pathOf(ref);
	// A stamp of earlier releases does not say its version, so it would hold for the new secret as well.
	if (isOldStamp(head?.metadata['stamp'])) await store.describe(path, { stamp: null });
	const written = await store.putVersion(path, { [VALUE_FIELD]: value }, head?.version ?? 0);
	if (written === 'conflict') return undefined;
	check();
	const stamp = stampOfVersion(written);
	await store.describe(path, {
		...NO_PREDECESSOR,
		...initialMetadata(ref, stamp, auditStamp),
		owner: ownerOf(ref.location, auditStamp.subject),
		description: description || null,
		copy: attempt,
		...extra,
		...typedMetadata(change, part, written.number),
	});
	return idOf(ref, stamp);
}
