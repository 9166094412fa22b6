import { createServer as createHttp1, type IncomingMessage, type ServerResponse } from 'node:http';
import { createServer as createHttp2, type Http2ServerRequest, type Http2ServerResponse } from 'node:http2';
import type { AddressInfo, Socket } from 'node:net';
import { createServer as createTls } from 'node:tls';
import type { KeyPair } from './certificate.ts';
import { LIST_AS, ListVerb } from './list-verb.ts';
import { type Reply, refuse } from './reply.ts';
import type { RawRequest } from './request.ts';

/** Vault's own limit on a body. */
const MAX_BODY_BYTES = 32 * 1024 * 1024;

/** Answers one request. `connection` is the number of the connection: 1, 2, 3, … */
export type Answerer = (request: RawRequest, connection: number) => Reply;

/** Where to listen. */
export interface Listen {
	readonly host: string;
	/** 0: any free port. */
	readonly port: number;
}

/** A running server. */
export interface Server {
	readonly port: number;
	/** Stops listening and closes every connection. */
	close(): Promise<void>;
}

/** Serves HTTP/2 and HTTP/1.1 over TLS 1.2 or later, as OpenBao does. */
export async function serve(listen: Listen, tls: KeyPair, answer: Answerer): Promise<Server> {
	const sockets = new Set<Socket>();
	let connections = 0;
	const http1 = createHttp1((request, response) => {
		const { socket } = request;
		const connection = numbers.get(socket) ?? 0;
		void respond(request, response, (raw) => {
			const reply = answer(raw, connection);
			if (isListVerb(socket)) socket.expectRequest();
			return reply;
		});
	});
	const http2 = createHttp2((request, response) => {
		void respond(request, response, (raw) =>
			answer(raw, numbers.get(request.stream.session ?? request) ?? 0),
		);
	});
	const numbers = new WeakMap<object, number>();
	http2.on('session', (session) => numbers.set(session, ++connections));
	const server = createTls(
		{ cert: tls.certPem, key: tls.keyPem, minVersion: 'TLSv1.2', ALPNProtocols: ['h2', 'http/1.1'] },
		(socket) => {
			sockets.add(socket);
			socket.on('close', () => sockets.delete(socket));
			// A disconnect must not end the process.
			socket.on('error', () => socket.destroy());
			if (socket.alpnProtocol === 'h2') {
				http2.emit('connection', socket);
				return;
			}
			const translated = new ListVerb(socket);
			translated.on('error', () => translated.destroy());
			numbers.set(translated, ++connections);
			http1.emit('connection', translated);
		},
	);
	await new Promise<void>((resolve, reject) => {
		server.once('error', reject);
		server.listen(listen.port, listen.host, resolve);
	});
	return {
		port: (server.address() as AddressInfo).port,
		close: () =>
			new Promise((resolve) => {
				server.close(() => resolve());
				for (const socket of sockets) socket.destroy();
			}),
	};
}

async function respond(
	request: IncomingMessage | Http2ServerRequest,
	response: ServerResponse | Http2ServerResponse,
	answer: (raw: RawRequest) => Reply,
): Promise<void> {
	const body = await readBody(request).catch(() => 'disconnected' as const);
	// The client disconnected during its request.
	if (body === 'disconnected') return void request.destroy();
	const method = request.method === LIST_AS ? 'LIST' : (request.method ?? '');
	const header = (name: string): string | undefined => {
		const value = request.headers[name];
		return Array.isArray(value) ? value[0] : value;
	};
	write(
		response,
		body.tooLarge
			? refuse(413, 'http: request body too large')
			: answerOr500(() => answer({ method, target: request.url ?? '', header, body: body.text })),
	);
}

/** An exception becomes a 500 response, so that developers see it. */
function answerOr500(answer: () => Reply): Reply {
	try {
		return answer();
	} catch (thrown) {
		return refuse(500, `a fault of the development Vault itself: ${String(thrown)}`);
	}
}

function isListVerb(socket: unknown): socket is ListVerb {
	return socket instanceof ListVerb;
}

/** Reads the body to its end, even beyond Vault's limit. Rejects if the client disconnects. */
async function readBody(
	request: IncomingMessage | Http2ServerRequest,
): Promise<{ readonly text: string; readonly tooLarge: boolean }> {
	const chunks: Buffer[] = [];
	let size = 0;
	for await (const chunk of request) {
		size += chunk.length;
		if (size <= MAX_BODY_BYTES) chunks.push(chunk);
	}
	return { text: Buffer.concat(chunks).toString('utf8'), tooLarge: size > MAX_BODY_BYTES };
}

function write(response: ServerResponse | Http2ServerResponse, reply: Reply): void {
	const payload = reply.body === undefined ? undefined : `${JSON.stringify(reply.body)}\n`;
	response.statusCode = reply.status;
	response.setHeader('cache-control', 'no-store');
	if (reply.status !== 307) response.setHeader('content-type', 'application/json');
	for (const [name, value] of Object.entries(reply.headers ?? {})) response.setHeader(name, value);
	if (payload !== undefined) response.setHeader('content-length', Buffer.byteLength(payload));
	if (payload === undefined) response.end();
	else response.end(payload);
}
