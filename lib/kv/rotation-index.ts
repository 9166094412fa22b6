import { createHash } from 'node:crypto';
import { isKey } from '../../contract/keys.ts';
import { parseName } from '../../contract/names.ts';
import { tierPath } from '../../contract/tiers.ts';

/**
 * The index of passwords that rotate. The API writes an entry before it sets a rotation; the controller reads
 * it instead of listing every secret. An entry is a hint: the metadata of the secret decide.
 */
export const ROTATIONS = 'registry/rotations';

/** The name of the entry of the secret at `path`. */
export function indexEntryOf(path: string): string {
	return createHash('sha256').update(path).digest('hex').slice(0, 32);
}

/** True for the name of an entry. */
export function isIndexEntry(name: string): boolean {
	return /^[0-9a-f]{32}$/.test(name);
}

/** A secret of an organization, a deployment or a service, by its path inside the KV mount. */
export interface IndexedSecret {
	readonly folder: string;
	readonly key: string;
}

/**
 * The secret that an entry names; undefined unless it is in a tier that pods read, and the entry has the name
 * that belongs to it. So nothing in an entry's metadata leads to another path.
 *
 * @param metadata custom metadata of the entry
 */
export function secretOfEntry(
	name: string,
	metadata: Readonly<Record<string, string>>,
): IndexedSecret | undefined {
	const folder = folderOf(metadata);
	const { key } = metadata;
	if (folder === undefined || key === undefined || !isKey(key)) return undefined;
	return indexEntryOf(`${folder}/${key}`) === name ? { folder, key } : undefined;
}

function folderOf(metadata: Readonly<Record<string, string>>): string | undefined {
	const { kind, name = '', service } = metadata;
	if (!parseName(name).ok || (service !== undefined && !parseName(service).ok)) return undefined;
	if (kind === 'org') return service === undefined ? tierPath('org', { org: name }) : undefined;
	if (kind !== 'deployment') return undefined;
	return service === undefined
		? tierPath('deployment', { deployment: name })
		: tierPath('service', { deployment: name, service });
}
