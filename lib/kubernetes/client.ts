import type { IncomingMessage } from 'node:http';
import { type RequestOptions, request as send } from 'node:https';
import type { KubeConfig } from '@kubernetes/client-node';
import { err, ok, type Result } from '../../contract/result.ts';
import { ANSWER_LIMITS, parseJson } from '../parse/json.ts';
import { type ApiFailure, networkFailure, refusal, tooLate, unusable } from './failure.ts';

/** Where the API server is, and as whom it is talked to. */
export interface ClusterAccess {
	/** A kubeconfig file, its current context; undefined: the service account that the pod runs as. */
	readonly kubeconfig: string | undefined;
}

/** One call to the API server. */
export interface ApiCall {
	readonly method: 'GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE';
	/** With its query. Whoever puts names into it escapes them. */
	readonly path: string;
	/** Goes as JSON. */
	readonly body?: unknown;
	/** `application/json` unless given; a PATCH has to say which kind it is. */
	readonly contentType?: string;
	/** `application/json` unless given. */
	readonly accept?: string;
	/** Milliseconds for all of it, 10 s unless given. */
	readonly deadline?: number;
	/** Ends the call early. */
	readonly signal?: AbortSignal;
}

/** An answer that goes on until one side ends it. */
export type ApiStream = IncomingMessage;

/** The API server, as this process may use it. Nothing here throws, and no failure tells a token. */
export interface KubernetesClient {
	/** Its address. */
	readonly server: string;
	/**
	 * The decoded body of a 2xx response; the caller chooses `T` by the API's documentation. A redirect is a
	 * failure: no token is sent to another address.
	 */
	call<T>(call: ApiCall): Promise<Result<T, ApiFailure>>;
	/** The answer while it comes; `deadline` is for its head alone. Whoever takes it ends it by `signal`. */
	stream(call: Omit<ApiCall, 'body'>): Promise<Result<ApiStream, ApiFailure>>;
}

const DEADLINE = 10_000;
/** A list comes in pages, and an object has at most 3 MiB in etcd. */
const BODY_LIMIT = 16 * 1024 * 1024;

/** Opens what `access` describes; nothing is sent yet. The error says why it cannot be used. */
export async function openKubernetes(access: ClusterAccess): Promise<Result<KubernetesClient>> {
	// Some time and memory that a webhook which needs no API server need not spend.
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
	// A server may stand behind a path, as with some cluster managers.
	const base = server.replace(/\/$/, '');
	return ok({
		server,
		call: async <T>(call: ApiCall) => {
			const answer = await exchange(config, base, call, true);
			return answer.ok ? await body<T>(answer.value) : answer;
		},
		stream: async (call) => {
			const answer = await exchange(config, base, call, false);
			return answer.ok ? ok(answer.value.incoming) : answer;
		},
	});
}

/** An answer whose head is there. */
interface Answer {
	readonly incoming: IncomingMessage;
	/** What reading it failed of, if it did. */
	readonly failure: (error: unknown) => ApiFailure;
}

/** Sends a call and returns the head of the response. Reads the body of a failure and returns the failure. */
async function exchange(
	config: KubeConfig,
	base: string,
	call: ApiCall,
	bounded: boolean,
): Promise<Result<Answer, ApiFailure>> {
	const { method, path, contentType = 'application/json', deadline = DEADLINE } = call;
	const options = await optionsOf(config);
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
	// An answer that was cut off in the middle looks as if the server had done it.
	const failure = (error: unknown): ApiFailure =>
		late.signal.aborted ? tooLate(deadline) : networkFailure(error);
	const head = await new Promise<Result<IncomingMessage, ApiFailure>>((resolve) => {
		const outgoing = send(new URL(base + path), { ...options.value, method, headers, signal });
		outgoing.on('error', (error) => resolve(err(failure(error))));
		outgoing.on('response', (incoming) => resolve(ok(incoming)));
		outgoing.end(payload);
	});
	const status = head.ok ? (head.value.statusCode ?? 0) : 0;
	const success = status >= 200 && status < 300;
	if (!head.ok || (success && !bounded)) clearTimeout(timer);
	else head.value.once('close', () => clearTimeout(timer));
	if (!head.ok) return head;
	const answer = { incoming: head.value, failure };
	if (success) return ok(answer);
	const said = await bytesOf(answer);
	return err(refusal(status, said.ok ? said.value : Buffer.alloc(0)));
}

/** Trust and identity, read anew for each call: tokens and CAs are files that change. */
async function optionsOf(config: KubeConfig): Promise<Result<RequestOptions, ApiFailure>> {
	const options: RequestOptions = {};
	try {
		await config.applyToHTTPSOptions(options);
	} catch (error) {
		return err({
			status: undefined,
			reason: 'Unusable',
			message: `cannot be talked to: ${unusable(error)}`,
		});
	}
	// The library keeps its agent, and with it the CA of the first call. Calls are few, so each has its own
	// connection.
	const direct = config.getCurrentCluster()?.proxyUrl === undefined;
	return ok(direct ? { ...options, agent: false } : options);
}

async function body<T>(answer: Answer): Promise<Result<T, ApiFailure>> {
	const read = await bytesOf(answer);
	if (!read.ok) return read;
	const parsed = parseJson(read.value, ANSWER_LIMITS);
	if (parsed.ok) return ok(parsed.value as T);
	return err({
		status: answer.incoming.statusCode,
		reason: 'Garbled',
		message: `answers with something that ${parsed.error}`,
	});
}

async function bytesOf({ incoming, failure }: Answer): Promise<Result<Buffer, ApiFailure>> {
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
