import type { IncomingMessage, Server, ServerResponse } from 'node:http';
import type { Socket } from 'node:net';

interface Connection {
	/** Address and port. */
	readonly client: string;
	readonly socket: Socket;
	/** Requests without a response. */
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
	/** In the order of their last request; of their start if they had none. */
	const open = new Map<string, Connection>();
	/** By the socket of the requests. Address and port are read once per connection. */
	const bySocket = new WeakMap<Socket, Connection>();
	server.on('connection', (socket: Socket) => {
		const client = clientOf(socket);
		if (open.size >= most) {
			const clientToClose = connectionToClose(open);
			(clientToClose === undefined ? socket : open.get(clientToClose)?.socket)?.destroy();
			if (clientToClose === undefined) return;
			open.delete(clientToClose);
		}
		const connection = { client, socket, requests: new Set<IncomingMessage>() };
		open.set(client, connection);
		socket.once('close', () => {
			if (open.get(client) === connection) open.delete(client);
		});
	});
	function onClose(this: ServerResponse): void {
		bySocket.get(this.req.socket)?.requests.delete(this.req);
	}
	server.prependListener('request', (request, response) => {
		const { socket } = request;
		const connection = bySocket.get(socket) ?? open.get(clientOf(socket));
		if (connection === undefined) return;
		bySocket.set(socket, connection);
		// The connection was closed to make room for a new one.
		if (open.get(connection.client) !== connection) return;
		connection.requests.add(request);
		open.delete(connection.client);
		open.set(connection.client, connection);
		response.on('close', onClose);
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
