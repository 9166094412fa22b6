import { Agent, request as httpsRequest } from 'node:https';
import type { KeyPair } from '../tls.ts';

/** How to reach an API server, in a form that passes between processes. */
export interface ClusterAccess {
	readonly url: string;
	/** PEM text of the CA of the API server's certificate. */
	readonly caPem: string;
	/** Who asks: a cluster administrator. */
	readonly administrator: Administrator;
	/** Path of a kubeconfig file that says the same. */
	readonly kubeconfig: string;
	/** Path of the audit log; undefined for a cluster that we did not start. */
	readonly auditLog: string | undefined;
	/** Address at which the API server reaches a webhook that this machine runs. */
	readonly webhookHost: string;
}

/** A client certificate, or a token. */
export type Administrator = KeyPair | { readonly token: string };

/** One answer of the API server. */
export interface ApiAnswer<T> {
	readonly status: number;
	/**
	 * The JSON of the response; `T` is its type on success. A failure has a Status object (`reason`, `message`).
	 */
	readonly body: T;
	/** The texts of `Warning` headers, as kubectl prints them. */
	readonly warnings: readonly string[];
	readonly headers: Readonly<Record<string, string | string[] | undefined>>;
}

/** What may be said along with a request. */
export interface ApiRequestOptions {
	/** A service account's token, to ask as that account instead of as administrator. */
	readonly token?: string;
	/** `application/json` unless given; PATCH wants one of its own. */
	readonly contentType?: string;
	readonly timeoutMs?: number;
}

/** Sends one request: method, path with query, body (an object goes as JSON). */
export type ApiRequest = <T = unknown>(
	method: string,
	path: string,
	body?: unknown,
	options?: ApiRequestOptions,
) => Promise<ApiAnswer<T>>;

/** Gives the function that talks to the API server, on connections that are kept open. */
export function apiClient(access: Pick<ClusterAccess, 'url' | 'caPem' | 'administrator'>): ApiRequest {
	const { caPem: ca, administrator } = access;
	// A test's process ends without closing an agent: its idle connections don't hold the event loop.
	const bearer = new Agent({ keepAlive: true, ca });
	const certified =
		'token' in administrator
			? bearer
			: new Agent({ keepAlive: true, ca, cert: administrator.certPem, key: administrator.keyPem });
	const administratorToken = 'token' in administrator ? administrator.token : undefined;
	return async <T>(method: string, path: string, body?: unknown, options: ApiRequestOptions = {}) => {
		const { contentType = 'application/json', timeoutMs = 30_000 } = options;
		const token = options.token ?? administratorToken;
		const payload = body === undefined ? undefined : JSON.stringify(body);
		return await new Promise<ApiAnswer<T>>((resolve, reject) => {
			const outgoing = httpsRequest(new URL(path, access.url), {
				method,
				agent: token === undefined ? certified : bearer,
				headers: {
					accept: 'application/json',
					...(payload === undefined
						? {}
						: { 'content-type': contentType, 'content-length': Buffer.byteLength(payload) }),
					...(token === undefined ? {} : { authorization: `Bearer ${token}` }),
				},
				signal: AbortSignal.timeout(timeoutMs),
			});
			outgoing.on('error', reject);
			outgoing.on('response', (incoming) => {
				const chunks: Buffer[] = [];
				incoming.on('data', (chunk: Buffer) => chunks.push(chunk));
				incoming.on('error', reject);
				incoming.on('end', () => {
					resolve({
						status: incoming.statusCode ?? 0,
						body: parse(Buffer.concat(chunks).toString('utf8')) as T,
						warnings: (incoming.headersDistinct['warning'] ?? []).map(warningText),
						headers: incoming.headers,
					});
				});
			});
			outgoing.end(payload);
		});
	};
}

/** `/readyz` and its like answer in plain text. */
function parse(text: string): unknown {
	try {
		return JSON.parse(text);
	} catch {
		return text;
	}
}

/** `299 - "text"` (RFC 9111, 5.5), the text's quotes and backslashes escaped. */
function warningText(header: string): string {
	const quoted = /^\d{3} \S+ "((?:[^"\\]|\\.)*)"/.exec(header)?.[1];
	return quoted === undefined ? header : quoted.replaceAll(/\\(.)/g, '$1');
}
