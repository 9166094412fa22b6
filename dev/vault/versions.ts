import { err, ok, type Result } from '../../contract/result.ts';
import type { SecretData } from './secret-data.ts';

/** One version of a KV v2 secret. */
export interface Version {
	/** Milliseconds since 1970. */
	readonly createdAt: number;
	/** When it counts as deleted, which may lie ahead; null: never. */
	readonly deletedAt: number | null;
	readonly destroyed: boolean;
	/** null once destroyed. */
	readonly data: SecretData | null;
}

/** What can be set on a KV v2 secret as a whole. */
export interface SecretSettings {
	readonly casRequired: boolean;
	/** 0: the engine's default, 10. */
	readonly maxVersions: number;
	/** 0: versions don't delete themselves. */
	readonly deleteAfterSeconds: number;
	readonly custom: Readonly<Record<string, string>> | null;
}

/** A KV v2 secret: its versions and metadata. A value: every change gives a new one. */
export interface Secret extends SecretSettings {
	readonly createdAt: number;
	readonly updatedAt: number;
	/** 0: there are only metadata yet. */
	readonly current: number;
	/** The oldest version kept, once older ones were dropped; 0 before. */
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
 * Why `cas` (the version that must be the current one; undefined: whichever) forbids a write, or undefined.
 */
export function casFault(secret: Secret, cas: number | undefined): string | undefined {
	if (cas === undefined) {
		return secret.casRequired ? 'check-and-set parameter required for this call' : undefined;
	}
	return cas === secret.current ? undefined : 'check-and-set parameter did not match the current version';
}

/** Adds a version, if `cas` allows it. */
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
	const kept = [...secret.versions, [current, version] as const].slice(-(secret.maxVersions || MAX_VERSIONS));
	const first = kept[0]?.[0] ?? 0;
	return ok({
		...secret,
		current,
		updatedAt: now,
		versions: new Map(kept),
		oldest: first > 1 ? first : secret.oldest,
	});
}

/** Changes settings; counts as a change of the metadata. */
export function withSettings(secret: Secret, settings: Partial<SecretSettings>, now: number): Secret {
	return { ...secret, ...settings, updatedAt: now, metadataVersion: secret.metadataVersion + 1 };
}

/** True when the version's data can't be read: deleted, destroyed, or deleted by its age. */
export function isGone(version: Version, now: number): boolean {
	return version.destroyed || (version.deletedAt !== null && version.deletedAt <= now);
}

/** Deletes versions so that `undelete` can bring them back. Unknown ones are passed over. */
export function softDelete(secret: Secret, numbers: readonly number[], now: number): Secret {
	return change(secret, numbers, (version) =>
		isGone(version, now) ? version : { ...version, deletedAt: now },
	);
}

/** Brings deleted versions back. */
export function undelete(secret: Secret, numbers: readonly number[]): Secret {
	return change(secret, numbers, (version) =>
		version.destroyed ? version : { ...version, deletedAt: null },
	);
}

/** Destroys versions for good. */
export function destroy(secret: Secret, numbers: readonly number[]): Secret {
	return change(secret, numbers, (version) => ({ ...version, destroyed: true, data: null }));
}

function change(secret: Secret, numbers: readonly number[], to: (version: Version) => Version): Secret {
	const versions = [...secret.versions].map(
		([number, version]) => [number, numbers.includes(number) ? to(version) : version] as const,
	);
	return { ...secret, versions: new Map(versions) };
}
