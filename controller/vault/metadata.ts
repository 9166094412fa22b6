import pLimit from 'p-limit';
import { isKey } from '../../contract/keys.ts';
import { err, ok, type Result } from '../../contract/result.ts';
import { object } from '../../lib/json.ts';
import type { Ask } from '../../lib/vault/ask.ts';
import type { VaultClient } from '../../lib/vault/client.ts';
import { RequestFailure } from '../../lib/vault/request-failure.ts';
import type { VaultResponse } from '../../lib/vault/types.ts';
import { type LiveKeys, liveKeys, liveVersion } from './folder.ts';

/** Reads which keys a folder has, and their versions. It reads no value. */
export interface MetadataReader {
	/** The error says what failed and what to do. */
	read(folder: string): Promise<Result<LiveKeys>>;
}

/** Keys in one response of `detailed-metadata`. */
const PAGE = 500;
/** Most keys of one folder. */
const MAX_KEYS = 20_000;
/** Requests at the same time, where each key needs one. */
const PARALLEL = 8;

/**
 * Opens a reader on a KV engine of version 2. One request shows 500 keys on OpenBao 2.2 or later; elsewhere
 * each key takes one request.
 *
 * @param policy whose policy needs a line if Vault refuses a request, for the message
 */
export function openMetadata(
	client: VaultClient,
	ask: Ask,
	mount: string,
	policy = "the controller's policy",
): MetadataReader {
	const get = (path: string) => ask('metadata', (token) => client.read(path, token));
	const list = (path: string) => ask('metadata', (token) => client.list(path, token));
	const limit = pLimit(PARALLEL);

	/** Undefined: this server or policy does not serve the list with metadata. */
	const detailed = async (folder: string): Promise<LiveKeys | undefined> => {
		const all = new Map<string, string>();
		for (let after: string | undefined = ''; after !== undefined; ) {
			const query = new URLSearchParams({ list: '1', limit: String(PAGE), ...(after && { after }) });
			const response = await get(`${mount}/detailed-metadata/${folder}/?${query}`);
			// Nothing behind a last page that was full.
			if (response.status === 404 && all.size > 0) return all;
			const page = pageOf(response);
			if (page === undefined) return undefined;
			add(all, page.keys, folder);
			after = page.next;
		}
		return all;
	};

	const oneByOne = async (folder: string, names: readonly string[]): Promise<LiveKeys> => {
		const keys = names.filter(isKey);
		if (keys.length > MAX_KEYS) throw tooMany(folder);
		const found = await Promise.all(
			keys.map((key) =>
				limit(async () => {
					const path = `${mount}/metadata/${folder}/${key}`;
					const response = await get(path);
					if (response.status === 404) return [];
					const metadata = answered(response, path, 'read', policy);
					const version = liveVersion(metadata, clockOf(response));
					return version === undefined ? [] : [[key, version] as const];
				}),
			),
		);
		return new Map(found.flat());
	};

	const read = async (folder: string): Promise<LiveKeys> => {
		const all = await detailed(folder);
		if (all !== undefined) return all;
		// A server without that list answers as for an empty folder.
		const path = `${mount}/metadata/${folder}`;
		const response = await list(path);
		// With errors, there is no such engine: that is not an empty folder.
		if (response.status === 404 && !hasErrors(response)) return new Map();
		const names = answered(response, `${path}/`, 'list', policy)?.['keys'];
		return await oneByOne(folder, Array.isArray(names) ? names.map(String) : []);
	};
	return {
		read: async (folder) => {
			try {
				return ok(await read(folder));
			} catch (thrown) {
				if (thrown instanceof RequestFailure) return err(thrown.message);
				throw thrown;
			}
		},
	};
}

/** Adds keys to those of a folder, up to the limit. */
function add(all: Map<string, string>, keys: LiveKeys, folder: string): void {
	for (const [key, version] of keys) all.set(key, version);
	if (all.size > MAX_KEYS) throw tooMany(folder);
}

/** One page of keys, and the name after which the next one begins. Undefined: it is not such a list. */
function pageOf(
	response: VaultResponse,
): { readonly keys: LiveKeys; readonly next: string | undefined } | undefined {
	const data = response.status === 200 ? object(object(response.json)?.['data']) : undefined;
	const info = object(data?.['key_info']);
	const names = data?.['keys'];
	if (info === undefined || !Array.isArray(names)) return undefined;
	const last: unknown = names.at(-1);
	// A server that does not know `limit` sends everything at once.
	const next = names.length === PAGE && typeof last === 'string' ? last : undefined;
	return { keys: liveKeys(info, clockOf(response)), next };
}

/** Vault's clock; ours if it does not send it. */
function clockOf({ date }: VaultResponse): number {
	return date ?? Date.now();
}

function hasErrors({ json }: VaultResponse): boolean {
	const errors = object(json)?.['errors'];
	return Array.isArray(errors) && errors.length > 0;
}

function answered(response: VaultResponse, path: string, capability: string, policy: string) {
	if (response.status === 200) return object(object(response.json)?.['data']);
	const what = `Vault answers ${response.status} to GET ${path}`;
	if (response.status !== 403) throw new RequestFailure('bad-answer', what);
	throw new RequestFailure(
		'refused',
		`${what}: add to ${policy}: path "${path}" { capabilities = ["${capability}"] }`,
	);
}

function tooMany(folder: string): RequestFailure {
	return new RequestFailure('bad-answer', `${folder} has more than ${MAX_KEYS} keys`);
}
