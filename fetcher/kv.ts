/** A KV secrets engine: where it is mounted and which of the two APIs it speaks. */
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

/** The line of a Vault policy that lets a folder be listed. Vault compares list paths with a "/" at the end. */
export function listRule(kv: Kv, folder: string): string {
	return `path "${listPath(kv, folder)}/" { capabilities = ["list"] }`;
}

/** The line of a Vault policy that lets every secret of a folder be read. */
export function readRule(kv: Kv, folder: string): string {
	return `path "${readPath(kv, folder, '+')}" { capabilities = ["read"] }`;
}
