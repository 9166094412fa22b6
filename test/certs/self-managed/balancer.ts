import { type AddressInfo, connect, createServer, type Socket } from 'node:net';

/** One address before several servers, as a Service is: connections go to them in turn. */
export interface Balancer extends AsyncDisposable {
	readonly port: number;
	/** Who gets new connections from now on; those that are open go on. */
	use(ports: readonly number[]): void;
}

/** Starts it on a free port of loopback. */
export async function startBalancer(): Promise<Balancer> {
	let ports: readonly number[] = [];
	let turn = 0;
	const sockets = new Set<Socket>();
	const server = createServer((client) => {
		const port = ports[turn++ % Math.max(1, ports.length)];
		if (port === undefined) {
			client.destroy();
			return;
		}
		const inside = connect({ host: '127.0.0.1', port });
		for (const [one, other] of [
			[client, inside],
			[inside, client],
		] as const) {
			sockets.add(one);
			one.on('error', () => other.destroy());
			one.on('close', () => {
				sockets.delete(one);
				other.destroy();
			});
			one.pipe(other);
		}
	});
	await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
	return {
		port: (server.address() as AddressInfo).port,
		use: (next) => {
			ports = next;
		},
		[Symbol.asyncDispose]: async () => {
			const closed = new Promise((resolve) => server.close(resolve));
			for (const socket of sockets) socket.destroy();
			await closed;
		},
	};
}
