import { after } from '../clock.ts';
import { Failure } from '../failure.ts';
import { readBody } from './body.ts';
import {
	type BunRequestInit,
	type BunSession,
	type BunSessionInit,
	type BunTls,
	bunFetch,
	openSession,
	TLS_1_2,
} from './bun-fetch.ts';
import { diagnose } from './diagnose.ts';
import { type Endpoint, serverNameOf } from './endpoint.ts';
import { type Limiter, makeLimiter } from './limiter.ts';
import { codeOf, explain, timedOut } from './network-errors.ts';
import { systemRoots } from './roots.ts';
import type { HttpRequest, HttpResponse } from './types.ts';

/** Sends requests to one Vault, over one connection if Vault supports HTTP/2. */
export interface Transport {
	/** Rejects with a `Failure` within `timeout` milliseconds. Does not follow redirects. */
	send(request: HttpRequest, timeout: number): Promise<HttpResponse>;
	/** Protocol of the last response; undefined before the first one. */
	protocol(): Protocol | undefined;
	/** Closes the connections when their open requests have ended. The next request opens a new one. */
	disconnect(): void;
}

/** A session and its requests. */
interface Connections {
	readonly session: BunSession;
	/** Requests without a response. */
	open: number;
	used: boolean;
	/** True: to be closed with its last request. */
	leaving: boolean;
}

/** Versions of HTTP by their names in ALPN (RFC 7301). */
export type Protocol = 'h2' | 'http/1.1';

/** Maximum number of HTTP/1.1 connections. Each open request needs one, and a handshake costs more. */
const HTTP1_CONNECTIONS = 2;

/**
 * Opens a transport on Bun's `fetch`. It starts with HTTP/2 over TLS and falls back to HTTP/1.1 for good if
 * the server does not offer HTTP/2.
 *
 * @param ca PEM text of the trusted CAs; undefined: the system's
 */
export function openTransport(endpoint: Endpoint, ca: string | undefined): Transport {
	const { address, prefix, secure, proxy } = endpoint;
	const { origin } = new URL(address);
	const roots = secure ? (ca ?? systemRoots()) : '';
	const sessionInit: BunSessionInit = {
		...(secure ? { tls: tlsOf(roots, serverNameOf(endpoint)) } : {}),
		...(proxy === undefined ? {} : { proxy: proxy.address }),
	};
	const newConnections = (): Connections => ({
		session: openSession(sessionInit),
		open: 0,
		used: false,
		leaving: false,
	});
	let current = newConnections();
	const base = origin + prefix;
	let protocol: Protocol = secure && proxy === undefined ? 'h2' : 'http/1.1';
	let lastProtocol: Protocol | undefined;
	const atMostTwo: Limiter = makeLimiter(HTTP1_CONNECTIONS);

	const exchange = async (
		request: HttpRequest,
		over: Protocol,
		signal: AbortSignal,
		session: BunSession,
	): Promise<HttpResponse> => {
		const { method, path, headers, body } = request;
		const init: BunRequestInit = {
			method,
			headers,
			signal,
			redirect: 'manual',
			decompress: false,
			session,
			protocol: over === 'h2' ? 'http2' : 'http1.1',
		};
		if (body !== undefined) init.body = body;
		const response = await bunFetch(base + path, init);
		const answer = {
			status: response.status,
			header: (name: string) => response.headers.get(name) ?? undefined,
			body: await readBody(response, address),
		};
		lastProtocol = over;
		return answer;
	};

	/**
	 * Several requests may find at the same time that the server does not offer HTTP/2. Each of them tries
	 * again.
	 */
	const withFallback = async (
		request: HttpRequest,
		signal: AbortSignal,
		session: BunSession,
	): Promise<HttpResponse> => {
		if (protocol === 'h2') {
			try {
				return await exchange(request, 'h2', signal, session);
			} catch (thrown) {
				// After a response over HTTP/2 the protocol is not the cause.
				if (codeOf(thrown) !== 'EPROTO' || lastProtocol === 'h2') throw thrown;
			}
		}
		const answer = await atMostTwo(() => exchange(request, 'http/1.1', signal, session));
		protocol = 'http/1.1';
		return answer;
	};

	/** Returns the failure for an error of `fetch`. Connects again if Bun's error is not specific. */
	const failureOf = async (thrown: unknown, late: boolean, timeout: number): Promise<unknown> => {
		if (thrown instanceof Failure) return thrown;
		if (late && lastProtocol !== undefined) return timedOut(address, timeout, 'answer');
		const unspecific =
			late || UNSPECIFIC.has(codeOf(thrown)) || (proxy !== undefined && lastProtocol === undefined);
		if (!unspecific) return explain(thrown, address);
		const diagnosis = await diagnose(endpoint, roots);
		if (diagnosis.kind === 'error') return explain(diagnosis.error, address);
		return late ? timedOut(address, timeout, diagnosis.stage) : explain(thrown, address);
	};

	return {
		send: async (request, timeout) => {
			const controller = new AbortController();
			const cancel = after(timeout, () => controller.abort());
			const connections = current;
			connections.open += 1;
			connections.used = true;
			try {
				return await withFallback(request, controller.signal, connections.session);
			} catch (thrown) {
				throw await failureOf(thrown, controller.signal.aborted, timeout);
			} finally {
				cancel();
				connections.open -= 1;
				if (connections.leaving && connections.open === 0) connections.session.close();
			}
		},
		protocol: () => lastProtocol,
		disconnect: () => {
			if (!current.used) return;
			current.leaving = true;
			if (current.open === 0) current.session.close();
			current = newConnections();
		},
	};
}

function tlsOf(ca: string | readonly string[], serverName: string | undefined): BunTls {
	const tls = { ca, rejectUnauthorized: true, minVersion: TLS_1_2 };
	return serverName === undefined ? tls : { ...tls, serverName };
}

/** Errors of Bun's `fetch` that are not specific. */
const UNSPECIFIC = new Set(['EPROTO', 'ERR_TLS_CERT_ALTNAME_INVALID']);
