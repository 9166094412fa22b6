import nodeVault from 'node-vault';
import { err, ok, type Result } from '../contract/result.ts';
import { errorsOf, notUnderstood, readAnswer, saysNothingThere, type VaultAnswer } from './answers.ts';
import { type Deadline, deadlineAfter } from './deadline.ts';
import { Failure } from './failure.ts';
import { type Json, object } from './json.ts';
import type { Retry } from './retry.ts';
import { printable } from './text.ts';
import type { Transport } from './transport/transport.ts';

/** What a path gave: the thing, nothing, or a refusal. */
export type Found<T> =
	| { readonly kind: 'found'; readonly value: T }
	| { readonly kind: 'absent' }
	| { readonly kind: 'refused' };

/** A ciphertext of the transit engine, and in base64 what its key is derived with. */
export interface Ciphertext {
	readonly ciphertext: string;
	readonly context: string;
}

/** What became of a batch of ciphertexts. */
export type Opened =
	/** For each its plaintext in base64, or Vault's sentence. */
	| { readonly kind: 'done'; readonly results: readonly Result<string>[] }
	/** There is no key of that name. */
	| { readonly kind: 'absent' }
	| { readonly kind: 'refused' };

/** How often a token may be used (0: without limit), and how often it was since the login. */
export interface TokenUses {
	readonly given: number;
	readonly taken: number;
}

/** How a login ended. */
export type Login =
	| { readonly kind: 'done' }
	/** With Vault's status and sentences. */
	| { readonly kind: 'refused'; readonly status: number; readonly errors: readonly string[] };

/** What the fetcher asks of Vault. All of it rejects with a `Failure` and with nothing else. */
export interface Vault {
	/** Logs in at an auth mount; the requests after it carry the token. */
	login(mount: string, role: string, jwt: string): Promise<Login>;
	/** The names in a folder. */
	list(path: string): Promise<Found<readonly string[]>>;
	/** The data of an answer: a secret's fields in KV v1, these and metadata in KV v2. */
	read(path: string): Promise<Found<Json>>;
	/**
	 * Reads what only explains something else, within two seconds. Never rejects: `absent` also stands for whatever Vault or the network
	 * says otherwise.
	 */
	look(path: string): Promise<Found<Json>>;
	/** Decrypts a batch with one key of a transit engine. */
	decrypt(path: string, batch: readonly Ciphertext[]): Promise<Opened>;
	/** Gives the token back, if there is one and it can be. */
	revoke(deadline: Deadline): Promise<void>;
	/** How many requests were sent so far, retries included. */
	requests(): number;
	/** Of the token that the login gave. */
	tokenUses(): TokenUses;
}

/** What the adapter is made of. */
export interface VaultParts {
	readonly address: string;
	readonly namespace: string | undefined;
	readonly transport: Transport;
	readonly retry: Retry;
	/** For everything but the revocation. */
	readonly deadline: Deadline;
}

/** What node-vault hands to the function that sends its requests. */
interface Outgoing {
	readonly method: string;
	readonly uri: string;
	readonly headers: Readonly<Record<string, string>>;
	readonly json?: unknown;
	/** Ours, handed through from `requestOptions`. */
	readonly deadline?: Deadline;
}

/** What node-vault wants back. */
interface Incoming {
	readonly statusCode: number;
	readonly body: Json;
	readonly request: { readonly path: string };
}

/** Milliseconds for a request whose answer only explains something else. */
const PATIENCE = 2_000;

/** Headers of every request: the second is what a Vault proxy may insist on, so that no browser can be tricked into one. */
const HEADERS = { 'user-agent': 'envtier-fetcher', 'x-vault-request': 'true' };

const lowerCased = (headers: Readonly<Record<string, string>>): Record<string, string> =>
	Object.fromEntries(Object.entries(headers).map(([name, value]) => [name.toLowerCase(), value]));

/** node-vault rejects an answer that is no success with an error that holds it; our transport rejects with a `Failure`. */
function answerIn(thrown: unknown): VaultAnswer {
	const response = thrown instanceof Error && 'response' in thrown ? object(thrown.response) : undefined;
	if (response === undefined) throw thrown;
	return { status: Number(response['statusCode']), body: object(response['body']) ?? {} };
}

/**
 * Opens the adapter on node-vault, the only file that knows it. Its request function is replaced by one on our own transport;
 * what it reads from the environment (VAULT_ADDR, VAULT_TOKEN, VAULT_NAMESPACE, VAULT_PREFIX, VAULT_SKIP_VERIFY, DEBUG) is
 * set or has no effect; its table of commands is not used, so their templates and schemas are not needed.
 */
export function openVault({ address, namespace, transport, retry, deadline }: VaultParts): Vault {
	let requests = 0;
	let revocable = false;
	let uses = 0;
	let requestsAtLogin = 0;

	const send = async ({ method, uri, headers, json, ...own }: Outgoing): Promise<Incoming> => {
		const path = uri.slice(address.length);
		const [asked = path] = path.split('?');
		const body = json === undefined ? undefined : Buffer.from(JSON.stringify(json));
		const type = body === undefined ? {} : { 'content-type': 'application/json' };
		const request = {
			method,
			path,
			headers: { ...HEADERS, ...type, ...lowerCased(headers) },
			body,
		};
		const attempt = async (timeout: number): Promise<VaultAnswer> => {
			requests += 1;
			return readAnswer(await transport.send(request, timeout), address, asked);
		};
		const answer = await retry(attempt, own.deadline ?? deadline);
		return { statusCode: answer.status, body: answer.body, request: { path: asked } };
	};

	const client = nodeVault({
		endpoint: address,
		// LIST as a verb of its own does not get through every proxy.
		noCustomHTTPVerbs: true,
		commands: {},
		mustache: {},
		debug: () => undefined,
		tv4: Object.assign(() => true, { validate: () => true }),
		'request-promise': { defaults: () => send },
	});
	Object.assign(client, { token: '', namespace: namespace ?? '', pathPrefix: '' });

	/** Every method of node-vault resolves with the body of a 200 or 204. */
	const ask = (asked: Promise<unknown>): Promise<VaultAnswer> =>
		asked.then((body) => ({ status: 200, body: object(body) ?? {} }), answerIn);

	const find = async <T>(path: string, asked: Promise<unknown>, take: (body: Json) => T | undefined) => {
		const answer = await ask(asked);
		if (answer.status === 403) return { kind: 'refused' } as const;
		if (saysNothingThere(answer)) return { kind: 'absent' } as const;
		const value = answer.status === 200 ? take(answer.body) : undefined;
		if (value === undefined) throw notUnderstood(answer, address, path);
		return { kind: 'found', value } as const;
	};

	return {
		login: async (mount, role, jwt) => {
			const path = `auth/${mount}/login`;
			const { status, body } = await ask(client.write(path, { role, jwt }));
			if (status !== 200) return { kind: 'refused', status, errors: errorsOf(body) };
			const auth = object(body['auth']);
			const token = auth?.['client_token'];
			if (typeof token !== 'string' || !/^[!-~]+$/.test(token))
				throw new Failure('bad-answer', `Vault at ${address} answers "${path}" without a token`);
			client.token = token;
			// Batch tokens live in no store, and Vault refuses to revoke them.
			revocable = auth?.['token_type'] !== 'batch';
			uses = Number(auth?.['num_uses'] ?? 0);
			requestsAtLogin = requests;
			return { kind: 'done' };
		},
		list: (path) => find(path, client.list(path), (body) => namesOf(object(body['data'])?.['keys'])),
		read: (path) => find(path, client.read(path), dataOf),
		look: async (path) => {
			try {
				return await find(path, client.read(path, { deadline: deadlineAfter(PATIENCE) }), dataOf);
			} catch (thrown) {
				if (!(thrown instanceof Failure)) throw thrown;
				return { kind: 'absent' };
			}
		},
		decrypt: async (path, batch) => {
			const answer = await ask(client.write(path, { batch_input: batch }));
			if (answer.status === 403) return { kind: 'refused' };
			const results = object(answer.body['data'])?.['batch_results'];
			// Where one of them does not open, the status is 400, and the others are there all the same.
			if (Array.isArray(results) && results.length === batch.length)
				return { kind: 'done', results: results.map(openedOne) };
			if (errorsOf(answer.body).some((said) => /key not found/.test(said))) return { kind: 'absent' };
			throw notUnderstood(answer, address, path);
		},
		revoke: async (until) => {
			if (!revocable) return;
			const path = 'auth/token/revoke-self';
			const answer = await ask(client.write(path, {}, { deadline: until }));
			// Vault revokes a token with its last use.
			if (uses > 0 && answer.status === 403) return;
			if (answer.status !== 200) throw notUnderstood(answer, address, path);
			revocable = false;
		},
		requests: () => requests,
		tokenUses: () => ({ given: uses, taken: requests - requestsAtLogin }),
	};
}

const dataOf = (body: Json): Json | undefined => object(body['data']);

function openedOne(result: unknown): Result<string> {
	const { error, plaintext } = object(result) ?? {};
	if (typeof error === 'string' && error !== '') return err(printable(error));
	return typeof plaintext === 'string' ? ok(plaintext) : err('no plaintext');
}

function namesOf(keys: unknown): readonly string[] | undefined {
	return Array.isArray(keys) && keys.every((key) => typeof key === 'string') ? keys : undefined;
}
