import { randomBytes } from 'node:crypto';
import { isIP } from 'node:net';
import { authorizeAndAnswer } from './authorize.ts';
import { makeServingPair, type ServingPair } from './certificate.ts';
import { parseVaultFile } from './file.ts';
import type { Reply } from './reply.ts';
import { decode, type RawRequest } from './request.ts';
import { type VaultFile, type VaultFileInput, vaultFile } from './schema.ts';
import { seed } from './seed.ts';
import { type Listen, serve } from './server.ts';
import type { VaultState } from './state.ts';
import { makeTokens } from './tokens.ts';

/** Options of the embedded Vault. */
export interface DevVaultOptions {
	/** The three tiers: YAML text, or the same as an object. Default: empty. */
	readonly content?: string | VaultFileInput;
	/** Name of the file in errors. Default: `vault.yaml`. */
	readonly fileName?: string;
	/** Default: `127.0.0.1` and any free port. */
	readonly listen?: Listen;
	/** Default: a new CA and certificate. */
	readonly tls?: ServingPair;
	/** Default: random. */
	readonly rootToken?: string;
	/** Clock for tokens and versions, in ms since 1970. Default: the system's. */
	readonly now?: () => number;
}

/** One answered request, without any secret. */
interface LoggedRequest {
	/** Number of the connection: 1, 2, 3, … */
	readonly connection: number;
	/** The method of the request, for example `LIST`. */
	readonly method: string;
	/** After `/v1/`, without its query. */
	readonly path: string;
	/** `read`, `list`, `write`, `patch` or `delete`; '' when it could not be decoded. */
	readonly operation: string;
	readonly namespace: string;
	readonly status: number;
}

/** A running embedded Vault. */
export interface DevVault extends AsyncDisposable {
	/** `https://host:port` */
	readonly addr: string;
	/** The CA to trust, as PEM text. */
	readonly caPem: string;
	readonly rootToken: string;
	/** The key that `sys/unseal` takes. */
	readonly unsealKey: string;
	/** The last 10,000 requests, oldest first; grows while the server runs. */
	readonly requests: readonly LoggedRequest[];
	seal(): void;
	unseal(): void;
	close(): Promise<void>;
}

const LOGGED_REQUESTS = 10_000;

/**
 * Starts an in-memory server that answers the part of Vault's HTTP API that Envtier uses. For development and
 * tests: it does not check signatures of tokens. Rejects with an error that lists every fault in the content
 * with its line.
 */
export async function startDevVault(options: DevVaultOptions = {}): Promise<DevVault> {
	const { listen = { host: '127.0.0.1', port: 0 }, now = Date.now } = options;
	const rootToken = options.rootToken ?? `s.${randomBytes(18).toString('hex')}`;
	const state: VaultState = {
		namespaces: seed(readContent(options), now()),
		tokens: makeTokens(rootToken, now()),
		seal: { sealed: false, key: randomBytes(32).toString('hex') },
		now,
	};
	const tls = options.tls ?? (await makeServingPair(listen.host));
	const requests: LoggedRequest[] = [];
	const server = await serve(listen, tls, (raw, connection) => {
		const { reply, ...logged } = answer(state, raw);
		requests.push({ connection, method: raw.method, ...logged, status: reply.status });
		if (requests.length > LOGGED_REQUESTS) requests.shift();
		return reply;
	});
	const host = isIP(listen.host) === 6 ? `[${listen.host}]` : listen.host;
	return {
		addr: `https://${host}:${server.port}`,
		caPem: tls.caPem,
		rootToken,
		unsealKey: state.seal.key,
		requests,
		seal: () => {
			state.seal.sealed = true;
		},
		unseal: () => {
			state.seal.sealed = false;
		},
		close: server.close,
		[Symbol.asyncDispose]: server.close,
	};
}

function readContent({ content = {}, fileName = 'vault.yaml' }: DevVaultOptions): VaultFile {
	if (typeof content !== 'string') return vaultFile.parse(content);
	const parsed = parseVaultFile(content, fileName);
	if (parsed.ok) return parsed.value;
	throw new Error(parsed.error.join('\n'));
}

function answer(
	state: VaultState,
	raw: RawRequest,
): Pick<LoggedRequest, 'path' | 'operation' | 'namespace'> & { readonly reply: Reply } {
	const request = decode(raw);
	if (request.ok) {
		const { path, verb, namespace } = request.value;
		return { path, operation: verb, namespace, reply: authorizeAndAnswer(state, request.value) };
	}
	const path = raw.target.replace(/^\/v1\//, '').replace(/\?.*$/s, '');
	return { path, operation: '', namespace: raw.header('x-vault-namespace') ?? '', reply: request.error };
}
