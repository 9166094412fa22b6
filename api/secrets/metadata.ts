import { ROTATION_ENTRY } from '../../lib/kv/rotation.ts';
import { type MetadataPatch, UNTYPED } from '../typed/metadata.ts';
import { idOf, type SecretRef } from './secret-location.ts';

/** The actor of a change, and its time. */
export interface AuditStamp {
	readonly subject: string;
	readonly at: Date;
}

/** Vault's limit for one value of custom_metadata, in bytes. */
const METADATA_BYTES = 512;

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

/** Removes what a deleted predecessor at the same path may have left. */
export const NO_PREDECESSOR: MetadataPatch = {
	...UNTYPED,
	[ROTATION_ENTRY]: null,
	description: null,
	tags: null,
	updated_by: null,
	updated_at: null,
	deleted_by: null,
	deleted_at: null,
	destroyed_by: null,
	destroyed_at: null,
	removing: null,
	copied_from: null,
	copy: null,
};

/** The stored form of tags; null for none. */
export function encodeTags(tags: readonly string[]): string | null {
	return tags.length === 0 ? null : [...new Set(tags)].sort().join(',');
}

/** The tags of a secret. */
export function tagsOf(metadata: Readonly<Record<string, string>>): readonly string[] {
	const stored = metadata['tags'];
	return stored === undefined ? [] : stored.split(',');
}
