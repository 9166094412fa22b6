import { isKey } from '../../contract/keys.ts';
import { type Json, object } from '../../lib/json.ts';

/** The live keys of a folder, with `VERSION CREATED_TIME` of each current version. */
export type LiveKeys = ReadonlyMap<string, string>;

/**
 * The version of a key from its metadata (Vault's documentation, "KV v2 API: read secret metadata").
 * Undefined if its current version is deleted or destroyed, so that pods read the tier below.
 *
 * @param now Vault's clock, in ms since 1970: a version may have a time at which it ends
 */
export function liveVersion(metadata: Json | undefined, now: number): string | undefined {
	const current = metadata?.['current_version'];
	const version = object(object(metadata?.['versions'])?.[String(current)]);
	if (version === undefined || version['destroyed'] === true) return undefined;
	const deletion = version['deletion_time'];
	if (typeof deletion === 'string' && deletion !== '' && Date.parse(deletion) <= now) return undefined;
	return `${current} ${version['created_time']}`;
}

/** The live keys of `key_info`. Other names than those of variables are not read by pods. */
export function liveKeys(info: Json, now: number): LiveKeys {
	return new Map(
		Object.entries(info).flatMap(([key, metadata]) => {
			const version = isKey(key) ? liveVersion(object(metadata), now) : undefined;
			return version === undefined ? [] : [[key, version] as const];
		}),
	);
}

/** Whether two folders hold the same versions. */
export function sameKeys(a: LiveKeys | undefined, b: LiveKeys): boolean {
	return a !== undefined && a.size === b.size && [...b].every(([key, version]) => a.get(key) === version);
}
