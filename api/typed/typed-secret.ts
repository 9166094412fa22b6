import { type SecretTypeName, typedKeys } from '../../contract/secret-types.ts';
import type { Membership } from '../../lib/kv/typed-member.ts';
import type { SecretLocation, SecretRef } from '../secrets/secret-location.ts';
import type { Head } from '../store/store.ts';

export { groupEntry, type Membership, membershipOf, parseGroupEntry } from '../../lib/kv/typed-member.ts';

/** A typed secret: one or more keys at one location, which follow from its type and name. */
export interface TypedSecret {
	readonly location: SecretLocation;
	readonly type: SecretTypeName;
	/** May be empty for types that allow it. */
	readonly name: string;
}

/** How far the last change of a typed secret came: `written` of its keys are of that change. */
export interface Incomplete {
	readonly written: number;
	readonly of: number;
}

/**
 * True for keys that the same creation wrote. A typed secret that is created again may lack an optional key,
 * which then still has the metadata of the deleted one.
 */
export function isSameCreation(one: Pick<Head, 'metadata'>, other: Pick<Head, 'metadata'>): boolean {
	return one.metadata['copy'] === other.metadata['copy'];
}

/** A live key of a typed secret. */
export interface Member {
	readonly ref: SecretRef;
	readonly head: Head;
	readonly membership: Membership;
}

/** What decides whether keys belong together. */
interface MemberState {
	readonly head: Pick<Head, 'writtenAt'>;
	readonly membership: Membership;
	/** As in `FoundSecret`. */
	readonly unfinished?: Membership;
}

/**
 * Decides whether the keys of one typed secret belong together. Undefined if they do. Otherwise a creation or
 * a change of it has not finished, or one of its keys is missing.
 */
export function incompleteOf(members: readonly MemberState[]): Incomplete | undefined {
	const count = Math.max(...members.map(({ membership }) => membership.count));
	const isUnfinished = members.some(({ unfinished }) => unfinished !== undefined);
	// A key alone always fits itself: for example after an old value was restored.
	if (members.length === 0 || (count === 1 && !isUnfinished)) return undefined;
	const stamped = members.filter(({ membership }) => membership.stamp !== undefined);
	const newest = stamped.toSorted((a, b) => b.head.writtenAt.getTime() - a.head.writtenAt.getTime())[0];
	const written = stamped.filter(({ membership }) => membership.stamp === newest?.membership.stamp).length;
	return written === count ? undefined : { written, of: count };
}

/** The name of a typed secret for people, such as `tls WEB`. */
export function titleOf({ type, name }: Pick<TypedSecret, 'type' | 'name'>): string {
	return name === '' ? type : `${type} ${name}`;
}

/** The secrets of the keys that a typed secret of these parts has, in the order in which they are written. */
export function refsOf(
	{ location, type, name }: TypedSecret,
	has: (part: string) => boolean,
): readonly { readonly part: string; readonly ref: SecretRef }[] {
	return typedKeys(type, name).flatMap(({ key, part }) =>
		has(part) ? [{ part, ref: { location, key } }] : [],
	);
}
