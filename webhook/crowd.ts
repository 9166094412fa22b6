import type { Server as HttpsServer } from 'node:https';
import type { Socket } from 'node:net';
import type { Request, RequestHandler } from 'express';

/**
 * What strangers may take up. Anybody in the cluster can reach the port, and each connection and each byte of an unread body is memory. When there is too much
 * of either, the one that has waited longest goes: the API server’s calls take milliseconds, so it is hardly ever one of them.
 */

/** Where a connection comes from. Node gives a socket before its TLS handshake and another one after it; this they share. */
const originOf = ({ remoteAddress, remotePort }: Socket): string => `${remoteAddress} ${remotePort}`;

/** Keeps a server to `most` connections: beyond them, the one without a call in flight that has been silent longest is closed. */
export function boundConnections(server: HttpsServer, most: number): void {
	/** In the order of their last call, or of their beginning. */
	const open = new Map<string, { readonly socket: Socket; calls: number }>();
	server.on('connection', (socket: Socket) => {
		const origin = originOf(socket);
		const entry = { socket, calls: 0 };
		open.set(origin, entry);
		socket.once('close', () => {
			if (open.get(origin) === entry) open.delete(origin);
		});
		if (open.size > most) [...open.values()].find(({ calls }) => calls === 0)?.socket.destroy();
	});
	server.prependListener('request', ({ socket }, response) => {
		const origin = originOf(socket);
		const entry = open.get(origin);
		if (entry === undefined) return;
		entry.calls += 1;
		open.delete(origin);
		open.set(origin, entry);
		response.once('close', () => {
			entry.calls -= 1;
		});
	});
}

/** Keeps the bodies that are being read to `most` bytes in all: beyond them, the connection of the one that began first is cut. */
export function boundBodies(most: number): RequestHandler {
	/** In the order in which they began. */
	const reading = new Map<Request, number>();
	let total = 0;
	const forget = (request: Request): void => {
		total -= reading.get(request) ?? 0;
		reading.delete(request);
	};
	return (request, _response, next) => {
		reading.set(request, 0);
		request.on('data', (chunk: Buffer) => {
			const read = reading.get(request);
			if (read === undefined) return;
			reading.set(request, read + chunk.length);
			total += chunk.length;
			for (const [oldest] of reading) {
				if (total <= most || reading.size === 1) break;
				forget(oldest);
				oldest.socket.destroy();
			}
		});
		for (const end of ['end', 'close']) request.once(end, () => forget(request));
		next();
	};
}
