import { type Tier, type TierNames, tierPath, VALUE_FIELD } from '../contract/tiers.ts';
import { type Json, object } from '../lib/json.ts';

/** The mount and the API version of a KV secrets engine. */
export interface Kv {
	readonly mount: string;
	readonly version: 1 | 2;
}

/** The API path that lists a folder; `folder` has no slashes at its ends. */
export function listPath({ mount, version }: Kv, folder: string): string {
	return version === 2 ? `${mount}/metadata/${folder}` : `${mount}/${folder}`;
}

/** The API path that reads a secret of a folder. The key needs no escaping (see contract/keys). */
export function readPath({ mount, version }: Kv, folder: string, key: string): string {
	return version === 2 ? `${mount}/data/${folder}/${key}` : `${mount}/${folder}/${key}`;
}

/**
 * The line of a Vault policy that allows to list a folder. Vault compares list paths with a "/" at the end.
 */
export function listRule(kv: Kv, folder: string): string {
	return `path "${listPath(kv, folder)}/" { capabilities = ["list"] }`;
}

/** The line of a Vault policy that allows to read every secret of a folder. */
export function readRule(kv: Kv, folder: string): string {
	return `path "${readPath(kv, folder, '+')}" { capabilities = ["read"] }`;
}

/** The API path of a secret with the same path as the folder. Vault allows both. */
export function ownPath({ mount, version }: Kv, folder: string): string {
	return version === 2 ? `${mount}/data/${folder}` : `${mount}/${folder}`;
}

/** The folder of a tier. The settings contain only tiers with a folder; any other tier is a defect. */
export function folderOf(tier: Tier, tierNames: TierNames): string {
	const folder = tierPath(tier, tierNames);
	if (folder === undefined) throw new TypeError(`tier ${tier} has no path`);
	return folder;
}

/** The fields in the data of a response. In KV v2 they are one level deeper, and null if deleted. */
export function fieldsOf({ version }: Kv, data: Json): Json | undefined {
	return version === 2 ? object(data['data']) : data;
}

/** The version of a secret, where the engine has versions. */
export function versionOf({ version }: Kv, data: Json): { readonly version?: string } {
	const metadata = version === 2 ? object(data['metadata']) : undefined;
	return metadata === undefined ? {} : { version: `${metadata['version']} ${metadata['created_time']}` };
}

/** The command that stores one key. */
export function putCommand({ mount }: Kv, folder: string, key: string): string {
	return `vault kv put -mount=${mount} ${folder}/${key} ${VALUE_FIELD}=…`;
}
