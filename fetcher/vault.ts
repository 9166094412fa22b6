import { err, ok, type Result } from '../contract/result.ts';
import { type Json, object } from '../lib/json.ts';
import { type Deadline, deadlineAfter } from './deadline.ts';
import { Failure } from './failure.ts';
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

/** The result of a request that issues or renews a secret. */
export type IssueResult =
	/** The body of the response. */
	| { readonly kind: 'done'; readonly body: Json }
	/** With Vault's status and errors: not allowed by a policy, or Vault does not know the path or lease. */
	| { readonly kind: 'refused'; readonly status: number; readonly errors: readonly string[] };

/** A token of Vault, with its properties from the login. */
export interface SavedToken {
	readonly value: string;
	/** Milliseconds since 1970; very large for a token that does not expire. */
	readonly expires: number;
	/** False for batch tokens. */
	readonly revocable: boolean;
}

/** The fetcher's Vault client. Its methods reject with a `Failure` only. */
export interface Vault {
	/** Logs in at an auth mount. Later requests send the token. */
	login(mount: string, role: string, jwt: string): Promise<LoginResult>;
	/** The names in a folder. */
	list(path: string): Promise<Lookup<readonly string[]>>;
	/** The names in a folder with their metadata: the `data` of the response (OpenBao ≥ 2.2). */
	listDetails(path: string): Promise<Lookup<Json>>;
	/** The `data` of a response: the fields of a KV v1 secret; the fields and metadata of a KV v2 secret. */
	read(path: string): Promise<Lookup<Json>>;
	/**
	 * Reads a path to explain another error, within two seconds. Never rejects: any other result or error is
	 * `absent`.
	 */
	tryRead(path: string): Promise<Lookup<Json>>;
	/** Decrypts a batch with one key of a transit engine. */
	decrypt(path: string, batch: readonly Ciphertext[]): Promise<Decryption>;
	/** Issues a dynamic secret: by a write if there are parameters, otherwise by a read. */
	issue(path: string, parameters: Readonly<Record<string, string>> | undefined): Promise<IssueResult>;
	/** Renews the token. */
	renewToken(): Promise<IssueResult>;
	/** Renews a lease that the token may renew. */
	renewLease(leaseId: string): Promise<IssueResult>;
	/** Revokes the token, if there is one and it is revocable. */
	revoke(deadline: Deadline): Promise<void>;
	/** The token that later requests send, if it has no limit on its uses. */
	token(): SavedToken | undefined;
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
	/** A token of an earlier login. */
	readonly token?: SavedToken;
}

/** Timeout of a request that only explains another error, in ms. */
const EXPLAIN_TIMEOUT = 2_000;

/**
 * Headers of every request. A Vault proxy may require the second one, which protects it from forged requests
 * of browsers.
 */
const HEADERS = { 'user-agent': 'envtier-fetcher', 'x-vault-request': 'true' };
const JSON_BODY = { 'content-type': 'application/json' };

/** Optional parts of a request. */
interface RequestOptions {
	/** The query with its "?". */
	readonly query?: string;
	/** Sent as JSON. */
	readonly body?: object;
	/** The default is the deadline of the whole fetch. */
	readonly until?: Deadline;
}

type Headers = Readonly<Record<string, string>>;

/** Opens the fetcher's client of Vault's HTTP API on a transport. It reads nothing from the environment. */
export function openVault({
	address,
	namespace,
	transport,
	retry,
	deadline,
	token: saved,
}: VaultParts): Vault {
	let requests = 0;
	let revocable = saved?.revocable ?? false;
	let uses = 0;
	let expires = saved?.expires ?? 0;
	let requestsAtLogin = 0;
	const own = { ...HEADERS, ...(namespace === undefined ? {} : { 'x-vault-namespace': namespace }) };
	let token = saved?.value;
	/** Headers of requests without and with a body. They change with the token of a login. */
	let headers: Headers = token === undefined ? own : { ...own, 'x-vault-token': token };
	let withBody: Headers = { ...headers, ...JSON_BODY };

	const send = (method: string, path: string, options: RequestOptions = {}): Promise<VaultResponse> => {
		const { query = '', until = deadline } = options;
		const body = options.body === undefined ? undefined : JSON.stringify(options.body);
		const apiPath = `/v1/${path}`;
		const request = {
			method,
			path: apiPath + query,
			headers: body === undefined ? headers : withBody,
			body,
		};
		return retry(async (timeout) => {
			requests += 1;
			return readResponse(await transport.send(request, timeout), address, apiPath);
		}, until);
	};

	const find = async <T>(
		path: string,
		take: (body: Json) => T | undefined,
		options: RequestOptions = {},
	): Promise<Lookup<T>> => {
		const answer = await send('GET', path, options);
		if (answer.status === 403) return { kind: 'refused' };
		if (isNotFound(answer)) return { kind: 'absent' };
		const value = answer.status === 200 ? take(answer.body) : undefined;
		if (value === undefined) throw unexpectedResponse(answer, address, path);
		return { kind: 'found', value };
	};

	/** A request that issues or renews: Vault refuses it with 400, 403 or 404. */
	const issue = async (method: string, path: string, options: RequestOptions): Promise<IssueResult> => {
		const { status, body } = await send(method, path, options);
		if (status === 200) return { kind: 'done', body };
		if (status !== 400 && status !== 403 && status !== 404)
			throw unexpectedResponse({ status, body }, address, path);
		return { kind: 'refused', status, errors: errorsOf(body) };
	};

	return {
		login: async (mount, role, jwt) => {
			const path = `auth/${mount}/login`;
			const { status, body } = await send('POST', path, { body: { role, jwt } });
			if (status !== 200) return { kind: 'refused', status, errors: errorsOf(body) };
			const auth = object(body['auth']);
			const issued = auth?.['client_token'];
			if (typeof issued !== 'string' || !/^[!-~]+$/.test(issued))
				throw new Failure('bad-answer', `Vault at ${address} answers "${path}" without a token`);
			token = issued;
			headers = { ...own, 'x-vault-token': issued };
			withBody = { ...headers, ...JSON_BODY };
			// Vault does not store batch tokens and refuses to revoke them.
			revocable = auth?.['token_type'] !== 'batch';
			const seconds = Number(auth?.['lease_duration'] ?? 0);
			// Vault answers 0 for a token that does not expire.
			expires = seconds > 0 ? Date.now() + seconds * 1_000 : Number.MAX_SAFE_INTEGER;
			uses = Number(auth?.['num_uses'] ?? 0);
			requestsAtLogin = requests;
			return { kind: 'done' };
		},
		// Some proxies reject the method LIST.
		list: (path) => find(path, (body) => namesOf(object(body['data'])?.['keys']), { query: '?list=true' }),
		listDetails: (path) => find(path, dataOf, { query: '?list=true' }),
		read: (path) => find(path, dataOf),
		tryRead: async (path) => {
			try {
				return await find(path, dataOf, { until: deadlineAfter(EXPLAIN_TIMEOUT) });
			} catch (thrown) {
				if (!(thrown instanceof Failure)) throw thrown;
				return { kind: 'absent' };
			}
		},
		decrypt: async (path, batch) => {
			const answer = await send('POST', path, { body: { batch_input: batch } });
			if (answer.status === 403) return { kind: 'refused' };
			const results = object(answer.body['data'])?.['batch_results'];
			// If one ciphertext fails, the status is 400 and the other plaintexts are present.
			if (Array.isArray(results) && results.length === batch.length)
				return { kind: 'done', results: results.map(decryptionOf) };
			if (errorsOf(answer.body).some((error) => /key not found/.test(error))) return { kind: 'absent' };
			throw unexpectedResponse(answer, address, path);
		},
		issue: (path, parameters) =>
			parameters === undefined ? issue('GET', path, {}) : issue('POST', path, { body: parameters }),
		renewToken: () => issue('POST', 'auth/token/renew-self', { body: {} }),
		renewLease: (leaseId) => issue('POST', 'sys/leases/renew', { body: { lease_id: leaseId } }),
		revoke: async (until) => {
			if (!revocable) return;
			const path = 'auth/token/revoke-self';
			const answer = await send('POST', path, { body: {}, until });
			// Vault revokes a token with its last use.
			if (uses > 0 && answer.status === 403) return;
			if (answer.status !== 200 && answer.status !== 204) throw unexpectedResponse(answer, address, path);
			revocable = false;
		},
		token: () => (token === undefined || uses > 0 ? undefined : { value: token, expires, revocable }),
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
