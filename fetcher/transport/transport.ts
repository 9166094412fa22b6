import { after } from '../clock.ts';
import { Failure } from '../failure.ts';
import { readBody } from './body.ts';
import { type BunRequestInit, type BunTls, bunFetch, TLS_1_2 } from './bun-fetch.ts';
import { diagnose } from './diagnose.ts';
import { type Endpoint, serverNameOf } from './endpoint.ts';
import type { Answer, Request } from './exchange.ts';
import { codeOf, explain, timedOut } from './faults.ts';
import { type Gate, makeGate } from './gate.ts';
import { systemRoots } from './roots.ts';

/** Sends requests to one Vault, over one connection where that speaks HTTP/2. */
export interface Transport {
	/** Rejects with a `Failure`, within `timeout` milliseconds. Redirects are answers: nothing is ever sent elsewhere. */
	send(request: Request, timeout: number): Promise<Answer>;
	/** What the last answer came over; undefined before the first. */
	protocol(): Protocol | undefined;
}

/** Versions of HTTP by their names in ALPN (RFC 7301). */
export type Protocol = 'h2' | 'http/1.1';

/** With HTTP/1.1 each request under way takes a connection; more would be more handshakes, each dearer than a request. */
const HTTP1_CONNECTIONS = 2;

/**
 * Opens a transport on Bun's `fetch`. It begins with HTTP/2 over TLS and falls back to HTTP/1.1 once, for good, where the server does not offer
 * HTTP/2.
 *
 * @param ca PEM text of the CAs that vouch for Vault; undefined: the system's
 */
export function openTransport(endpoint: Endpoint, ca: string | undefined): Transport {
	const { address, prefix, secure, proxy } = endpoint;
	const { origin } = new URL(address);
	const roots = secure ? (ca ?? systemRoots()) : '';
	const serverName = serverNameOf(endpoint);
	const tls: BunTls = {
		...{ ca: roots, rejectUnauthorized: true, minVersion: TLS_1_2 },
		...(serverName === undefined ? {} : { serverName }),
	};
	let protocol: Protocol = secure && proxy === undefined ? 'h2' : 'http/1.1';
	let answered: Protocol | undefined;
	const two: Gate = makeGate(HTTP1_CONNECTIONS);

	const exchange = async (request: Request, over: Protocol, signal: AbortSignal): Promise<Answer> => {
		const { method, path, headers, body } = request;
		const init: BunRequestInit = {
			...{ method, headers, signal },
			...(body === undefined ? {} : { body: new Uint8Array(body) }),
			redirect: 'manual',
			decompress: false,
			protocol: over === 'h2' ? 'http2' : 'http1.1',
			...(secure ? { tls } : {}),
			...(proxy === undefined ? {} : { proxy: proxy.address }),
		};
		const response = await bunFetch(origin + prefix + path, init);
		const { headers: fields } = response;
		const answer = {
			status: response.status,
			contentType: fields.get('content-type') ?? '',
			retryAfter: fields.get('retry-after') ?? undefined,
			date: fields.get('date') ?? undefined,
			location: fields.get('location') ?? undefined,
			body: await readBody(response, address),
		};
		answered = over;
		return answer;
	};

	/** Several requests may find out at the same time that the server does not offer HTTP/2; all of them try again. */
	const withFallback = async (request: Request, signal: AbortSignal): Promise<Answer> => {
		if (protocol === 'h2') {
			try {
				return await exchange(request, 'h2', signal);
			} catch (thrown) {
				// After an answer over HTTP/2 this is no question of the protocol.
				if (codeOf(thrown) !== 'EPROTO' || answered === 'h2') throw thrown;
			}
		}
		const answer = await two(() => exchange(request, 'http/1.1', signal));
		protocol = 'http/1.1';
		return answer;
	};

	/** Says what stood in the way. Where Bun says too little, the network is asked once more. */
	const failureOf = async (thrown: unknown, late: boolean, timeout: number): Promise<unknown> => {
		if (thrown instanceof Failure) return thrown;
		if (late && answered !== undefined) return timedOut(address, timeout, 'answer');
		const unclear = late || VAGUE.has(codeOf(thrown)) || (proxy !== undefined && answered === undefined);
		if (!unclear) return explain(thrown, address);
		const found = await diagnose(endpoint, roots);
		if (found.kind === 'error') return explain(found.error, address);
		return late ? timedOut(address, timeout, found.stage) : explain(thrown, address);
	};

	return {
		send: async (request, timeout) => {
			const controller = new AbortController();
			const cancel = after(timeout, () => controller.abort());
			try {
				return await withFallback(request, controller.signal);
			} catch (thrown) {
				throw await failureOf(thrown, controller.signal.aborted, timeout);
			} finally {
				cancel();
			}
		},
		protocol: () => answered,
	};
}

/** Errors of Bun's `fetch` that say too little. */
const VAGUE = new Set(['EPROTO', 'ERR_TLS_CERT_ALTNAME_INVALID']);
