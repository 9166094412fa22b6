import type { Head } from '../store/store.ts';
import { type Membership, membershipOf } from '../typed/typed-secret.ts';
import type { SecretRef } from './secret-location.ts';

/** A secret and its metadata. */
export interface FoundSecret {
	readonly ref: SecretRef;
	readonly head: Head;
	/** Of a key that an unfinished creation has written and not described: see `markUnfinished`. */
	readonly unfinished?: Membership;
}

/** The typed secret that a key belongs to, or will belong to; undefined for a key of its own. */
export function memberOf({ ref, head, unfinished }: FoundSecret): Membership | undefined {
	return unfinished ?? membershipOf(ref.key, head);
}
