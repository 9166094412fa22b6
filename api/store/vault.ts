import { z } from 'zod';
import { decodeHead } from '../../lib/kv/head.ts';
import { createAsk, type VaultAccess } from '../../lib/vault/ask.ts';
import type { VaultResponse } from '../../lib/vault/types.ts';
import { type Store, StoreFailure, type WrittenVersion } from './store.ts';
import { createHeadLists } from './vault-list-heads.ts';
import { KEYS, METADATA, WRITTEN } from './vault-metadata.ts';
import { API_POLICY, missingLines, type ProgramPolicy, pathsToCheck } from './vault-rights.ts';

/** Dependencies of the store. */
export interface VaultStoreOptions extends VaultAccess {
	/** The KV v2 mount, without slashes at its ends. */
	readonly mount: string;
	/** The policy that the program should have; by default the API's. */
	readonly policy?: ProgramPolicy;
}

const FIELDS = z.object({ data: z.object({ data: z.record(z.string(), z.string()) }) });
const ERRORS = z.object({ errors: z.array(z.string()) });

/** A store in a KV v2 mount of Vault or OpenBao. Needs only the rights of the shipped policy. */
export function createVaultStore({ mount, policy = API_POLICY, ...access }: VaultStoreOptions): Store {
	const { client } = access;
	const ask = createAsk(access);
	const at = (part: Part, path: string): string =>
		`${mount}/${part}/${path.split('/').map(encodeURIComponent).join('/')}`;
	const putVersion: Store['putVersion'] = async (path, fields, expected) => {
		const body = { data: fields, options: { cas: expected } };
		const response = await ask('put', (token) => client.write(at('data', path), body, token));
		const written = response.status === 200 ? writtenOf(response) : undefined;
		if (written !== undefined) return written;
		if (isConflict(response)) return 'conflict';
		throw unexpected(response, 'create", "update');
	};
	/** Changes the state of versions by `delete/`, `undelete/` or `destroy/`. */
	const changeVersions = async (
		part: 'delete' | 'undelete' | 'destroy',
		path: string,
		versions: readonly number[],
	): Promise<void> => {
		const response = await ask(part, (token) => client.write(at(part, path), { versions }, token));
		if (response.status !== 204 && response.status !== 200 && response.status !== 404)
			throw unexpected(response, 'update');
	};
	return {
		kind: 'vault',
		put: async (...args) => ((await putVersion(...args)) === 'conflict' ? 'conflict' : 'written'),
		putVersion,
		update: async (path, fields, expected) => {
			const body = { data: fields, options: { cas: expected } };
			const response = await ask('update', (token) => client.patch(at('data', path), body, token));
			if (response.status === 200) return 'written';
			if (response.status === 404) return 'absent';
			if (isConflict(response)) return 'conflict';
			throw unexpected(response, 'patch');
		},
		deleteVersion: (path, version) => changeVersions('delete', path, [version]),
		undeleteVersion: (path, version) => changeVersions('undelete', path, [version]),
		destroyVersions: (path, versions) => changeVersions('destroy', path, versions),
		describe: async (path, patch) => {
			const body = { custom_metadata: patch };
			const response = await ask('describe', (token) => client.patch(at('metadata', path), body, token));
			if (response.status === 204 || response.status === 200) return true;
			if (response.status === 404) return false;
			throw unexpected(response, 'patch');
		},
		head: async (path) => {
			const response = await ask('head', (token) => client.read(at('metadata', path), token));
			if (response.status === 404) return undefined;
			const parsed = METADATA.safeParse(response.json);
			const head = parsed.success ? decodeHead(parsed.data.data) : undefined;
			if (response.status !== 200 || head === undefined) throw unexpected(response, 'read');
			return head;
		},
		list: async (folder) => {
			const response = await ask('list', (token) => client.list(`${at('metadata', folder)}/`, token));
			if (response.status === 404) return [];
			const parsed = KEYS.safeParse(response.json);
			if (response.status !== 200 || !parsed.success) throw unexpected(response, 'list');
			return parsed.data.data.keys;
		},
		...createHeadLists(access, (folder) => at('detailed-metadata', folder)),
		remove: async (path) => {
			const response = await ask('remove', (token) => client.delete(at('metadata', path), token));
			if (response.status !== 204 && response.status !== 404) throw unexpected(response, 'delete');
		},
		read: async (path) => {
			const response = await ask('read', (token) => client.read(at('data', path), token));
			if (response.status === 404) return undefined;
			const parsed = FIELDS.safeParse(response.json);
			if (response.status !== 200 || !parsed.success) throw unexpected(response, 'read');
			return parsed.data.data.data;
		},
		check: async () => {
			// Not sys/health: it exists outside of namespaces only, and does not check the token.
			const response = await ask('check', (token) => client.read('auth/token/lookup-self', token));
			if (response.status !== 200)
				throw new StoreFailure('refused', `Vault does not accept the API's token (HTTP ${response.status})`);
		},
		missingRights: async () => {
			const body = { paths: pathsToCheck(mount, policy) };
			const response = await ask('rights', (token) => client.write('sys/capabilities-self', body, token));
			if (response.status === 403) return policy.missingIfRefused;
			return response.status === 200 ? missingLines(mount, policy, response.json) : undefined;
		},
	};
}

/** The parts of a KV v2 mount that the API uses. */
type Part = 'data' | 'metadata' | 'detailed-metadata' | 'delete' | 'undelete' | 'destroy';

function writtenOf({ json }: VaultResponse): WrittenVersion | undefined {
	const parsed = WRITTEN.safeParse(json);
	if (!parsed.success) return undefined;
	const { version, created_time: createdTime } = parsed.data.data;
	return { number: version, createdAt: new Date(createdTime) };
}

function isConflict(response: VaultResponse): boolean {
	return response.status === 400 && errorsOf(response).some((text) => text.includes('check-and-set'));
}

function errorsOf(response: VaultResponse): readonly string[] {
	const parsed = ERRORS.safeParse(response.json);
	return parsed.success ? parsed.data.errors : [];
}

/** Leaves out Vault's own error text: it may contain anything. */
function unexpected({ method, path, status }: VaultResponse, capability: string): StoreFailure {
	if (status === 403)
		return new StoreFailure(
			'refused',
			`Vault forbids it: the API's policy needs path "${path}" { capabilities = ["${capability}"] }`,
		);
	return new StoreFailure(
		'bad-answer',
		`Vault answered ${method} ${path} with HTTP ${status}: check that the mount holds KV version 2`,
	);
}
