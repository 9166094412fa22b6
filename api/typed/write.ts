import { VALUE_FIELD } from '../../contract/tiers.ts';
import { idOf, pathOf, type SecretRef } from '../secrets/secret-location.ts';
import { type AuditStamp, initialMetadata, newStamp, ownerOf } from '../secrets/secrets.ts';
import type { Store } from '../store/store.ts';
import { type TypedChange, typedMetadata } from './metadata.ts';

/** A new key of a typed secret. */
export interface NewKey {
	readonly ref: SecretRef;
	readonly part: string;
	readonly value: string;
	/** The version that is there, of a deleted secret; 0 when there is none. */
	readonly expected: number;
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
	{ ref, part, value, expected }: NewKey,
	{ change, description, attempt, auditStamp, check, extra }: Creation,
): Promise<string | undefined> {
	check();
	const outcome = await store.put(pathOf(ref), { [VALUE_FIELD]: value }, expected);
	if (outcome === 'conflict') return undefined;
	check();
	const stamp = newStamp();
	await store.describe(pathOf(ref), {
		...initialMetadata(ref, stamp, auditStamp),
		owner: ownerOf(ref.location, auditStamp.subject),
		description: description || null,
		updated_by: null,
		updated_at: null,
		copied_from: null,
		copy: attempt,
		...extra,
		...typedMetadata(change, part, expected + 1),
	});
	return idOf(ref, stamp);
}
