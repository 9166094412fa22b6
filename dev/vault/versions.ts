import { err, ok, type Result } from '../../contract/result.ts';
import type { SecretData } from './secret-data.ts';

/** One version of a KV v2 secret. */
export interface Version {
	/** Milliseconds since 1970. */
	readonly createdAt: number;
	/** The time of its deletion, which may be in the future; null: never. */
	readonly deletedAt: number | null;
	readonly destroyed: boolean;
	/** null for a destroyed version. */
	readonly data: SecretData | null;
}

/** Settings of a KV v2 secret as a whole. */
export interface SecretSettings {
	readonly casRequired: boolean;
	/** 0: the engine's default, 10. */
	readonly maxVersions: number;
	/** 0: versions are not deleted automatically. */
	readonly deleteAfterSeconds: number;
	readonly custom: Readonly<Record<string, string>> | null;
}

/** A KV v2 secret: its versions and metadata. It is immutable: every change returns a new one. */
export interface Secret extends SecretSettings {
	readonly createdAt: number;
	readonly updatedAt: number;
	/** 0: there is only metadata. */
	readonly current: number;
	/** The oldest stored version after older ones were dropped; 0 before. */
	readonly oldest: number;
	readonly metadataVersion: number;
	readonly versions: ReadonlyMap<number, Version>;
}

const MAX_VERSIONS = 10;

/** A secret that has no version yet. */
export function newSecret(now: number): Secret {
	return {
		createdAt: now,
		updatedAt: now,
		current: 0,
		oldest: 0,
		metadataVersion: 0,
		casRequired: false,
		maxVersions: 0,
		deleteAfterSeconds: 0,
		custom: null,
		versions: new Map(),
	};
}

/**
 * The error when `cas` (the expected current version; undefined: any) forbids a write; otherwise undefined.
 */
export function casFault(secret: Secret, cas: number | undefined): string | undefined {
	if (cas === undefined) {
		return secret.casRequired ? 'check-and-set parameter required for this call' : undefined;
	}
	return cas === secret.current ? undefined : 'check-and-set parameter did not match the current version';
}

/** Adds a version if `cas` allows it. */
export function addVersion(
	secret: Secret,
	data: SecretData,
	cas: number | undefined,
	now: number,
): Result<Secret> {
	const fault = casFault(secret, cas);
	if (fault !== undefined) return err(fault);
	const current = secret.current + 1;
	const deletedAt = secret.deleteAfterSeconds === 0 ? null : now + secret.deleteAfterSeconds * 1000;
	const version: Version = { createdAt: now, deletedAt, destroyed: false, data };
	const versions = [...secret.versions, [current, version] as const].slice(
		-(secret.maxVersions || MAX_VERSIONS),
	);
	const first = versions[0]?.[0] ?? 0;
	return ok({
		...secret,
		current,
		updatedAt: now,
		versions: new Map(versions),
		oldest: first > 1 ? first : secret.oldest,
	});
}

/** Changes settings. Counts as a change of the metadata. */
export function withSettings(secret: Secret, settings: Partial<SecretSettings>, now: number): Secret {
	return { ...secret, ...settings, updatedAt: now, metadataVersion: secret.metadataVersion + 1 };
}

/** True when the version's data cannot be read: deleted, destroyed, or past its deletion time. */
export function isGone(version: Version, now: number): boolean {
	return version.destroyed || (version.deletedAt !== null && version.deletedAt <= now);
}

/** Deletes versions; `undelete` can restore them. Skips unknown versions. */
export function softDelete(secret: Secret, numbers: readonly number[], now: number): Secret {
	return change(secret, numbers, (version) =>
		isGone(version, now) ? version : { ...version, deletedAt: now },
	);
}

/** Restores deleted versions. */
export function undelete(secret: Secret, numbers: readonly number[]): Secret {
	return change(secret, numbers, (version) =>
		version.destroyed ? version : { ...version, deletedAt: null },
	);
}

/** Destroys versions permanently. */
export function destroy(secret: Secret, numbers: readonly number[]): Secret {
	return change(secret, numbers, (version) => ({ ...version, destroyed: true, data: null }));
}

function change(secret: Secret, numbers: readonly number[], to: (version: Version) => Version): Secret {
	const versions = [...secret.versions].map(
		([number, version]) => [number, numbers.includes(number) ? to(version) : version] as const,
	);
	return { ...secret, versions: new Map(versions) };
}
