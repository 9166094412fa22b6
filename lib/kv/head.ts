import { object } from '../json.ts';

/** One version of a secret, without its value. */
export interface Version {
	readonly number: number;
	readonly createdAt: Date;
	/** When it was, or will be, deleted; undefined if it is not. */
	readonly deletedAt: Date | undefined;
	/** True when its value is gone for good. */
	readonly destroyed: boolean;
	/**
	 * True when the version before it was deleted already when this one was written. False when the store no
	 * longer knows the version before, or that one was undeleted since.
	 */
	readonly afterDeletion: boolean;
}

/** The metadata of a secret. */
export interface Head {
	/** Number of the current version; the first one is 1. 0: there is metadata but no version. */
	readonly version: number;
	/** False when the current version is deleted or destroyed: the secret then counts as absent. */
	readonly live: boolean;
	/** When the current version was written; the epoch when there is no version. */
	readonly writtenAt: Date;
	/** When the entry was created. New versions and deletions of versions do not change it; `remove` does. */
	readonly createdAt: Date;
	readonly metadata: Readonly<Record<string, string>>;
	/** The versions that the store still has, by number, oldest first. KV v2 keeps ten by default. */
	readonly versions: readonly Version[];
}

/** A version that was written. */
export type WrittenVersion = Pick<Version, 'number' | 'createdAt'>;

/** A version in Vault's format. */
interface RawVersion {
	readonly created_time: string;
	readonly deletion_time: string;
	readonly destroyed: boolean;
}

// Checked by hand: a schema costs much in a list of 1,000 secrets, and the library adds 600 KB to the bundle
// of the command line.
function isVersion(value: unknown): value is RawVersion {
	const version = object(value);
	return (
		typeof version?.['created_time'] === 'string' &&
		typeof version['deletion_time'] === 'string' &&
		typeof version['destroyed'] === 'boolean'
	);
}

/** True for an object whose values all pass. */
function isMapOf<T>(
	value: unknown,
	passes: (one: unknown) => one is T,
): value is Readonly<Record<string, T>> {
	const map = object(value);
	return map !== undefined && Object.values(map).every(passes);
}

function isString(value: unknown): value is string {
	return typeof value === 'string';
}

function versionsOf(versions: Readonly<Record<string, RawVersion>>): readonly Version[] {
	return Object.entries(versions)
		.map(([number, { created_time, deletion_time, destroyed }]) => ({
			number: Number(number),
			createdAt: new Date(created_time),
			deletedAt: deletion_time === '' ? undefined : new Date(deletion_time),
			destroyed,
			afterDeletion: isBefore(versions[String(Number(number) - 1)]?.deletion_time, created_time),
		}))
		.sort((a, b) => a.number - b.number);
}

/** Compares times in RFC 3339 to the nanosecond, as Vault writes them. False if there is no first time. */
function isBefore(first: string | undefined, second: string): boolean {
	if (first === undefined || first === '') return false;
	const [a, b] = [new Date(first).getTime(), new Date(second).getTime()];
	return a === b ? nanosecondsOf(first) < nanosecondsOf(second) : a < b;
}

/** The part of a second, in nanoseconds. */
function nanosecondsOf(time: string): number {
	return Number((/\.([0-9]+)/.exec(time)?.[1] ?? '').padEnd(9, '0').slice(0, 9));
}

/**
 * Decodes the metadata of one secret; undefined if it is not in Vault's format.
 *
 * @param now decides whether a version has ended, in ms since 1970
 */
export function decodeHead(metadata: unknown, now: number = Date.now()): Head | undefined {
	const data = object(metadata);
	const { current_version: version, created_time: created } = data ?? {};
	// Null or absent for none.
	const versions = data?.['versions'] ?? {};
	const custom = data?.['custom_metadata'] ?? {};
	if (typeof version !== 'number' || !isString(created)) return undefined;
	if (!isMapOf(versions, isVersion) || !isMapOf(custom, isString)) return undefined;
	const current = versions[String(version)];
	// The deletion time may be in the future (`delete_version_after`): until then the version lives.
	const deleted = current?.deletion_time ? new Date(current.deletion_time).getTime() <= now : false;
	return {
		version,
		versions: versionsOf(versions),
		live: current !== undefined && !current.destroyed && !deleted,
		writtenAt: new Date(current?.created_time ?? 0),
		createdAt: new Date(created),
		metadata: custom,
	};
}
