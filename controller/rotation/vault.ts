import { VALUE_FIELD } from '../../contract/tiers.ts';
import { type Json, list, object } from '../../lib/json.ts';
import { type IndexedSecret, isIndexEntry, ROTATIONS, secretOfEntry } from '../../lib/kv/rotation-index.ts';
import type { Ask } from '../../lib/vault/ask.ts';
import type { VaultClient } from '../../lib/vault/client.ts';
import { RequestFailure } from '../../lib/vault/request-failure.ts';
import type { VaultResponse } from '../../lib/vault/types.ts';

/**
 * Vault as the rotation sees it: it reads metadata, writes values, and reads none. Rejects with a
 * `RequestFailure`.
 */
export interface RotationVault {
	/** The names of the index, and Vault's clock in ms since 1970. */
	entries(): Promise<{ readonly names: readonly string[]; readonly now: number }>;
	/** The secret that an entry of the index names; undefined if it names none that can rotate. */
	entry(name: string): Promise<IndexedSecret | undefined>;
	/** The metadata of a secret, and Vault's clock in ms since 1970. Undefined: it is gone. */
	metadata(secret: IndexedSecret): Promise<{ readonly metadata: unknown; readonly now: number } | undefined>;
	/**
	 * Writes a value over version `version`, if that is the current one. `changed`: it is not any more. `gone`:
	 * it is deleted, and stays so.
	 */
	write(secret: IndexedSecret, value: string, version: number): Promise<RotationWrite>;
}

/** The outcome of a write, with the version that was written. */
export type RotationWrite =
	| { readonly kind: 'written'; readonly version: number | undefined }
	| { readonly kind: 'changed' | 'gone' };

/** Most entries of the index. */
const MAX_ENTRIES = 20_000;

/** Opens the view on a KV engine of version 2. */
export function openRotationVault(
	client: Pick<VaultClient, 'list' | 'read' | 'patch'>,
	ask: Ask,
	mount: string,
): RotationVault {
	const read = (path: string) => ask('metadata', (token) => client.read(path, token));
	return {
		entries: async () => {
			const path = `${mount}/metadata/${ROTATIONS}`;
			const response = await ask('list', (token) => client.list(path, token));
			const now = clockOf(response);
			if (response.status === 404) return { names: [], now };
			const names = list(dataOf(response, `${path}/`, 'list')?.['keys']);
			if (names.length > MAX_ENTRIES)
				throw new RequestFailure('bad-answer', `${path} has more than ${MAX_ENTRIES} entries`);
			return { names: names.map(String).filter(isIndexEntry), now };
		},
		entry: async (name) => {
			const path = `${mount}/metadata/${ROTATIONS}/${name}`;
			const response = await read(path);
			if (response.status === 404) return undefined;
			return secretOfEntry(name, texts(dataOf(response, path, 'read')?.['custom_metadata']));
		},
		metadata: async ({ folder, key }) => {
			const path = `${mount}/metadata/${folder}/${key}`;
			const response = await read(path);
			if (response.status === 404) return undefined;
			return { metadata: dataOf(response, path, 'read'), now: clockOf(response) };
		},
		write: async ({ folder, key }, value, version) => {
			const path = `${mount}/data/${folder}/${key}`;
			// Not a POST: with the right version it would bring a deleted secret back.
			const body = { data: { [VALUE_FIELD]: value }, options: { cas: version } };
			const response = await ask('rotate', (token) => client.patch(path, body, token));
			if (response.status === 404) return { kind: 'gone' };
			if (response.status === 400 && isConflict(response)) return { kind: 'changed' };
			const written = dataOf(response, path, 'patch')?.['version'];
			return { kind: 'written', version: typeof written === 'number' ? written : undefined };
		},
	};
}

/** Vault's clock. Without it nothing rotates: the clock of this machine may be wrong. */
function clockOf({ date, method, path }: VaultResponse): number {
	if (date === undefined)
		throw new RequestFailure(
			'bad-answer',
			`the answer to ${method} ${path} has no header Date: a proxy removes it`,
		);
	return date;
}

function isConflict({ json }: VaultResponse): boolean {
	return list(object(json)?.['errors']).some((text) => String(text).includes('check-and-set'));
}

function texts(metadata: unknown): Readonly<Record<string, string>> {
	const entries = Object.entries(object(metadata) ?? {});
	return Object.fromEntries(
		entries.filter((entry): entry is [string, string] => typeof entry[1] === 'string'),
	);
}

function dataOf(response: VaultResponse, path: string, capability: string): Json | undefined {
	if (response.status === 200) return object(object(response.json)?.['data']);
	const what = `Vault answers ${response.status} to ${response.method} ${path}`;
	if (response.status !== 403) throw new RequestFailure('bad-answer', what);
	throw new RequestFailure(
		'refused',
		`${what}: add to the policy of the rotation: path "${path}" { capabilities = ["${capability}"] }`,
	);
}
