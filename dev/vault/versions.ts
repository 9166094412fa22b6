import { err, ok, type Result } from '../../contract/result.ts';
import type { SecretData } from './secret-data.ts';

/** One version of a KV v2 secret. */
export interface Version {
	/** Milliseconds since 1970. */
	readonly createdAt: number;
	/** Time of the soft deletion; null: not deleted. */
	readonly deletedAt: number | null;
	readonly destroyed: boolean;
	/** null once destroyed. */
	readonly data: SecretData | null;
}

/** A KV v2 secret: its versions and metadata. Immutable: every change returns a new one. */
export interface Secret {
	readonly createdAt: number;
	readonly updatedAt: number;
	/** Number of the current version; 0 before the first write. */
	readonly current: number;
	/** The oldest version kept, once older ones were removed; 0 before. */
	readonly oldest: number;
	readonly versions: ReadonlyMap<number, Version>;
}

/** Vault's default. */
const MAX_VERSIONS = 10;

/** A secret without a version. */
export function newSecret(now: number): Secret {
	return { createdAt: now, updatedAt: now, current: 0, oldest: 0, versions: new Map() };
}

/** Adds a version. Fails if `cas` is set and is not the current version. */
export function addVersion(
	secret: Secret,
	data: SecretData,
	cas: number | undefined,
	now: number,
): Result<Secret> {
	if (cas !== undefined && cas !== secret.current)
		return err('check-and-set parameter did not match the current version');
	const current = secret.current + 1;
	const version: Version = { createdAt: now, deletedAt: null, destroyed: false, data };
	const kept = [...secret.versions, [current, version] as const].slice(-MAX_VERSIONS);
	const first = kept[0]?.[0] ?? 0;
	return ok({
		...secret,
		...{ current, updatedAt: now, versions: new Map(kept) },
		oldest: first > 1 ? first : secret.oldest,
	});
}

/** True when the data of a version can't be read: it is deleted or destroyed. */
export function isGone(version: Version): boolean {
	return version.destroyed || version.deletedAt !== null;
}

/** Soft-deletes versions. Ignores unknown numbers. */
export function softDelete(secret: Secret, numbers: readonly number[], now: number): Secret {
	return change(secret, numbers, (version) => (isGone(version) ? version : { ...version, deletedAt: now }));
}

/** Restores soft-deleted versions. */
export function undelete(secret: Secret, numbers: readonly number[]): Secret {
	return change(secret, numbers, (version) =>
		version.destroyed ? version : { ...version, deletedAt: null },
	);
}

/** Destroys versions. */
export function destroy(secret: Secret, numbers: readonly number[]): Secret {
	return change(secret, numbers, (version) => ({ ...version, destroyed: true, data: null }));
}

function change(secret: Secret, numbers: readonly number[], to: (version: Version) => Version): Secret {
	const versions = [...secret.versions].map(
		([number, version]) => [number, numbers.includes(number) ? to(version) : version] as const,
	);
	return { ...secret, versions: new Map(versions) };
}
