import type { RequestListener } from 'node:http';
import type { Socket } from 'node:net';

const REFUSAL = 'one request at a time on a connection: send the next one after the answer\n';

/**
 * Allows one request at a time on each connection. Node passes on every pipelined request (RFC 9112, section
 * 9.3.2) as soon as it is parsed, without a limit. Here the second one gets 503 after the first, and the
 * connection is closed with it; a third one closes the connection at once. API servers, probes and Prometheus
 * wait for each response, so they are not affected.
 */
export function oneRequestAtATime(app: RequestListener): RequestListener {
	/** Connections with a pending request; true after a second request was refused. */
	const busy = new WeakMap<Socket, boolean>();
	return (request, response) => {
		const { socket } = request;
		const state = busy.get(socket);
		if (state === true) {
			socket.destroy();
			return;
		}
		if (state === false) {
			busy.set(socket, true);
			response.writeHead(503, { 'content-type': 'text/plain; charset=utf-8', connection: 'close' });
			response.end(REFUSAL);
			return;
		}
		busy.set(socket, false);
		response.once('close', () => {
			if (busy.get(socket) === false) busy.delete(socket);
		});
		app(request, response);
	};
}
