import { type FoundSecret, memberOf } from '../secrets/found-secret.ts';
import { withOwnMetadata } from '../secrets/identity.ts';
import type { SecretRef } from '../secrets/secret-location.ts';
import type { Head, Store } from '../store/store.ts';
import { findTyped } from './change.ts';
import { type Incomplete, incompleteOf } from './typed-secret.ts';
import { markUnfinished } from './unfinished.ts';

/**
 * Decides whether the keys of a typed secret belong together, as `incompleteOf`. Sends one request for each
 * key that its type can have, and none for a secret with one key.
 *
 * @param secrets some of its live keys, with the marks of `markUnfinished`; keys of their own have no state
 */
export async function readState(
	store: Store,
	secrets: readonly FoundSecret[],
): Promise<Incomplete | undefined> {
	const found = secrets.flatMap((secret) => {
		const membership = memberOf(secret);
		return membership === undefined ? [] : [{ ...secret, membership }];
	});
	const [first] = found;
	if (first === undefined) return undefined;
	const { type, name, count } = first.membership;
	if (count === 1) return incompleteOf(found);
	const { members } = await findTyped(store, { location: first.ref.location, type, name });
	return incompleteOf([...members, ...found.filter(({ unfinished }) => unfinished !== undefined)]);
}

/** A secret, and the state of its typed secret: undefined when all its keys belong together. */
export interface SecretWithState {
	readonly secret: FoundSecret;
	readonly incomplete: Incomplete | undefined;
}

/**
 * A secret with the state of its typed secret; undefined if it is gone meanwhile. Sends no request for a
 * deleted secret and for a key of its own with metadata; otherwise those of `markUnfinished` and `readState`.
 *
 * @param head the secret as it was read just now
 */
export async function withState(
	store: Store,
	ref: SecretRef,
	head: Head,
): Promise<SecretWithState | undefined> {
	const [secret] = await markUnfinished(store, [{ ref, head: withOwnMetadata(head) }]);
	if (secret === undefined) return undefined;
	return { secret, incomplete: secret.head.live ? await readState(store, [secret]) : undefined };
}
