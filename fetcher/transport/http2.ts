import {
	type ClientHttp2Session,
	type ClientHttp2Stream,
	connect,
	constants,
	type IncomingHttpHeaders,
	sensitiveHeaders,
} from 'node:http2';
import type { Socket } from 'node:net';
import type { Answer, Connection, Request } from './exchange.ts';
import { BODY_LIMIT } from './exchange.ts';
import { timedOut, tooLarge } from './faults.ts';

/** A value of 1 MiB comes without waiting for a window update (a round trip each 64 KiB by default). */
const WINDOW = 4 * 1024 * 1024;

/** Never put into HPACK's table (RFC 7541, 7.1.3). */
const SECRET_HEADERS = ['x-vault-token'];

function headersOf(request: Request): Record<string | symbol, string | string[]> {
	return {
		':method': request.method,
		':path': request.path,
		...request.headers,
		[sensitiveHeaders]: SECRET_HEADERS,
	};
}

/** Waits for the whole answer. `late` is told when the time was up first. */
function collect(
	stream: ClientHttp2Stream,
	address: string,
	timeout: number,
	late: () => void,
): Promise<Answer> {
	return new Promise((resolve, reject) => {
		let headers: IncomingHttpHeaders = {};
		const chunks: Buffer[] = [];
		let size = 0;
		const fail = (error: Error): void => {
			clearTimeout(timer);
			reject(error);
			stream.close(constants.NGHTTP2_CANCEL);
		};
		const timer = setTimeout(() => {
			late();
			fail(timedOut(address, timeout, 'no complete answer'));
		}, timeout);
		stream.once('response', (received) => {
			headers = received;
		});
		stream.on('data', (chunk: Buffer) => {
			size += chunk.length;
			if (size > BODY_LIMIT) fail(tooLarge(address, BODY_LIMIT));
			else chunks.push(chunk);
		});
		stream.once('error', fail);
		stream.once('end', () => {
			clearTimeout(timer);
			const status = headers[':status'];
			// A stream that was reset ends as well, with a part of the body or none.
			if (status === undefined || stream.aborted || (stream.rstCode ?? 0) !== constants.NGHTTP2_NO_ERROR)
				return;
			resolve({
				status: Number(status),
				contentType: headers['content-type'] ?? '',
				retryAfter: headers['retry-after'],
				date: headers.date,
				location: headers.location,
				body: Buffer.concat(chunks, size),
			});
		});
		// After the other events; does nothing if one of them has settled the promise.
		stream.once('close', () => fail(Object.assign(new Error('stream closed'), { code: 'ECONNRESET' })));
	});
}

/** Speaks HTTP/2 over a socket on which TLS has agreed on it. */
export function speakHttp2(socket: Socket, address: string): Connection {
	const session: ClientHttp2Session = connect(address, {
		createConnection: () => socket,
		settings: { enablePush: false, initialWindowSize: WINDOW },
	});
	let going = false;
	const goes = (): void => {
		going = true;
	};
	// The streams tell what happened to each request; an error of the session itself only ends its use.
	session.on('error', goes);
	session.once('goaway', goes);
	session.once('close', goes);
	session.once('connect', () => session.setLocalWindowSize(WINDOW));
	return {
		// Async, since asking a session that has just closed throws instead of failing a stream.
		exchange: async (request, timeout) => {
			const stream = session.request(headersOf(request), { endStream: request.body === undefined });
			if (request.body !== undefined) stream.end(request.body);
			// After a silence the connection itself may be dead: the next request tries another.
			return await collect(stream, address, timeout, goes);
		},
		usable: () => !going && !session.closed && !session.destroyed,
		close: () => session.destroy(),
	};
}
