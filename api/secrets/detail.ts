import { ok, type Result } from '../../contract/result.ts';
import { NO_SUCH_SECRET, type Problem, refuse } from '../problem.ts';
import type { Head, Store } from '../store/store.ts';
import { type ShownRotation, shownRotationOf } from '../typed/rotation.ts';
import { type SecretWithState, withState } from '../typed/state.ts';
import type { Incomplete } from '../typed/typed-secret.ts';
import { memberOf } from './found-secret.ts';
import { identityOf, isSameSecret, versionsIn } from './identity.ts';
import { tagsOf } from './metadata.ts';
import { idOf, pathOf, type StampedSecretRef } from './secret-location.ts';

/** What is known about a secret; times in RFC 3339. Empty texts: it does not apply, or is not known. */
export interface SecretDetail {
	readonly id: string;
	readonly description: string;
	readonly tags: readonly string[];
	readonly type: string;
	/** NAME of a typed secret; otherwise the key. */
	readonly name: string;
	/** The number of the current version. */
	readonly version: number;
	readonly state: 'live' | 'deleted' | 'destroyed';
	readonly createdAt: string;
	readonly createdBy: string;
	readonly updatedAt: string;
	readonly updatedBy: string;
	readonly deletedAt: string;
	readonly deletedBy: string;
	readonly expiresAt: string;
	/** Null: the secret keeps its value. */
	readonly rotation: ShownRotation | null;
	/** Undefined when all keys of the typed secret belong together. */
	readonly incomplete: Incomplete | undefined;
}

/**
 * What is known about a secret, also about a deleted one; never its value. Sends one request; for a live key
 * of a typed secret with several keys also one for each key that its type can have.
 */
export async function secretDetail(
	store: Store,
	ref: StampedSecretRef,
): Promise<Result<SecretDetail, Problem>> {
	const read = await store.head(pathOf(ref));
	if (!isSameSecret(ref, read)) return refuse(404, NO_SUCH_SECRET);
	const found = await withState(store, ref, read);
	if (found === undefined || !isSameSecret(ref, found.secret.head)) return refuse(404, NO_SUCH_SECRET);
	return ok(detailOf(ref, found));
}

function detailOf(ref: StampedSecretRef, { secret, incomplete }: SecretWithState): SecretDetail {
	const { head } = secret;
	const { metadata } = head;
	const membership = memberOf(secret);
	const current = versionsIn(head).at(-1);
	const state = stateOf(head);
	return {
		id: idOf(ref, identityOf(head).stamp),
		description: metadata['description'] ?? '',
		tags: tagsOf(metadata),
		type: membership?.type ?? 'generic',
		name: membership?.name ?? ref.key,
		version: head.version,
		state,
		createdAt: metadata['created_at'] ?? head.createdAt.toISOString(),
		createdBy: metadata['created_by'] ?? '',
		updatedAt: metadata['updated_at'] ?? '',
		updatedBy: metadata['updated_by'] ?? '',
		deletedAt: state === 'live' ? '' : (current?.deletedAt?.toISOString() ?? ''),
		deletedBy: state === 'live' ? '' : (metadata['destroyed_by'] ?? metadata['deleted_by'] ?? ''),
		expiresAt: membership === undefined ? '' : (metadata['expires_at'] ?? ''),
		rotation: shownRotationOf(ref.key, head),
		incomplete,
	};
}

function stateOf(head: Head): SecretDetail['state'] {
	if (head.live) return 'live';
	return versionsIn(head).at(-1)?.destroyed === true ? 'destroyed' : 'deleted';
}
