import { type AddressInfo, connect, createServer, type Socket } from 'node:net';
import { join } from 'node:path';
import type { Namespaces } from './namespaces.ts';

/** Reaches addresses inside the node's network from this machine's loopback. */
export interface Gateway {
	/** Listens on a free port of 127.0.0.1 and passes each connection on; gives `127.0.0.1:port`. */
	forward(host: string, port: number): Promise<string>;
	/** Closes what is open. */
	close(): void;
}

/** Starts the relay inside; a Unix socket in `dir` is the door, for files are shared and networks are not. */
export async function openGateway(namespaces: Namespaces, dir: string): Promise<Gateway> {
	const door = join(dir, 'relay.sock');
	const relay = await namespaces.start({
		name: 'relay',
		command: process.execPath,
		args: [join(import.meta.dirname, 'relay.ts'), door],
	});
	await relay.waitUntil('it listens', () => relay.stdout().includes('listening'));
	const endings: (() => void)[] = [];
	return {
		forward: async (host, port) => {
			const open = new Set<Socket>();
			const server = createServer({ allowHalfOpen: true }, (client) => {
				const inside = connect({ path: door, allowHalfOpen: true });
				inside.write(`${host} ${port}\n`);
				for (const [one, other] of [
					[client, inside],
					[inside, client],
				] as const) {
					open.add(one);
					one.on('error', () => other.destroy());
					one.on('close', () => {
						open.delete(one);
						other.destroy();
					});
					one.pipe(other);
				}
			});
			await new Promise<void>((resolve) => {
				server.listen(0, '127.0.0.1', resolve);
			});
			endings.push(() => {
				server.close();
				for (const socket of open) socket.destroy();
			});
			return `127.0.0.1:${(server.address() as AddressInfo).port}`;
		},
		close: () => {
			for (const end of endings.splice(0)) end();
		},
	};
}
