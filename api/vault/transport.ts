import { Agent as PlainAgent, request as plainRequest } from 'node:http';
import { Agent, type RequestOptions, request as tlsRequest } from 'node:https';
import { setTimeout as sleep } from 'node:timers/promises';
import { readResponse } from '../../lib/http/response.ts';
import { ANSWER_LIMITS, parseJson } from '../../lib/parse/json.ts';
import { StoreFailure } from '../store/store.ts';

/** One request to Vault; `path` without `/v1/`, its segments escaped where they need it. */
export interface VaultRequest {
	readonly method: 'GET' | 'POST' | 'PATCH' | 'DELETE';
	readonly path: string;
	readonly token?: string;
	readonly body?: unknown;
}

/** One answer, whatever its status. */
export interface VaultResponse {
	readonly status: number;
	/** Undefined when the body is no JSON. */
	readonly json: unknown;
}

/** How to reach Vault. */
export interface VaultEndpoint {
	readonly address: string;
	/** PEM text; undefined: the system's roots. */
	readonly ca: string | undefined;
	/** Name that the certificate must have, and the TLS server name; undefined: the host of the address. */
	readonly tlsName: string | undefined;
	readonly namespace: string | undefined;
	/** Milliseconds for one attempt, from the connection to the last byte. */
	readonly timeout: number;
}

/** Sends requests over connections that are kept. */
export interface VaultTransport {
	send(request: VaultRequest): Promise<VaultResponse>;
	close(): void;
}

/**
 * Enough for a list. More would cost more handshakes, and Vault's rate limits count the requests of all
 * clients.
 */
const CONNECTIONS = 16;
/** No answer that the API asks for comes near. */
const ANSWER_LIMIT = 16 * 1024 * 1024;
/** Milliseconds before another attempt. */
const PAUSES = [50, 200, 600];

/** Makes a transport. Nothing is followed: a redirect would take the token elsewhere. */
export function createTransport(endpoint: VaultEndpoint): VaultTransport {
	const plain = endpoint.address.startsWith('http:');
	const shared = { keepAlive: true, maxSockets: CONNECTIONS };
	const agent = plain ? new PlainAgent(shared) : new Agent({ ...shared, minVersion: 'TLSv1.2' });
	return {
		send: async (request) => {
			for (let attempt = 0; ; attempt += 1) {
				const outcome = await sendOnce(endpoint, agent, request);
				const pause = PAUSES[attempt];
				if (!outcome.retry || pause === undefined) return responseOrThrow(outcome, endpoint.address);
				await sleep(pause * (0.5 + Math.random()));
			}
		},
		close: () => agent.destroy(),
	};
}

interface SendResult {
	/** True when another attempt can't do harm and may help. */
	readonly retry: boolean;
	readonly answer?: VaultResponse;
	readonly failure?: StoreFailure;
}

function responseOrThrow({ answer, failure }: SendResult, address: string): VaultResponse {
	if (failure !== undefined) throw failure;
	if (answer === undefined) throw new StoreFailure('bad-answer', `Vault at ${address}: no answer`);
	if (answer.status === 503 || answer.status === 429 || answer.status >= 500) {
		const why = answer.status === 503 ? 'it is sealed, on standby or starting' : `HTTP ${answer.status}`;
		throw new StoreFailure('unavailable', `Vault at ${address} takes no calls now: ${why}`);
	}
	if (answer.status >= 300 && answer.status < 400)
		throw new StoreFailure(
			'bad-answer',
			`Vault at ${address} redirects (HTTP ${answer.status}): set ENVTIER_VAULT_ADDR to Vault itself`,
		);
	return answer;
}

/** Never sent, so never done: such a request may be sent again whatever it is. */
const NEVER_SENT = new Set(['ECONNREFUSED', 'ENOTFOUND', 'EAI_AGAIN', 'EHOSTUNREACH', 'ENETUNREACH']);

async function sendOnce(
	endpoint: VaultEndpoint,
	agent: Agent | PlainAgent,
	request: VaultRequest,
): Promise<SendResult> {
	try {
		const answer = await sendRequest(endpoint, agent, request);
		// Sealed and rate-limited: Vault says that it did nothing.
		return { retry: answer.status === 503 || answer.status === 429, answer };
	} catch (thrown) {
		if (thrown instanceof StoreFailure) return { retry: false, failure: thrown };
		const code = codeOf(thrown);
		// A merge patch and a read can be repeated. A repeated versioned write would look like a conflict.
		const idempotent = request.method === 'GET' || request.method === 'PATCH' || request.method === 'DELETE';
		return {
			retry: NEVER_SENT.has(code) || (idempotent && code !== 'TIMEOUT' && !isTrust(code)),
			failure: new StoreFailure('unreachable', `Vault at ${endpoint.address}: ${describeNetworkError(code)}`),
		};
	}
}

function isTrust(code: string): boolean {
	return /^(?:CERT_|UNABLE_TO_|SELF_SIGNED_|DEPTH_ZERO_|ERR_TLS_|ERR_SSL_)/.test(code);
}

function describeNetworkError(code: string): string {
	if (isTrust(code))
		return `its certificate can't be trusted (${code}): check ENVTIER_VAULT_CA and its names (ENVTIER_VAULT_TLS_NAME)`;
	if (code === 'TIMEOUT') return 'no complete answer in time';
	return `no connection (${code}): check the address, DNS and network policies`;
}

function codeOf(thrown: unknown): string {
	if (!(thrown instanceof Error)) return 'unknown';
	if (thrown.name === 'TimeoutError' || thrown.name === 'AbortError') return 'TIMEOUT';
	return 'code' in thrown ? String(thrown.code) : 'unknown';
}

async function sendRequest(
	{ address, ca, tlsName, namespace, timeout }: VaultEndpoint,
	agent: Agent | PlainAgent,
	{ method, path, token, body }: VaultRequest,
): Promise<VaultResponse> {
	const payload = body === undefined ? undefined : Buffer.from(JSON.stringify(body));
	const type = method === 'PATCH' ? 'application/merge-patch+json' : 'application/json';
	const options: RequestOptions = {
		method,
		agent,
		signal: AbortSignal.timeout(timeout),
		...(ca === undefined ? {} : { ca }),
		...(tlsName === undefined ? {} : { servername: tlsName }),
		headers: {
			'x-vault-request': 'true',
			...(token === undefined ? {} : { 'x-vault-token': token }),
			...(namespace === undefined ? {} : { 'x-vault-namespace': namespace }),
			...(payload === undefined ? {} : { 'content-type': type, 'content-length': payload.length }),
		},
	};
	const url = `${address}/v1/${path}`;
	const sent = address.startsWith('http:') ? plainRequest(url, options) : tlsRequest(url, options);
	const tooLarge = (limit: number): StoreFailure =>
		new StoreFailure('bad-answer', `Vault at ${address}: an answer is larger than ${limit} bytes`);
	const { status, text } = await readResponse(sent, payload, tooLarge, ANSWER_LIMIT);
	return { status, json: parse(text) };
}

function parse(text: string): unknown {
	const parsed = parseJson(Buffer.from(text), ANSWER_LIMITS);
	// No JSON: whoever reads the answer says what it expected.
	return parsed.ok ? parsed.value : undefined;
}
