import type { Server, ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';

/** Milliseconds between two checks for open connections. */
const CHECK_INTERVAL = 50;

/**
 * Follows the connections of a server that does not listen yet. Returns the function that stops the server.
 * For `linger` milliseconds each connection gets one more response and is closed with it. Then the server
 * takes no new connections, closes idle ones and answers the calls in flight. After another `grace`
 * milliseconds it closes what is left.
 *
 * A client may write its next call at the moment when its connection is closed. HTTP does not tell it whether
 * the call was read, and an API server then refuses the pod. During the linger time, busy connections are
 * closed with a response instead.
 *
 * Node has two gaps: it keeps a connection alive that was busy when the server closed, and it does not track
 * a connection whose TLS handshake has not finished.
 */
export function drainable(server: Server): (grace: number, linger?: number) => Promise<void> {
	const sockets = socketSet<Socket>();
	/** The pending response of each connection; with pipelined requests, that of the first one. */
	const answers = new Map<Socket, ServerResponse>();
	let stopping = false;
	server.on('connection', sockets.add);
	// Runs before the application, which may respond at once.
	server.prependListener('request', (_request, response: ServerResponse) => {
		if (stopping) closeAfterResponse(response);
		else track(answers, response);
	});
	return async (grace, linger = 0) => {
		stopping = true;
		[...answers.values()].forEach(closeAfterResponse);
		const end = performance.now() + linger;
		while (performance.now() < end && sockets.all().length > 0) await sleep(CHECK_INTERVAL);
		const closed = new Promise((resolve) => server.close(resolve));
		server.closeIdleConnections();
		const cut = setTimeout(() => sockets.all().forEach((socket) => void socket.destroy()), grace);
		await closed;
		clearTimeout(cut);
	};
}

/** Closes the connection after this response, and tells the client so. */
function closeAfterResponse(response: ServerResponse): void {
	if (!response.headersSent) response.setHeader('connection', 'close');
}

/**
 * When a connection ends, Node emits no "close" for the responses to pipelined requests, so they must not be
 * kept.
 */
function track(answers: Map<Socket, ServerResponse>, response: ServerResponse): void {
	const { socket } = response.req;
	if (answers.has(socket)) return;
	answers.set(socket, response);
	response.once('close', () => answers.delete(socket));
}

/** A set of sockets. A socket leaves the set when it closes. */
function socketSet<T extends Socket>() {
	const open = new Set<T>();
	return {
		add: (socket: T): void => {
			open.add(socket);
			socket.once('close', () => open.delete(socket));
		},
		all: (): readonly T[] => [...open],
	};
}
