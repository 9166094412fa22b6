import type { Secret, Version } from './versions.ts';

/** A time as Vault writes it; '' for never. */
function timeView(at: number | null): string {
	return at === null ? '' : new Date(at).toISOString();
}

/** The metadata of one version. */
export function versionView(number: number, version: Version): object {
	return {
		created_time: timeView(version.createdAt),
		custom_metadata: null,
		deletion_time: timeView(version.deletedAt),
		destroyed: version.destroyed,
		version: number,
	};
}

/** The settings of a secret. They can't be changed here: all have Vault's defaults. */
const SETTINGS = {
	cas_required: false,
	custom_metadata: null,
	delete_version_after: '0s',
	max_versions: 0,
	metadata_cas_required: false,
};

/** The metadata of a secret and of all its versions. */
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
		...SETTINGS,
		created_time: timeView(secret.createdAt),
		updated_time: timeView(secret.updatedAt),
		current_version: secret.current,
		oldest_version: secret.oldest,
		current_metadata_version: 0,
		versions: Object.fromEntries(versions),
	};
}
