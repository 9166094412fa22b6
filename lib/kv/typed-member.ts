import { isSecretType, type SecretTypeName, type Sourcing, typedKeys } from '../../contract/secret-types.ts';
import type { Head } from './head.ts';

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
