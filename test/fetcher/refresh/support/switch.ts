import { type AddressInfo, connect, createServer, type Server, type Socket } from 'node:net';

/** One address that leads to one server after another, as the address of a Vault does. */
export interface Switch extends AsyncDisposable {
	readonly port: number;
	/** Leads to this port of the machine from now on, and cuts the connections to the one before. */
	lead(port: number): Promise<void>;
	/** Closes the connections that are open, as a load balancer does with idle ones. */
	cut(): void;
	/**
	 * Forgets the connections that are open: whoever sends something on one gets a reset, or with `silently`
	 * nothing at all.
	 */
	forget(silently?: 'silently'): void;
	/** Nothing listens from now on. */
	close(): Promise<void>;
}

/** Opens a switch that leads to a port. */
export async function openSwitch(first: number): Promise<Switch> {
	let target = first;
	const sockets = new Set<Socket>();
	const clients = new Set<Socket>();
	const server: Server = createServer({ noDelay: true }, (client) => {
		const upstream = connect({ port: target, host: '127.0.0.1', noDelay: true });
		for (const socket of [client, upstream]) {
			sockets.add(socket);
			socket.on('error', () => socket.destroy());
			socket.on('close', () => sockets.delete(socket));
		}
		clients.add(client);
		client.on('close', () => {
			clients.delete(client);
			upstream.destroy();
		});
		// As the server ends it: with FIN, or with a reset.
		upstream.on('error', () => client.resetAndDestroy());
		client.pipe(upstream);
		upstream.pipe(client);
	});
	const listen = (port: number): Promise<void> =>
		new Promise((resolve, reject) => {
			server.once('error', reject);
			server.listen(port, '127.0.0.1', resolve);
		});
	await listen(0);
	const { port } = server.address() as AddressInfo;
	const cut = (): void => {
		for (const socket of sockets) socket.destroy();
	};
	const close = (): Promise<void> =>
		new Promise((resolve) => {
			if (server.listening) server.close(() => resolve());
			else resolve();
			cut();
		});
	return {
		port,
		lead: async (next) => {
			target = next;
			cut();
			if (!server.listening) await listen(port);
		},
		cut,
		forget: (silently) => {
			for (const client of clients) {
				client.unpipe();
				client.removeAllListeners('data');
				if (silently === undefined) client.on('data', () => client.resetAndDestroy());
				client.resume();
			}
		},
		close,
		[Symbol.asyncDispose]: close,
	};
}
