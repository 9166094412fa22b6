import { request as httpRequest, type IncomingMessage } from 'node:http';
import { Agent, request as httpsRequest, type RequestOptions } from 'node:https';
import { createSecureContext, type SecureContext } from 'node:tls';
import type { KubeConfig } from '@kubernetes/client-node';
import { err, ok, type Result } from '../../contract/result.ts';
import { ANSWER_LIMITS, parseJson } from '../parse/json.ts';
import { type ApiFailure, networkFailure, refusal, tooLate, unusable } from './failure.ts';

/** The API server and the credentials to use. */
export interface ClusterAccess {
	/** A kubeconfig file, with its current context; undefined: the service account of this pod. */
	readonly kubeconfig: string | undefined;
	/**
	 * Connections that are kept open and used again, for a process that calls often. 0, by default: each call
	 * opens its own one.
	 */
	readonly connections?: number;
}

/** One call to the API server. */
export interface ApiCall {
	readonly method: 'GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE';
	/** The path with its query. The caller must escape names in it. */
	readonly path: string;
	/** Sent as JSON. */
	readonly body?: unknown;
	/** Content type of the body; `application/json` by default. A PATCH must set the kind of patch. */
	readonly contentType?: string;
	/** `application/json` by default. */
	readonly accept?: string;
	/** Timeout of the whole call, in ms; 10 s by default. */
	readonly deadline?: number;
	/** Aborts the call. */
	readonly signal?: AbortSignal;
}

/** A response that continues until one side ends it. */
export type ApiStream = IncomingMessage;

/** A response of any status. */
export interface ApiAnswer {
	readonly status: number;
	/** Decoded JSON; any other text unchanged; undefined for an empty body. */
	readonly body: unknown;
}

/** A client of the API server. No function throws, and no failure contains a token. */
export interface KubernetesClient {
	/** The address of the API server. */
	readonly server: string;
	/**
	 * The decoded body of a 2xx response; the caller chooses `T` by the API's documentation. A redirect is a
	 * failure: no token is sent to another address.
	 */
	call<T>(call: ApiCall): Promise<Result<T, ApiFailure>>;
	/** The response of any status. */
	request(call: ApiCall): Promise<Result<ApiAnswer, ApiFailure>>;
	/** The response as a stream; `deadline` is for its head only. The caller ends it with `signal`. */
	stream(call: Omit<ApiCall, 'body'>): Promise<Result<ApiStream, ApiFailure>>;
}

const DEADLINE = 10_000;
/** Milliseconds after which a kept connection is closed that nobody uses, before the API server closes it. */
const IDLE_TIMEOUT = 20_000;
/** Maximum size of a body, in bytes. Lists come in pages, and an object has at most 3 MiB in etcd. */
const BODY_LIMIT = 16 * 1024 * 1024;

/**
 * Opens the API server that `access` describes. Sends no request yet. The error says why it cannot be used.
 */
export async function openKubernetes(access: ClusterAccess): Promise<Result<KubernetesClient>> {
	// Loaded on demand: a process that calls no API server saves the time and the memory.
	const { KubeConfig } = await import('@kubernetes/client-node');
	const config = new KubeConfig();
	try {
		if (access.kubeconfig === undefined) config.loadFromCluster();
		else config.loadFromFile(access.kubeconfig);
	} catch (error) {
		return err(`the kubeconfig cannot be read: ${unusable(error)}`);
	}
	const server = config.getCurrentCluster()?.server ?? '';
	if (!server.startsWith('https://') || !URL.canParse(server))
		return err(
			access.kubeconfig === undefined
				? 'this process does not run in a pod, and no kubeconfig is given'
				: 'the kubeconfig’s current context names no cluster with an https:// address',
		);
	return ok(kubernetesClient(config, server, access.connections));
}

/**
 * A client for the current context of `config`.
 *
 * @param server its address
 * @param connections see `ClusterAccess`
 */
export function kubernetesClient(config: KubeConfig, server: string, connections = 0): KubernetesClient {
	// The address may have a path, as with some cluster managers.
	const base = server.replace(/\/$/, '');
	// Connections of other CAs and certificates are not used again: the agent compares them.
	const kept: Connections = {
		agent: connections > 0 && new Agent({ keepAlive: true, maxSockets: connections, timeout: IDLE_TIMEOUT }),
		contextOf: openContexts(),
	};
	return {
		server,
		call: async <T>(call: ApiCall) => {
			const answer = await send(config, base, call, true, kept);
			if (!answer.ok) return answer;
			const bytes = await bytesOf(answer.value);
			if (!isSuccess(answer.value.status)) return err(refusal(answer.value.status, bytesOrNone(bytes)));
			return bytes.ok ? decode<T>(answer.value.status, bytes.value) : bytes;
		},
		request: async (call) => {
			const answer = await send(config, base, call, true, kept);
			if (!answer.ok) return answer;
			const bytes = await bytesOf(answer.value);
			return bytes.ok ? ok({ status: answer.value.status, body: decoded(bytes.value) }) : bytes;
		},
		stream: async (call) => {
			const answer = await send(config, base, call, false, { ...kept, agent: false });
			if (!answer.ok || isSuccess(answer.value.status)) return answer.ok ? ok(answer.value.incoming) : answer;
			return err(refusal(answer.value.status, bytesOrNone(await bytesOf(answer.value))));
		},
	};
}

const isSuccess = (status: number): boolean => status >= 200 && status < 300;

const bytesOrNone = (bytes: Result<Buffer, ApiFailure>): Buffer => (bytes.ok ? bytes.value : Buffer.alloc(0));

/** The head of a response, before its body. */
interface Head {
	readonly status: number;
	readonly incoming: IncomingMessage;
	/** The failure for an error during the read of the body. */
	readonly failure: (error: unknown) => ApiFailure;
}

/**
 * Sends a call and returns the head of the response, whatever its status.
 *
 * @param bounded true: the deadline includes the body; false: a successful response may continue after it
 * @param connections how to connect
 */
async function send(
	config: KubeConfig,
	base: string,
	call: ApiCall,
	bounded: boolean,
	connections: Connections,
): Promise<Result<Head, ApiFailure>> {
	const { method, path, contentType = 'application/json', deadline = DEADLINE } = call;
	const options = await optionsOf(config, connections);
	if (!options.ok) return options;
	const payload = call.body === undefined ? undefined : Buffer.from(JSON.stringify(call.body));
	const late = new AbortController();
	const timer = setTimeout(() => late.abort(new DOMException('', 'TimeoutError')), deadline).unref();
	const signal = call.signal === undefined ? late.signal : AbortSignal.any([late.signal, call.signal]);
	const headers = {
		...options.value.headers,
		accept: call.accept ?? 'application/json',
		...(payload === undefined ? {} : { 'content-type': contentType, 'content-length': payload.length }),
	};
	const failure = (error: unknown): ApiFailure =>
		late.signal.aborted ? tooLate(deadline) : networkFailure(error, deadline);
	const head = await new Promise<Result<IncomingMessage, ApiFailure>>((resolve) => {
		const all = { ...options.value, method, headers, signal };
		const url = new URL(base + path);
		const outgoing = url.protocol === 'http:' ? httpRequest(url, all) : httpsRequest(url, all);
		outgoing.on('error', (error) => resolve(err(failure(error))));
		outgoing.on('response', (incoming) => resolve(ok(incoming)));
		outgoing.end(payload);
	});
	const status = head.ok ? (head.value.statusCode ?? 0) : 0;
	if (!head.ok || (isSuccess(status) && !bounded)) clearTimeout(timer);
	else head.value.once('close', () => clearTimeout(timer));
	return head.ok ? ok({ status, incoming: head.value, failure }) : head;
}

/** CA and credentials, read again for each call, because tokens and CAs are files that change. */
async function optionsOf(
	config: KubeConfig,
	{ agent, contextOf }: Connections,
): Promise<Result<RequestOptions, ApiFailure>> {
	const options: RequestOptions = {};
	let secureContext: SecureContext;
	try {
		await config.applyToHTTPSOptions(options);
		secureContext = contextOf(options);
	} catch (error) {
		return err({
			status: undefined,
			reason: 'Unusable',
			message: `cannot be called: ${unusable(error)}`,
		});
	}
	// The library caches its agent, with the CA of the first call.
	const direct = config.getCurrentCluster()?.proxyUrl === undefined;
	return ok(direct ? { ...options, agent, secureContext } : options);
}

/** How calls connect. */
interface Connections {
	/** False: each call opens its own connection. */
	readonly agent: Agent | false;
	/** The TLS context of these options. */
	readonly contextOf: (options: RequestOptions) => SecureContext;
}

/** Keeps the last TLS context: one for each connection would hold the CAs as often. */
function openContexts(): Connections['contextOf'] {
	let last: { readonly key: string; readonly context: SecureContext } | undefined;
	return ({ ca, cert, key, passphrase, pfx }) => {
		const parts = { ...{ ca, cert, key, pfx }, ...(passphrase === undefined ? {} : { passphrase }) };
		const id = JSON.stringify(Object.values(parts).map(String));
		if (last?.key !== id) last = { key: id, context: createSecureContext(parts) };
		return last.context;
	};
}

function decode<T>(status: number, bytes: Buffer): Result<T, ApiFailure> {
	const parsed = parseJson(bytes, ANSWER_LIMITS);
	if (parsed.ok) return ok(parsed.value as T);
	return err({ status, reason: 'Garbled', message: `answers with something that ${parsed.error}` });
}

function decoded(bytes: Buffer): unknown {
	if (bytes.length === 0) return undefined;
	const parsed = parseJson(bytes, ANSWER_LIMITS);
	return parsed.ok ? parsed.value : bytes.toString('utf8');
}

async function bytesOf({ incoming, failure }: Head): Promise<Result<Buffer, ApiFailure>> {
	const chunks: Buffer[] = [];
	let size = 0;
	try {
		for await (const chunk of incoming as AsyncIterable<Buffer>) {
			size += chunk.length;
			if (size > BODY_LIMIT) throw new Error(`it answers with more than ${BODY_LIMIT} bytes`);
			chunks.push(chunk);
		}
		return ok(Buffer.concat(chunks));
	} catch (error) {
		return err(failure(error));
	}
}
