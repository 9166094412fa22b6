import { once } from 'node:events';
import { Agent, type RequestOptions, request } from 'node:https';
import { connect as connectTcp, type Socket } from 'node:net';
import { type ConnectionOptions, connect, type TLSSocket } from 'node:tls';

/** Where a server is and what its certificate is checked against. */
export interface Target {
	readonly port: number;
	readonly authority: { readonly certPem: string };
}

/** One answer of a server. */
export interface Reply {
	readonly status: number;
	readonly text: string;
	readonly headers: NodeJS.Dict<string | string[]>;
	/** True when the request went out on a connection that had served another one before. */
	readonly reused: boolean;
}

/** What is sent. */
export interface Message {
	readonly method?: string;
	readonly path?: string;
	readonly headers?: Readonly<Record<string, string>>;
	readonly body?: string | Buffer;
}

/** An agent that keeps one connection, as the API server does. */
export function keepAlive({ authority }: Target): Agent {
	return new Agent({ keepAlive: true, maxSockets: 1, ca: authority.certPem });
}

/** Sends one request. The default is `POST /mutate` with JSON. */
export function send({ port }: Target, agent: Agent, message: Message): Promise<Reply> {
	const {
		method = 'POST',
		path = '/mutate',
		body,
		headers = { 'content-type': 'application/json' },
	} = message;
	const options: RequestOptions = {
		host: '127.0.0.1',
		port,
		method,
		path,
		agent,
		headers: {
			...(body === undefined || 'transfer-encoding' in headers
				? {}
				: { 'content-length': String(Buffer.byteLength(body)) }),
			...headers,
		},
		signal: AbortSignal.timeout(20_000),
	};
	return new Promise((resolve, reject) => {
		const outgoing = request(options, (incoming) => {
			const chunks: Buffer[] = [];
			incoming.on('data', (chunk: Buffer) => chunks.push(chunk));
			incoming.on('error', reject);
			incoming.on('end', () =>
				resolve({
					status: incoming.statusCode ?? 0,
					text: Buffer.concat(chunks).toString(),
					headers: incoming.headers,
					reused: outgoing.reusedSocket,
				}),
			);
		});
		outgoing.on('error', reject);
		outgoing.end(body);
	});
}

/** A TLS connection that is up. */
export async function open({ port, authority }: Target, options: ConnectionOptions = {}): Promise<TLSSocket> {
	const socket = connect({ host: '127.0.0.1', port, ca: authority.certPem, ...options });
	await once(socket, 'secureConnect');
	return socket;
}

/** A TCP connection that is up and silent. */
export async function openTcp({ port }: Target): Promise<Socket> {
	const socket = connectTcp({ host: '127.0.0.1', port });
	await once(socket, 'connect');
	return socket;
}

/** All that arrives until the other side ends. */
export async function readAll(socket: Socket): Promise<string> {
	const chunks: Buffer[] = [];
	socket.on('data', (chunk: Buffer) => chunks.push(chunk));
	// A reset is an end, too.
	socket.on('error', () => undefined);
	if (!socket.destroyed) await new Promise((resolve) => socket.once('close', resolve));
	return Buffer.concat(chunks).toString();
}

/** Remembers sockets until `close` destroys them. */
export function socketKeeper(): {
	readonly sockets: readonly Socket[];
	keep<T extends Socket>(socket: T): T;
	close(): void;
} {
	const sockets: Socket[] = [];
	return {
		sockets,
		keep: (socket) => {
			// Whoever is cut off may see a reset.
			socket.on('error', () => undefined);
			sockets.push(socket);
			return socket;
		},
		close: () => {
			for (const socket of sockets.splice(0)) socket.destroy();
		},
	};
}
