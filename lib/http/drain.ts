import type { Server, ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';

/** Milliseconds between two looks at whether anybody is still connected. */
const LOOK_EVERY = 50;

/**
 * Follows the connections of a server that does not listen yet. Gives the function that stops it: for `linger` milliseconds every call is
 * answered once more and its connection closed with the answer, then no new connection is taken, what is idle is closed, calls in flight
 * are answered and then their connections closed, and after another `grace` milliseconds whatever is left is cut.
 *
 * A client may be writing its next call into a connection at the moment when it is closed, and HTTP gives it no way to know whether that
 * was read: an API server refuses the pod. While lingering, the busy connections end in a way that leaves no doubt.
 *
 * Node leaves two gaps: a connection that was busy when the server closed is kept alive after its answer, and one
 * that has not finished its TLS handshake is known to nobody.
 */
export function drainable(server: Server): (grace: number, linger?: number) => Promise<void> {
	const sockets = following<Socket>();
	/** The answer that each connection waits for: of pipelined requests that of the first. */
	const answers = new Map<Socket, ServerResponse>();
	let stopping = false;
	server.on('connection', sockets.add);
	// Before the application, which may answer at once.
	server.prependListener('request', (_request, response: ServerResponse) => {
		if (stopping) sayGoodbye(response);
		else follow(answers, response);
	});
	return async (grace, linger = 0) => {
		stopping = true;
		[...answers.values()].forEach(sayGoodbye);
		const end = performance.now() + linger;
		while (performance.now() < end && sockets.all().length > 0) await sleep(LOOK_EVERY);
		const closed = new Promise((resolve) => server.close(resolve));
		server.closeIdleConnections();
		const cut = setTimeout(() => sockets.all().forEach((socket) => void socket.destroy()), grace);
		await closed;
		clearTimeout(cut);
	};
}

/** Has the connection closed after this answer, and lets the client know. */
function sayGoodbye(response: ServerResponse): void {
	if (!response.headersSent) response.setHeader('connection', 'close');
}

/** Node emits no "close" on the answers to pipelined requests of a connection that ends: they must not be kept for that. */
function follow(answers: Map<Socket, ServerResponse>, response: ServerResponse): void {
	const { socket } = response.req;
	if (answers.has(socket)) return;
	answers.set(socket, response);
	response.once('close', () => answers.delete(socket));
}

/** A set of things that leave it when they close. */
function following<T extends Socket>() {
	const open = new Set<T>();
	return {
		add: (thing: T): void => {
			open.add(thing);
			thing.once('close', () => open.delete(thing));
		},
		all: (): readonly T[] => [...open],
	};
}
