import { isSecretType, type SecretTypeName, type Sourcing, typedKeys } from '../../contract/secret-types.ts';
import type { SecretLocation, SecretRef } from '../secrets/secret-location.ts';
import type { Head } from '../store/store.ts';

/** A typed secret: one or more keys at one location, which follow from its type and name. */
export interface TypedSecret {
	readonly location: SecretLocation;
	readonly type: SecretTypeName;
	/** May be empty for types that allow it. */
	readonly name: string;
}

/** A key that belongs to a typed secret. */
export interface Membership {
	readonly type: SecretTypeName;
	readonly name: string;
	readonly part: string;
	readonly sourcing: Sourcing;
	/**
	 * Marks the change that wrote this version of the key. Keys with the same stamp belong together. Undefined
	 * for a version that no finished change wrote.
	 */
	readonly stamp: string | undefined;
	/** The number of keys of the typed secret. */
	readonly count: number;
}

/** How far the last change of a typed secret came: `written` of its keys are of that change. */
export interface Incomplete {
	readonly written: number;
	readonly of: number;
}

/** The entry `group` of a key's metadata: the stamp, the version that the stamp is for, and the count. */
export function groupEntry(stamp: string, version: number, count: number): string {
	return `${stamp} ${version} ${count}`;
}

/** The stamp and the count in an entry `group`, for a copy of the key. */
export function parseGroupEntry(
	entry: string | undefined,
): { readonly stamp: string; readonly version: number; readonly count: number } | undefined {
	const [, stamp = '', version, count] =
		/^([A-Za-z0-9_-]+) ([0-9]{1,9}) ([0-9]{1,2})$/.exec(entry ?? '') ?? [];
	return stamp === '' ? undefined : { stamp, version: Number(version), count: Number(count) };
}

/**
 * The typed secret that a key belongs to; undefined for other keys. The metadata alone decides nothing: the
 * key must be one that the type makes from the name.
 */
export function membershipOf(key: string, { version, metadata }: Head): Membership | undefined {
	const { type = '', name = '', group } = metadata;
	const entry = parseGroupEntry(group);
	if (entry === undefined || !isSecretType(type) || type === 'generic') return undefined;
	const typed = typedKeys(type, name).find((one) => one.key === key);
	if (typed === undefined) return undefined;
	const { part, sourcing } = typed;
	const stamp = entry.version === version ? entry.stamp : undefined;
	return { type, name, part, sourcing, stamp, count: entry.count };
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

/**
 * Decides whether the keys of one typed secret belong together. Undefined if they do. Otherwise a change of
 * it has not finished, or one of its keys is missing.
 */
export function incompleteOf(
	members: readonly { readonly head: Pick<Head, 'writtenAt'>; readonly membership: Membership }[],
): Incomplete | undefined {
	const count = Math.max(...members.map(({ membership }) => membership.count));
	// A key alone always fits itself: for example after an old value was restored.
	if (count === 1) return undefined;
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
