import { type AddressInfo, connect, createServer, type Socket } from 'node:net';

/** A door in front of a server that counts who comes. */
export interface Gate {
	readonly port: number;
	/** When connections came, in ms of `performance.now()`. */
	readonly arrivals: readonly number[];
	/** Connections that are open now. */
	open(): number;
	/** Cuts all connections, and every new one at once, until it is opened again. */
	setClosed(closed: boolean): void;
	close(): void;
}

/** Opens a gate to a port of this machine. */
export async function openGate(target: number): Promise<Gate> {
	const arrivals: number[] = [];
	const sockets = new Set<Socket>();
	let closed = false;
	const server = createServer({ noDelay: true }, (client) => {
		arrivals.push(performance.now());
		if (closed) {
			client.resetAndDestroy();
			return;
		}
		const upstream = connect({ port: target, host: '127.0.0.1', noDelay: true });
		sockets.add(client);
		client.on('close', () => {
			sockets.delete(client);
			upstream.destroy();
		});
		for (const socket of [client, upstream]) socket.on('error', () => socket.destroy());
		upstream.on('close', () => client.destroy());
		client.pipe(upstream);
		upstream.pipe(client);
	});
	await new Promise<void>((resolve) => void server.listen(0, '127.0.0.1', 1_024, resolve));
	const cut = (): void => {
		for (const socket of sockets) socket.destroy();
	};
	return {
		port: (server.address() as AddressInfo).port,
		arrivals,
		open: () => sockets.size,
		setClosed: (now) => {
			closed = now;
			if (now) cut();
		},
		close: () => {
			server.close();
			cut();
		},
	};
}
