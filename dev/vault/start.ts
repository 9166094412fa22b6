import { randomBytes } from 'node:crypto';
import { isIP } from 'node:net';
import { makePair, type ServingPair } from './certificate.ts';
import { decide } from './decide.ts';
import { parseVaultFile } from './file.ts';
import type { House } from './house.ts';
import type { Reply } from './reply.ts';
import { decode, type RawRequest } from './request.ts';
import { type VaultFile, type VaultFileInput, vaultFile } from './schema.ts';
import { seed } from './seed.ts';
import { type Listen, serve } from './server.ts';
import { makeTokens } from './tokens.ts';

/** What to start. */
export interface DevVaultOptions {
	/** The three tiers: YAML text, or what it would say. Empty unless given. */
	readonly content?: string | VaultFileInput;
	/** Names the text in errors; `vault.yaml` unless given. */
	readonly fileName?: string;
	/** `127.0.0.1` and any free port unless given. */
	readonly listen?: Listen;
	/** Made on the spot unless given. */
	readonly tls?: ServingPair;
	/** Random unless given. */
	readonly rootToken?: string;
	/** The clock that tokens and versions go by, in milliseconds since 1970; the system's unless given. */
	readonly now?: () => number;
}

/** One request that was made: enough to count by, and nothing secret. */
interface LoggedRequest {
	/** Tells connections apart: 1, 2, 3, … */
	readonly connection: number;
	/** As it was sent, `LIST` included. */
	readonly method: string;
	/** After `/v1/`, without its query. */
	readonly path: string;
	/** `read`, `list`, `write`, `patch` or `delete`; '' when it could not be decoded. */
	readonly operation: string;
	readonly namespace: string;
	readonly status: number;
}

/** A development Vault that runs. */
export interface DevVault extends AsyncDisposable {
	/** `https://host:port` */
	readonly addr: string;
	/** The CA to trust, as PEM text. */
	readonly caPem: string;
	readonly rootToken: string;
	/** What the `unseal` request asks for. */
	readonly unsealKey: string;
	/** The last 10,000 requests, oldest first; grows while the server runs. */
	readonly requests: readonly LoggedRequest[];
	seal(): void;
	unseal(): void;
	close(): Promise<void>;
}

const LOGGED_REQUESTS = 10_000;

/**
 * Starts an in-memory server that answers the part of Vault's HTTP API that Envtier uses. For development and tests: it believes
 * whatever a token says. Faulty content rejects with an error that lists every fault and its line.
 */
export async function startDevVault(options: DevVaultOptions = {}): Promise<DevVault> {
	const { listen = { host: '127.0.0.1', port: 0 }, now = Date.now } = options;
	const rootToken = options.rootToken ?? `s.${randomBytes(18).toString('hex')}`;
	const house: House = {
		namespaces: seed(readContent(options), now()),
		tokens: makeTokens(rootToken, now()),
		seal: { sealed: false, key: randomBytes(32).toString('hex') },
		now,
	};
	const tls = options.tls ?? (await makePair(listen.host));
	const requests: LoggedRequest[] = [];
	const server = await serve(listen, tls, (raw, connection) => {
		const { reply, ...logged } = answer(house, raw);
		requests.push({ connection, method: raw.method, ...logged, status: reply.status });
		if (requests.length > LOGGED_REQUESTS) requests.shift();
		return reply;
	});
	const host = isIP(listen.host) === 6 ? `[${listen.host}]` : listen.host;
	return {
		addr: `https://${host}:${server.port}`,
		caPem: tls.caPem,
		rootToken,
		unsealKey: house.seal.key,
		requests,
		seal: () => {
			house.seal.sealed = true;
		},
		unseal: () => {
			house.seal.sealed = false;
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
	house: House,
	raw: RawRequest,
): Pick<LoggedRequest, 'path' | 'operation' | 'namespace'> & { readonly reply: Reply } {
	const request = decode(raw);
	if (request.ok) {
		const { path, verb, namespace } = request.value;
		return { path, operation: verb, namespace, reply: decide(house, request.value) };
	}
	const path = raw.target.replace(/^\/v1\//, '').replace(/\?.*$/s, '');
	return { path, operation: '', namespace: raw.header('x-vault-namespace') ?? '', reply: request.error };
}
