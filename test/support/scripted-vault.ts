import { createServer as createHttp1, type IncomingMessage, type ServerResponse } from 'node:http';
import { createSecureServer, type Http2ServerRequest, type Http2ServerResponse } from 'node:http2';
import { createServer as createHttps } from 'node:https';
import type { AddressInfo, Server, Socket } from 'node:net';
import type { SecureVersion } from 'node:tls';
import { call } from './http.ts';
import type { KeyPair } from './tls.ts';

/** A request on its way to Vault. */
export interface SeenRequest {
	/** From 1, over all connections. */
	readonly number: number;
	readonly method: string;
	/** After `/v1/`, with its query. */
	readonly path: string;
	readonly headers: Readonly<Record<string, string | string[] | undefined>>;
	readonly body: string;
}

/** An answer in place of Vault's. */
export interface ScriptedAnswer {
	readonly status: number;
	readonly headers?: Readonly<Record<string, string>>;
	readonly body?: string | Buffer;
	/** The exact bytes on the wire, with the status line; HTTP/1.1 only. The connection is closed after them. */
	readonly raw?: string;
	/** Sends the body this many times over, for bodies too large to make. */
	readonly repeat?: number;
	/** Never ends the answer. */
	readonly open?: true;
}

/** Decides about a request: an answer, or undefined to let the Vault behind it answer. */
export type Script = (
	request: SeenRequest,
) => ScriptedAnswer | undefined | Promise<ScriptedAnswer | undefined>;

/** How the proxy serves. */
export interface ScriptedOptions {
	/** The Vault behind it, if any. */
	readonly upstream?: { readonly addr: string; readonly caPem: string };
	readonly script: Script;
	/** Plain HTTP without. */
	readonly tls?: KeyPair & { readonly minVersion?: SecureVersion; readonly maxVersion?: SecureVersion };
	/** HTTP/2 and HTTP/1.1 unless given. */
	readonly http1Only?: boolean;
	/** Bytes of the header table that it announces in HTTP/2; Node's choice unless given. */
	readonly headerTableSize?: number;
	/** Streams that it allows at a time in HTTP/2; Node's choice unless given. */
	readonly maxConcurrentStreams?: number;
}

/** A proxy that answers some requests itself. */
export interface ScriptedVault extends AsyncDisposable {
	readonly addr: string;
	readonly port: number;
	readonly requests: readonly SeenRequest[];
	/** How many connections came. */
	connections(): number;
}

/** Starts a proxy in front of a Vault (or of nothing) that answers by a script. */
export async function startScriptedVault(options: ScriptedOptions): Promise<ScriptedVault> {
	const requests: SeenRequest[] = [];
	const sockets = new Set<Socket>();
	let connections = 0;
	const handle = async (
		request: IncomingMessage | Http2ServerRequest,
		response: Responder,
	): Promise<void> => {
		const seen: SeenRequest = {
			number: requests.length + 1,
			method: request.method ?? '',
			path: (request.url ?? '').replace(/^\/v1\//, ''),
			headers: request.headers,
			body: await textOf(request),
		};
		requests.push(seen);
		const answer = (await options.script(seen)) ?? (await forward(seen, options.upstream));
		await send(answer, response);
	};
	const listener = (request: IncomingMessage | Http2ServerRequest, response: Responder): void => {
		// A client that hangs up in the middle is what some of the tests are about.
		handle(request, response).catch(() => response.destroy());
	};
	const server = makeServer(options, listener);
	server.on('connection', (socket: Socket) => {
		connections += 1;
		sockets.add(socket);
		socket.on('error', () => socket.destroy());
		socket.on('close', () => sockets.delete(socket));
	});
	await new Promise<void>((resolve, reject) => {
		server.once('error', reject);
		server.listen(0, '127.0.0.1', resolve);
	});
	const { port } = server.address() as AddressInfo;
	return {
		addr: `${options.tls === undefined ? 'http' : 'https'}://127.0.0.1:${port}`,
		port,
		requests,
		connections: () => connections,
		[Symbol.asyncDispose]: () =>
			new Promise((resolve) => {
				server.close(() => resolve());
				for (const socket of sockets) socket.destroy();
			}),
	};
}

type Responder = ServerResponse | Http2ServerResponse;
type Listener = (request: IncomingMessage | Http2ServerRequest, response: Responder) => void;

function makeServer(
	{ tls, http1Only = false, headerTableSize, maxConcurrentStreams }: ScriptedOptions,
	listener: Listener,
): Server {
	if (tls === undefined) return createHttp1(listener);
	const { certPem: cert, keyPem: key, minVersion, maxVersion } = tls;
	const secure = {
		...{ cert, key },
		...(minVersion === undefined ? {} : { minVersion }),
		// OpenSSL refuses TLS 1.0 and 1.1 at its usual security level.
		...(maxVersion === undefined ? {} : { maxVersion, ciphers: 'DEFAULT@SECLEVEL=0' }),
	};
	if (http1Only) return createHttps(secure, listener);
	const settings = {
		...(headerTableSize === undefined ? {} : { headerTableSize }),
		...(maxConcurrentStreams === undefined ? {} : { maxConcurrentStreams }),
	};
	const server = createSecureServer({ ...secure, settings, allowHTTP1: true }, listener);
	server.on('sessionError', () => undefined);
	return server;
}

async function textOf(request: IncomingMessage | Http2ServerRequest): Promise<string> {
	const chunks: Buffer[] = [];
	for await (const chunk of request) chunks.push(chunk as Buffer);
	return Buffer.concat(chunks).toString();
}

async function forward(request: SeenRequest, to: ScriptedOptions['upstream']): Promise<ScriptedAnswer> {
	if (to === undefined) return { status: 404, headers: JSON_TYPE, body: '{"errors":[]}' };
	const passed = ['x-vault-token', 'x-vault-namespace'].flatMap((name) => {
		const value = request.headers[name];
		return typeof value === 'string' ? [[name, value] as const] : [];
	});
	const { status, text, headers } = await call({
		url: `${to.addr}/v1/${request.path}`,
		method: request.method,
		headers: Object.fromEntries(passed),
		caPem: to.caPem,
		...(request.body === '' ? {} : { body: request.body }),
	});
	const { location } = headers;
	const where = typeof location === 'string' ? { location } : {};
	return { status, headers: { ...JSON_TYPE, ...where }, body: text };
}

const JSON_TYPE = { 'content-type': 'application/json' };

/** A JSON answer. */
export function json(
	status: number,
	body: unknown,
	headers: Readonly<Record<string, string>> = {},
): ScriptedAnswer {
	return { status, headers: { ...JSON_TYPE, ...headers }, body: JSON.stringify(body) };
}

async function send(answer: ScriptedAnswer, response: Responder): Promise<void> {
	const { status, headers = {}, body = '', repeat = 1, raw, open } = answer;
	if (raw !== undefined) {
		response.socket?.end(raw);
		return;
	}
	// Both kinds of response behave alike here, but their types differ.
	const plain = response as ServerResponse;
	plain.writeHead(status, headers);
	for (let sent = 0; sent < repeat && !plain.destroyed; sent++) {
		if (!plain.write(body)) await room(plain);
	}
	if (open !== true) plain.end();
}

/** Waits until more can be written, or nothing any more. */
function room(response: ServerResponse): Promise<void> {
	return new Promise((resolve) => {
		const go = (): void => {
			response.off('drain', go).off('close', go);
			resolve();
		};
		response.on('drain', go).on('close', go);
	});
}
