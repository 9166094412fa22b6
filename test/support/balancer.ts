import { once } from 'node:events';
import { type AddressInfo, connect, createServer, type Socket } from 'node:net';

/** A Service: one address for several servers. */
export interface Balancer {
	readonly port: number;
	stop(): Promise<void>;
}

/**
 * Forwards the connections to a port of 127.0.0.1 to servers there in turn, byte for byte, as kube-proxy
 * does. A caller with several connections reaches every server.
 */
export async function startBalancer(ports: readonly number[]): Promise<Balancer> {
	const open = new Set<Socket>();
	let next = 0;
	const server = createServer((caller) => {
		const target = connect(ports[next % ports.length] ?? 0, '127.0.0.1');
		next += 1;
		for (const socket of [caller, target]) {
			open.add(socket);
			socket.on('error', () => socket.destroy());
			socket.on('close', () => open.delete(socket));
		}
		caller.pipe(target).pipe(caller);
	});
	server.listen(0, '127.0.0.1');
	await once(server, 'listening');
	return {
		port: (server.address() as AddressInfo).port,
		stop: async () => {
			server.close();
			for (const socket of open) socket.destroy();
			await once(server, 'close');
		},
	};
}
