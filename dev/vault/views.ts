import { writeDuration } from './parameters.ts';
import { isObject } from './request.ts';
import type { SecretData } from './secret-data.ts';
import type { Secret, SecretSettings, Version } from './versions.ts';

/** A time in Vault's format; '' for never. */
function timeView(at: number | null): string {
	return at === null ? '' : new Date(at).toISOString();
}

/** The metadata of one version. */
export function versionView(secret: Secret, number: number, version: Version): object {
	return {
		created_time: timeView(version.createdAt),
		custom_metadata: secret.custom,
		deletion_time: timeView(version.deletedAt),
		destroyed: version.destroyed,
		version: number,
	};
}

/** The settings of a secret, or of the engine. */
export function settingsView(settings: SecretSettings): object {
	return {
		cas_required: settings.casRequired,
		delete_version_after: writeDuration(settings.deleteAfterSeconds),
		max_versions: settings.maxVersions,
		metadata_cas_required: false,
	};
}

/** All metadata of a secret. */
export function metadataView(secret: Secret): object {
	const versions = [...secret.versions].map(([number, version]) => [
		number,
		{
			created_time: timeView(version.createdAt),
			deletion_time: timeView(version.deletedAt),
			destroyed: version.destroyed,
		},
	]);
	return {
		...settingsView(secret),
		custom_metadata: secret.custom,
		created_time: timeView(secret.createdAt),
		updated_time: timeView(secret.updatedAt),
		current_version: secret.current,
		oldest_version: secret.oldest,
		current_metadata_version: secret.metadataVersion,
		versions: Object.fromEntries(versions),
	};
}

/** The names of a version's fields, without their values. */
export function subkeysView(data: SecretData | null): object {
	const entries = Object.entries(data ?? {});
	return Object.fromEntries(
		entries.map(([name, value]) => [name, isObject(value) ? subkeysView(value) : null]),
	);
}
