import { readFile } from 'node:fs/promises';
import { type SealOwner, type SealScope, sealContext, sealedText, sealKey } from '../../contract/sealed.ts';
import { type BaoCall, expectOk, type OpenBao, type VaultApi } from './openbao.ts';

/** Where a helper works; `secret` and no namespace unless given. */
export interface PolicyPaths {
	readonly mount?: string;
	readonly namespace?: string;
}

/** A request that must succeed (2xx); gives the answer's JSON. */
export async function must(
	vault: VaultApi,
	method: string,
	path: string,
	what: BaoCall = {},
): Promise<unknown> {
	return expectOk(await vault.request(method, path, what), `${method} ${path}`);
}

/**
 * Writes a KV v2 secret with Envtier's field `value`. `path` is inside the mount (`orgs/acme/secrets/KEY`).
 */
export async function putSecret(
	vault: VaultApi,
	path: string,
	value: string,
	place: PolicyPaths = {},
): Promise<void> {
	await putFields(vault, path, { value }, place);
}

/** Writes a KV v2 secret with whatever fields. */
export async function putFields(
	vault: VaultApi,
	path: string,
	data: object,
	place: PolicyPaths = {},
): Promise<void> {
	await must(vault, 'POST', at(place, 'data', path), { body: { data }, ...within(place) });
}

/** Soft-deletes the current version of a KV v2 secret. */
export async function deleteSecret(vault: VaultApi, path: string, place: PolicyPaths = {}): Promise<void> {
	await must(vault, 'DELETE', at(place, 'data', path), within(place));
}

/** Destroys versions of a KV v2 secret for good; its metadata stay. */
export async function destroySecret(
	vault: VaultApi,
	path: string,
	versions: readonly number[],
	place: PolicyPaths = {},
): Promise<void> {
	await must(vault, 'PUT', at(place, 'destroy', path), { body: { versions }, ...within(place) });
}

/** Removes a KV v2 secret with all versions and metadata. */
export async function removeSecret(vault: VaultApi, path: string, place: PolicyPaths = {}): Promise<void> {
	await must(vault, 'DELETE', at(place, 'metadata', path), within(place));
}

/** Writes an ACL policy in HCL. */
export async function writePolicy(
	vault: VaultApi,
	name: string,
	policy: string,
	place: PolicyPaths = {},
): Promise<void> {
	await must(vault, 'PUT', `sys/policies/acl/${name}`, { body: { policy }, ...within(place) });
}

/** Makes a token that has these policies (and `default`). */
export async function createToken(
	vault: VaultApi,
	policies: readonly string[],
	place: PolicyPaths = {},
): Promise<string> {
	const made = await must(vault, 'POST', 'auth/token/create', { body: { policies }, ...within(place) });
	return (made as { auth: { client_token: string } }).auth.client_token;
}

/** Mounts an auth method and writes its `config`. `at` is the mount's path, the type's name unless given. */
export async function enableAuth(
	vault: VaultApi,
	type: 'kubernetes' | 'jwt' | (string & {}),
	options: Pick<PolicyPaths, 'namespace'> & { readonly at?: string; readonly config?: object } = {},
): Promise<void> {
	const path = options.at ?? type;
	await must(vault, 'POST', `sys/auth/${path}`, { body: { type }, ...within(options) });
	if (options.config === undefined) return;
	await must(vault, 'POST', `auth/${path}/config`, { body: options.config, ...within(options) });
}

/** Writes a role of a kubernetes or jwt auth mount. */
export async function writeRole(
	vault: VaultApi,
	mount: string,
	role: string,
	body: object,
	place: Pick<PolicyPaths, 'namespace'> = {},
): Promise<void> {
	await must(vault, 'POST', `auth/${mount}/role/${role}`, { body, ...within(place) });
}

/** Mounts a KV engine of version 1 or 2. */
export async function mountKv(
	vault: VaultApi,
	mount: string,
	version: 1 | 2,
	place: Pick<PolicyPaths, 'namespace'> = {},
): Promise<void> {
	const body = { type: 'kv', options: { version: String(version) } };
	await must(vault, 'POST', `sys/mounts/${mount}`, { body, ...within(place) });
}

/** Mounts a transit engine. */
export async function mountTransit(vault: VaultApi, mount = 'transit'): Promise<void> {
	await must(vault, 'POST', `sys/mounts/${mount}`, { body: { type: 'transit' } });
}

/** Seals a value as `envtier seal` does; gives what the annotation holds. */
export async function seal(
	vault: VaultApi,
	value: string | Buffer,
	scope: SealScope,
	place: SealOwner,
): Promise<string> {
	const body = {
		plaintext: Buffer.from(value).toString('base64'),
		context: Buffer.from(sealContext(scope, place)).toString('base64'),
	};
	const answer = await must(vault, 'POST', `transit/encrypt/${sealKey(scope, place)}`, { body });
	const { ciphertext } = (answer as { data: { ciphertext: string } }).data;
	return sealedText({ scope, ciphertext });
}

/**
 * Makes a namespace (OpenBao and Vault Enterprise have them) with KV v2 at `secret/`.
 *
 * @param place the namespace to make it in; the root unless given
 */
export async function createNamespace(
	vault: VaultApi,
	name: string,
	place: Pick<PolicyPaths, 'namespace'> = {},
): Promise<void> {
	await must(vault, 'POST', `sys/namespaces/${name}`, within(place));
	const namespace = place.namespace === undefined ? name : `${place.namespace}/${name}`;
	await mountKv(vault, 'secret', 2, { namespace });
}

/** One line of the audit log: which request was made, never what it carried. */
export interface AuditedRequest {
	readonly operation: string;
	readonly path: string;
}

/** Enables the audit log. Returns a function that reads the requests (not responses) since then, in order. */
export async function auditRequests(bao: OpenBao): Promise<() => Promise<readonly AuditedRequest[]>> {
	const file = `${bao.dir}/audit.log`;
	const options = { file_path: file };
	await must(bao, 'PUT', 'sys/audit/file', { body: { type: 'file', options } });
	const skipped = (await readRequests(file)).length;
	return async () => (await readRequests(file)).slice(skipped);
}

async function readRequests(file: string): Promise<AuditedRequest[]> {
	const lines = (await readFile(file, 'utf8')).split('\n').filter((line) => line !== '');
	return lines
		.map((line) => JSON.parse(line) as { type: string; request: AuditedRequest })
		.filter((entry) => entry.type === 'request')
		.map(({ request }) => ({ operation: request.operation, path: request.path }));
}

function at(place: PolicyPaths, part: string, path: string): string {
	return `${place.mount ?? 'secret'}/${part}/${path}`;
}

function within(place: Pick<PolicyPaths, 'namespace'>): { namespace?: string } {
	return place.namespace === undefined ? {} : { namespace: place.namespace };
}
