import { type IncomingHttpHeaders, Agent as PlainAgent, request as plainRequest } from 'node:http';
import { Agent, type AgentOptions, type RequestOptions, request as tlsRequest } from 'node:https';
import { isIP } from 'node:net';
import { checkServerIdentity } from 'node:tls';
import { err, ok, type Result } from '../../contract/result.ts';
import { networkErrorOf } from '../http/network-errors.ts';
import { type BoundedResponse, readResponse } from '../http/response.ts';
import { ANSWER_LIMITS, parseJson } from '../parse/json.ts';
import type { Method, VaultEndpoint, VaultFailure, VaultResponse } from './types.ts';

/**
 * Maximum number of connections to one Vault; further requests wait. Vault's rate limits count requests of
 * all clients.
 */
const CONNECTIONS = 16;
/** Maximum size of a response's body, in bytes. */
const BODY_LIMIT = 16 * 1024 * 1024;

/** One HTTP request to Vault. */
export interface HttpRequest {
	readonly method: Method;
	/** The path from `/v1/` on, with its query. */
	readonly target: string;
	readonly headers: Readonly<Record<string, string>>;
	/** JSON text. */
	readonly body: string | undefined;
}

/** Sends HTTP requests to one Vault over at most 16 kept connections. */
export interface Transport {
	/** Sends one request once. Follows no redirect, uses no proxy, and reads nothing from the environment. */
	send(request: HttpRequest): Promise<Result<VaultResponse, VaultFailure>>;
	/** The same, with the response as it came. */
	exchange(request: HttpRequest): Promise<Result<BoundedResponse, VaultFailure>>;
	/** Closes the connections. */
	close(): void;
}

class TooLarge extends Error {}

/** Opens a transport. It connects at the first request. */
export function openTransport(endpoint: VaultEndpoint): Transport {
	const { address, timeout, via } = endpoint;
	const { origin, protocol, host, pathname } = new URL(address);
	const base = origin + pathname.replace(/\/$/, '');
	const pool = { keepAlive: true, maxSockets: CONNECTIONS };
	const secure = protocol === 'https:';
	const agent = secure ? new Agent({ ...pool, ...tlsOptions(endpoint) }) : new PlainAgent(pool);
	const place: RequestOptions = via === undefined ? {} : { hostname: via.host, port: via.port };
	const exchange: Transport['exchange'] = async ({ method, target, headers, body }) => {
		const signal = AbortSignal.timeout(timeout);
		const payload = body === undefined ? undefined : Buffer.from(body);
		const length = payload === undefined ? {} : { 'content-length': payload.length };
		const options = { ...place, agent, method, signal, headers: { host, ...headers, ...length } };
		const url = base + target;
		try {
			const outgoing = secure ? tlsRequest(url, options) : plainRequest(url, options);
			const tooLarge = (limit: number): Error => new TooLarge(`sends more than ${limit} bytes`);
			return ok(await readResponse(outgoing, payload, tooLarge, BODY_LIMIT));
		} catch (thrown) {
			if (thrown instanceof TooLarge) return err({ kind: 'too-large', code: '', message: thrown.message });
			// If the timeout cuts a response off, the error looks like a closed connection.
			return err(networkErrorOf(signal.aborted ? signal.reason : thrown, timeout));
		}
	};
	return {
		exchange,
		send: async (request) => {
			const answer = await exchange(request);
			if (!answer.ok) return answer;
			const { status, headers, body } = answer.value;
			const { method, target } = request;
			const known = { ...clockOf(headers), ...indexOf(headers) };
			return ok({ method, path: pathOf(target), status, json: decode(body), ...known });
		},
		close: () => agent.destroy(),
	};
}

function clockOf({ date }: IncomingHttpHeaders): { readonly date?: number } {
	const time = Date.parse(date ?? '');
	return Number.isNaN(time) ? {} : { date: time };
}

/** No index is longer than a line. */
const MAX_INDEX = 512;

function indexOf({ 'x-vault-index': index }: IncomingHttpHeaders): { readonly index?: string } {
	return typeof index === 'string' && index !== '' && index.length <= MAX_INDEX ? { index } : {};
}

const pathOf = (target: string): string => target.replace(/^\/v1\//, '').replace(/\?.*$/, '');

/** TLS options. They verify the certificate, whatever NODE_TLS_REJECT_UNAUTHORIZED says. */
function tlsOptions({ address, ca, tlsName, via }: VaultEndpoint): AgentOptions {
	const shared: AgentOptions = {
		minVersion: 'TLSv1.2',
		rejectUnauthorized: true,
		...(ca === undefined ? {} : { ca }),
	};
	if (via === undefined && tlsName === undefined) return shared;
	const name = tlsName ?? new URL(address).hostname.replace(/^\[|\]$/g, '');
	return {
		...shared,
		// A server name must not be an IP address (RFC 6066, section 3).
		...(isIP(name) === 0 ? { servername: name } : {}),
		checkServerIdentity: (_host, certificate) => checkServerIdentity(name, certificate),
	};
}

function decode(body: Buffer): unknown {
	const parsed = parseJson(body, ANSWER_LIMITS);
	return parsed.ok ? parsed.value : undefined;
}
