import nodeVault from 'node-vault';
import type { Result } from '../../contract/result.ts';
import type { KnownIndex } from './known-index.ts';
import { sendWithRetry } from './retry.ts';
import { openTransport } from './transport.ts';
import type { Method, VaultEndpoint, VaultFailure, VaultResponse } from './types.ts';

/** The outcome of a request: a response of any status, or the reason why there is none. */
export type VaultOutcome = Result<VaultResponse, VaultFailure>;

/** A Vault client. Paths have no `/v1/`, and their segments are escaped. No function rejects. */
export interface VaultClient {
	readonly address: string;
	/**
	 * `path` may have a query.
	 *
	 * @param headers further headers, with names in lower case
	 */
	read(path: string, token?: string, headers?: Readonly<Record<string, string>>): Promise<VaultOutcome>;
	/** Lists a folder by `GET …?list=1`: some proxies reject the method LIST. */
	list(path: string, token?: string): Promise<VaultOutcome>;
	/** A POST: creates, updates, logs in, renews. */
	write(path: string, body: object, token?: string): Promise<VaultOutcome>;
	/** A JSON merge patch. */
	patch(path: string, body: object, token?: string): Promise<VaultOutcome>;
	delete(path: string, token?: string): Promise<VaultOutcome>;
	/** Closes the connections. */
	close(): void;
}

/** How a client behaves. */
export interface VaultClientOptions {
	/** Pauses before further attempts in ms (see `sendWithRetry`); no further attempts by default. */
	readonly pauses?: readonly number[];
	/** Takes the indexes of writes. Reads name the newest if the client has pauses, to ask again. */
	readonly known?: KnownIndex;
}

/** One call. It passes through node-vault as an additional option. */
interface Call {
	readonly token: string | undefined;
	outcome?: VaultOutcome;
}

/** The request that node-vault passes to its request function. */
interface Outgoing {
	readonly method: Method;
	readonly uri: string;
	readonly headers: Readonly<Record<string, string>>;
	readonly json?: unknown;
	readonly call: Call;
}

/** The response that node-vault expects. */
interface Incoming {
	readonly statusCode: number;
	readonly body: unknown;
	readonly request: { readonly path: string };
}

/** Ends a call in node-vault when there is no response. */
class NoResponse extends Error {}

/**
 * Opens a client on node-vault. node-vault builds the requests, and our transport sends them. node-vault's
 * own transport follows redirects with the token, has no limit for a body, and puts the token into errors
 * (docs/adr/0003). Everything that node-vault would read from the environment (VAULT_ADDR, VAULT_TOKEN,
 * VAULT_NAMESPACE, VAULT_PREFIX, VAULT_SKIP_VERIFY, DEBUG) is set or has no effect. Its table of commands is
 * not used.
 */
export function openVaultClient(endpoint: VaultEndpoint, options: VaultClientOptions = {}): VaultClient {
	const { namespace } = endpoint;
	const address = endpoint.address.replace(/\/$/, '');
	const { pauses = [], known } = options;
	const isPatient = pauses.length > 0;
	const transport = openTransport(endpoint);

	const send = async ({ method, uri, headers, json, call }: Outgoing): Promise<Incoming> => {
		const request = {
			method,
			target: uri.slice(address.length),
			headers: {
				...HEADERS,
				...(method === 'GET' && isPatient ? known?.headers() : {}),
				...headersOf(headers, call.token, json !== undefined),
			},
			body: json === undefined ? undefined : JSON.stringify(json),
		};
		// A write with check-and-set is sent once, as a POST is: after a success its repetition would conflict.
		const retryAs = hasCheckAndSet(json) ? 'POST' : method;
		call.outcome = await sendWithRetry(retryAs, pauses, () => transport.send(request));
		if (!call.outcome.ok) throw new NoResponse();
		const { status, json: body, path, index } = call.outcome.value;
		if (index !== undefined && method !== 'GET') known?.add(index);
		return { statusCode: status, body, request: { path } };
	};
	const client = nodeVault({
		endpoint: address,
		noCustomHTTPVerbs: true,
		commands: {},
		mustache: {},
		debug: () => undefined,
		tv4: Object.assign(() => true, { validate: () => true }),
		'request-promise': { defaults: () => send },
	});
	Object.assign(client, { token: '', namespace: namespace ?? '', pathPrefix: '' });

	/**
	 * Reads the outcome from the call: node-vault drops the status of a success, and treats every status of
	 * sys/health as a success.
	 */
	const outcomeOf = async (
		token: string | undefined,
		run: (own: { readonly call: Call }) => Promise<unknown>,
	): Promise<VaultOutcome> => {
		const call: Call = { token };
		try {
			await run({ call });
		} catch (thrown) {
			if (call.outcome === undefined) throw thrown;
		}
		if (call.outcome === undefined) throw new Error('node-vault sent no request');
		return call.outcome;
	};
	return {
		address,
		read: (path, token, headers) =>
			outcomeOf(token, (own) =>
				client.read(path, headers === undefined ? own : { ...own, headers: { ...headers } }),
			),
		list: (path, token) => outcomeOf(token, (own) => client.list(path, own)),
		write: (path, body, token) => outcomeOf(token, (own) => client.write(path, body, own)),
		patch: (path, body, token) => outcomeOf(token, (own) => client.update(path, body, own)),
		delete: (path, token) => outcomeOf(token, (own) => client.delete(path, own)),
		close: transport.close,
	};
}

function hasCheckAndSet(body: unknown): boolean {
	const options = typeof body === 'object' && body !== null && 'options' in body ? body.options : undefined;
	return typeof options === 'object' && options !== null && 'cas' in options;
}

/**
 * Headers of every request. A Vault proxy may require the second one as a protection against forged requests.
 */
const HEADERS = { accept: 'application/json', 'x-vault-request': 'true' };

function headersOf(
	requestHeaders: Readonly<Record<string, string>>,
	token: string | undefined,
	hasBody: boolean,
): Readonly<Record<string, string>> {
	return {
		...(hasBody ? { 'content-type': 'application/json' } : {}),
		...Object.fromEntries(Object.entries(requestHeaders).map(([name, value]) => [name.toLowerCase(), value])),
		...(token === undefined ? {} : { 'x-vault-token': token }),
	};
}
