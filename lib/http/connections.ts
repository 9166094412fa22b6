import type { IncomingMessage, Server } from 'node:http';
import type { Socket } from 'node:net';

interface Connection {
	readonly socket: Socket;
	/** Requests that are not answered yet. */
	readonly requests: Set<IncomingMessage>;
}

/**
 * Node emits one socket before the TLS handshake and another one after it, with the same address and port.
 */
const clientOf = ({ remoteAddress, remotePort }: Socket): string => `${remoteAddress} ${remotePort}`;

/**
 * Limits a server to `most` connections. Beyond the limit one is closed: the idle one that has been silent
 * longest; if there is none, the one that has been sending its request longest; if all requests have arrived,
 * the new connection.
 */
export function limitConnections(server: Server, most: number): void {
	/** In the order of their last request, or of their beginning. */
	const open = new Map<string, Connection>();
	server.on('connection', (socket: Socket) => {
		const client = clientOf(socket);
		if (open.size >= most) {
			const chosen = connectionToClose(open);
			(chosen === undefined ? socket : open.get(chosen)?.socket)?.destroy();
			if (chosen === undefined) return;
			open.delete(chosen);
		}
		const connection = { socket, requests: new Set<IncomingMessage>() };
		open.set(client, connection);
		socket.once('close', () => {
			if (open.get(client) === connection) open.delete(client);
		});
	});
	server.prependListener('request', (request, response) => {
		const client = clientOf(request.socket);
		const connection = open.get(client);
		if (connection === undefined) return;
		connection.requests.add(request);
		open.delete(client);
		open.set(client, connection);
		response.once('close', () => connection.requests.delete(request));
	});
}

function connectionToClose(open: ReadonlyMap<string, Connection>): string | undefined {
	let sending: string | undefined;
	for (const [client, { requests }] of open) {
		if (requests.size === 0) return client;
		if (sending === undefined && [...requests].every((request) => !request.complete)) sending = client;
	}
	return sending;
}
