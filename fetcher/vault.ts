import nodeVault from 'node-vault';
import { err, ok, type Result } from '../contract/result.ts';
import { type Deadline, deadlineAfter } from './deadline.ts';
import { Failure } from './failure.ts';
import { type Json, object } from './json.ts';
import { errorsOf, isNotFound, readResponse, unexpectedResponse, type VaultResponse } from './responses.ts';
import type { Retry } from './retry.ts';
import { printable } from './text.ts';
import type { Transport } from './transport/transport.ts';

/** The result of a list or a read. */
export type Lookup<T> =
	| { readonly kind: 'found'; readonly value: T }
	| { readonly kind: 'absent' }
	| { readonly kind: 'refused' };

/** A ciphertext of the transit engine, and the context of its derived key in base64. */
export interface Ciphertext {
	readonly ciphertext: string;
	readonly context: string;
}

/** The result of decrypting a batch. */
export type Decryption =
	/** For each ciphertext its plaintext in base64, or Vault's error. */
	| { readonly kind: 'done'; readonly results: readonly Result<string>[] }
	/** The key does not exist. */
	| { readonly kind: 'absent' }
	| { readonly kind: 'refused' };

/** The limit on uses of a token (0: none), and its uses since the login. */
export interface TokenUses {
	readonly limit: number;
	readonly used: number;
}

/** The result of a login. */
export type LoginResult =
	| { readonly kind: 'done' }
	/** With Vault's status and errors. */
	| { readonly kind: 'refused'; readonly status: number; readonly errors: readonly string[] };

/** The fetcher's Vault client. Its methods reject with a `Failure` only. */
export interface Vault {
	/** Logs in at an auth mount. Later requests send the token. */
	login(mount: string, role: string, jwt: string): Promise<LoginResult>;
	/** The names in a folder. */
	list(path: string): Promise<Lookup<readonly string[]>>;
	/** The `data` of a response: the fields of a KV v1 secret; the fields and metadata of a KV v2 secret. */
	read(path: string): Promise<Lookup<Json>>;
	/**
	 * Reads a path to explain another error, within two seconds. Never rejects: any other result or error is
	 * `absent`.
	 */
	tryRead(path: string): Promise<Lookup<Json>>;
	/** Decrypts a batch with one key of a transit engine. */
	decrypt(path: string, batch: readonly Ciphertext[]): Promise<Decryption>;
	/** Revokes the token, if there is one and it is revocable. */
	revoke(deadline: Deadline): Promise<void>;
	/** Number of requests sent so far, with retries. */
	requests(): number;
	/** Uses of the login's token. */
	tokenUses(): TokenUses;
}

/** Dependencies of the adapter. */
export interface VaultParts {
	readonly address: string;
	readonly namespace: string | undefined;
	readonly transport: Transport;
	readonly retry: Retry;
	/** For all requests except the revocation. */
	readonly deadline: Deadline;
}

/** The request that node-vault passes to its request function. */
interface ClientRequest {
	readonly method: string;
	readonly uri: string;
	readonly headers: Readonly<Record<string, string>>;
	readonly json?: unknown;
	/** Our own option, passed through by node-vault. */
	readonly deadline?: Deadline;
}

/** The response that node-vault expects. */
interface ClientResponse {
	readonly statusCode: number;
	readonly body: Json;
	readonly request: { readonly path: string };
}

/** Timeout of a request that only explains another error, in ms. */
const EXPLAIN_TIMEOUT = 2_000;

/**
 * Headers of every request. A Vault proxy may require the second one, against forged requests of browsers.
 */
const HEADERS = { 'user-agent': 'envtier-fetcher', 'x-vault-request': 'true' };

const lowerCased = (headers: Readonly<Record<string, string>>): Record<string, string> =>
	Object.fromEntries(Object.entries(headers).map(([name, value]) => [name.toLowerCase(), value]));

/** The response in node-vault's error for a status that is not 2xx. Rethrows any other error. */
function responseIn(thrown: unknown): VaultResponse {
	const response = thrown instanceof Error && 'response' in thrown ? object(thrown.response) : undefined;
	if (response === undefined) throw thrown;
	return { status: Number(response['statusCode']), body: object(response['body']) ?? {} };
}

/**
 * Opens the adapter on node-vault, the only file that uses it. Its request function is replaced by one on our
 * transport. What it reads from the environment (VAULT_ADDR, VAULT_TOKEN, VAULT_NAMESPACE, VAULT_PREFIX,
 * VAULT_SKIP_VERIFY, DEBUG) is overridden or has no effect. Its table of commands is not used, so their
 * templates and schemas are not needed.
 */
export function openVault({ address, namespace, transport, retry, deadline }: VaultParts): Vault {
	let requests = 0;
	let revocable = false;
	let uses = 0;
	let requestsAtLogin = 0;

	const send = async ({ method, uri, headers, json, ...own }: ClientRequest): Promise<ClientResponse> => {
		const path = uri.slice(address.length);
		const [pathOnly = path] = path.split('?');
		const body = json === undefined ? undefined : Buffer.from(JSON.stringify(json));
		const type = body === undefined ? {} : { 'content-type': 'application/json' };
		const request = {
			method,
			path,
			headers: { ...HEADERS, ...type, ...lowerCased(headers) },
			body,
		};
		const attempt = async (timeout: number): Promise<VaultResponse> => {
			requests += 1;
			return readResponse(await transport.send(request, timeout), address, pathOnly);
		};
		const answer = await retry(attempt, own.deadline ?? deadline);
		return { statusCode: answer.status, body: answer.body, request: { path: pathOnly } };
	};

	const client = nodeVault({
		endpoint: address,
		// Some proxies reject the method LIST.
		noCustomHTTPVerbs: true,
		commands: {},
		mustache: {},
		debug: () => undefined,
		tv4: Object.assign(() => true, { validate: () => true }),
		'request-promise': { defaults: () => send },
	});
	Object.assign(client, { token: '', namespace: namespace ?? '', pathPrefix: '' });

	/** Every method of node-vault resolves with the body of a 200 or 204. */
	const responseOf = (call: Promise<unknown>): Promise<VaultResponse> =>
		call.then((body) => ({ status: 200, body: object(body) ?? {} }), responseIn);

	const find = async <T>(path: string, call: Promise<unknown>, take: (body: Json) => T | undefined) => {
		const answer = await responseOf(call);
		if (answer.status === 403) return { kind: 'refused' } as const;
		if (isNotFound(answer)) return { kind: 'absent' } as const;
		const value = answer.status === 200 ? take(answer.body) : undefined;
		if (value === undefined) throw unexpectedResponse(answer, address, path);
		return { kind: 'found', value } as const;
	};

	return {
		login: async (mount, role, jwt) => {
			const path = `auth/${mount}/login`;
			const { status, body } = await responseOf(client.write(path, { role, jwt }));
			if (status !== 200) return { kind: 'refused', status, errors: errorsOf(body) };
			const auth = object(body['auth']);
			const token = auth?.['client_token'];
			if (typeof token !== 'string' || !/^[!-~]+$/.test(token))
				throw new Failure('bad-answer', `Vault at ${address} answers "${path}" without a token`);
			client.token = token;
			// Vault does not store batch tokens and refuses to revoke them.
			revocable = auth?.['token_type'] !== 'batch';
			uses = Number(auth?.['num_uses'] ?? 0);
			requestsAtLogin = requests;
			return { kind: 'done' };
		},
		list: (path) => find(path, client.list(path), (body) => namesOf(object(body['data'])?.['keys'])),
		read: (path) => find(path, client.read(path), dataOf),
		tryRead: async (path) => {
			try {
				return await find(path, client.read(path, { deadline: deadlineAfter(EXPLAIN_TIMEOUT) }), dataOf);
			} catch (thrown) {
				if (!(thrown instanceof Failure)) throw thrown;
				return { kind: 'absent' };
			}
		},
		decrypt: async (path, batch) => {
			const answer = await responseOf(client.write(path, { batch_input: batch }));
			if (answer.status === 403) return { kind: 'refused' };
			const results = object(answer.body['data'])?.['batch_results'];
			// If one ciphertext fails, the status is 400 and the other plaintexts are present.
			if (Array.isArray(results) && results.length === batch.length)
				return { kind: 'done', results: results.map(decryptionOf) };
			if (errorsOf(answer.body).some((said) => /key not found/.test(said))) return { kind: 'absent' };
			throw unexpectedResponse(answer, address, path);
		},
		revoke: async (until) => {
			if (!revocable) return;
			const path = 'auth/token/revoke-self';
			const answer = await responseOf(client.write(path, {}, { deadline: until }));
			// Vault revokes a token with its last use.
			if (uses > 0 && answer.status === 403) return;
			if (answer.status !== 200) throw unexpectedResponse(answer, address, path);
			revocable = false;
		},
		requests: () => requests,
		tokenUses: () => ({ limit: uses, used: requests - requestsAtLogin }),
	};
}

const dataOf = (body: Json): Json | undefined => object(body['data']);

function decryptionOf(result: unknown): Result<string> {
	const { error, plaintext } = object(result) ?? {};
	if (typeof error === 'string' && error !== '') return err(printable(error));
	return typeof plaintext === 'string' ? ok(plaintext) : err('no plaintext');
}

function namesOf(keys: unknown): readonly string[] | undefined {
	return Array.isArray(keys) && keys.every((key) => typeof key === 'string') ? keys : undefined;
}
