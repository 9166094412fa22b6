import { decodeHead } from '../../lib/kv/head.ts';
import { withOwnMetadata } from '../../lib/kv/identity.ts';
import { dueAt, parseRotation, ROTATION_ENTRY } from '../../lib/kv/rotation.ts';
import { membershipOf } from '../../lib/kv/typed-member.ts';
import type { PasswordOptions } from '../../lib/passwords.ts';

/** What to do with one secret. */
export type RotationDecision =
	/** It has no rotation, or nothing to rotate. */
	| { readonly kind: 'none' }
	/** It is due at a time of Vault's clock, in ms since 1970. */
	| { readonly kind: 'waits'; readonly until: number }
	| {
			readonly kind: 'due';
			/** Since when, in ms since 1970. */
			readonly since: number;
			/** The current version. Only it is replaced. */
			readonly version: number;
			readonly generate: PasswordOptions;
	  };

const NONE = { kind: 'none' } as const;

/**
 * Decides about a secret by the time of its current version. Both times are of Vault's clock. It does not
 * matter who wrote that version, and how many times were missed: a new value makes it wait again.
 *
 * @param metadata Vault's metadata of the secret. Whoever writes metadata in Vault decides what is in it.
 * @param now Vault's clock, in ms since 1970
 */
export function decide(key: string, metadata: unknown, now: number): RotationDecision {
	const head = decodeHead(metadata, now);
	// A deleted secret stays deleted. Its metadata may belong to a predecessor: see `identityOf`.
	if (head === undefined || !head.live) return NONE;
	const own = withOwnMetadata(head);
	if (membershipOf(key, own)?.type !== 'password') return NONE;
	const rotation = parseRotation(own.metadata[ROTATION_ENTRY]);
	if (rotation === undefined) return NONE;
	const due = dueAt(rotation, head.writtenAt).getTime();
	if (Number.isNaN(due)) return NONE;
	if (due > now) return { kind: 'waits', until: due };
	return { kind: 'due', since: due, version: head.version, generate: rotation.generate };
}
