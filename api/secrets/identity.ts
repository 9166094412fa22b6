import { identityOf, startOf, withOwnMetadata } from '../../lib/kv/identity.ts';
import type { Head, Version } from '../store/store.ts';
import type { StampedSecretRef } from './secret-location.ts';

export { identityOf, isOldStamp, stampOfVersion, withOwnMetadata } from '../../lib/kv/identity.ts';

/** True when the secret at a path is the one that `ref` names, and not a later one with the same key. */
export function isSameSecret({ stamp }: StampedSecretRef, head: Head | undefined): head is Head {
	if (head === undefined || head.version === 0) return false;
	if (stamp !== undefined) return stamp === identityOf(head).stamp;
	return head.metadata['stamp'] === undefined && startOf(head.versions) === undefined;
}

/** The versions of the secret at a path, without those of a predecessor. */
export function versionsIn(head: Head): readonly Version[] {
	const { first } = identityOf(head);
	return head.versions.filter(({ number }) => number >= first);
}

/** The metadata of the secret at a path. Only the stamp until they are written. */
export function metadataOf(head: Head): Readonly<Record<string, string>> {
	return withOwnMetadata(head).metadata;
}
