import { Agent, request as send } from 'node:http';
import type { Socket } from 'node:net';
import { after } from '../clock.ts';
import type { Answer, Connection, Request } from './exchange.ts';
import { BODY_LIMIT } from './exchange.ts';
import { timedOut, tooLarge } from './faults.ts';
import { dial, dialDirect, type Endpoint, type Secure } from './socket.ts';

/** Requests wait for one of these; more would be more handshakes, each dearer than a request. */
const CONNECTIONS = 2;

function exchange(agent: Agent, endpoint: Endpoint, request: Request, timeout: number): Promise<Answer> {
	const { address, host, port } = endpoint;
	return new Promise((resolve, reject) => {
		const { method, path, headers, body } = request;
		const authority = new URL(address).host;
		const length = body === undefined ? {} : { 'content-length': body.length };
		const sent = send({
			agent,
			host,
			port,
			method,
			path,
			headers: { host: authority, ...headers, ...length },
		});
		const fail = (error: Error): void => {
			cancel();
			reject(error);
			sent.destroy();
		};
		const cancel = after(timeout, () => fail(timedOut(address, timeout, 'answer')));
		sent.once('error', fail);
		sent.once('response', (response) => {
			const chunks: Buffer[] = [];
			let size = 0;
			response.once('error', fail);
			response.on('data', (chunk: Buffer) => {
				size += chunk.length;
				if (size > BODY_LIMIT) fail(tooLarge(address, BODY_LIMIT));
				else chunks.push(chunk);
			});
			response.once('end', () => {
				cancel();
				resolve({
					status: response.statusCode ?? 0,
					contentType: response.headers['content-type'] ?? '',
					retryAfter: response.headers['retry-after'],
					date: response.headers.date,
					location: response.headers.location,
					body: Buffer.concat(chunks, size),
				});
			});
		});
		sent.end(body);
	});
}

/** What new connections are made of. */
export interface Http1Options {
	readonly endpoint: Endpoint;
	/** Unless given: plain HTTP. */
	readonly secure: Secure | undefined;
	/** Told of each new connection. */
	readonly dialed: () => void;
}

/** Through a proxy there is no socket until the proxy has connected. */
function tunnelled(endpoint: Endpoint, secure: Secure | undefined, callback: Created | undefined): null {
	const dialing = dial(endpoint);
	if (secure !== undefined) dialing.secure(secure);
	dialing.ready.then(
		(socket) => callback?.(null, socket),
		(error: Error) => callback?.(error, undefined as never),
	);
	return null;
}

type Created = NonNullable<Parameters<Agent['createConnection']>[1]>;

/** Speaks HTTP/1.1 over connections that are kept open, the first of which is there already. */
export function speakHttp1(first: Socket, { endpoint, secure, dialed }: Http1Options): Connection {
	const agent = new Agent({ keepAlive: true, maxSockets: CONNECTIONS });
	const spare = [first];
	first.once('close', () => void spare.pop());
	// Gives a socket at once: the agent would not count one that it gets later, and make more than it may.
	agent.createConnection = (_options, callback) => {
		const ready = spare.pop();
		if (ready !== undefined) return ready;
		dialed();
		if (endpoint.proxy !== undefined) return tunnelled(endpoint, secure, callback);
		const dialing = dialDirect(endpoint);
		// The agent hears of errors from the socket itself.
		dialing.ready.catch(() => undefined);
		return secure === undefined ? dialing.tcp : dialing.secure(secure);
	};
	let closed = false;
	return {
		exchange: (request, timeout) => exchange(agent, endpoint, request, timeout),
		usable: () => !closed,
		close: () => {
			closed = true;
			agent.destroy();
		},
	};
}
