import type { Answer, Connection, Request } from './exchange.ts';
import { explain, timedOut } from './faults.ts';
import { speakHttp2 } from './http2.ts';
import { dial, type Endpoint } from './socket.ts';

/** Sends requests to one Vault, over one connection where that speaks HTTP/2. */
export interface Transport {
	/** Rejects with a `Failure`, within `timeout` milliseconds. Redirects are answers: nothing is ever sent elsewhere. */
	send(request: Request, timeout: number): Promise<Answer>;
	/** How many connections were dialed so far. */
	connections(): number;
	close(): void;
}

/** Opens a transport. It starts to connect at once, so that the first request finds the connection made or on its way. */
export function openTransport(endpoint: Endpoint, firstTimeout: number): Transport {
	const { address } = endpoint;
	let dialed = 0;
	const count = (): void => {
		dialed += 1;
	};

	const connect = async (timeout: number): Promise<Connection> => {
		count();
		const dialing = dial(endpoint, ['h2', 'http/1.1']);
		const late = Promise.withResolvers<never>();
		const timer = setTimeout(() => late.reject(timedOut(address, timeout, dialing.lacks())), timeout);
		try {
			const socket = await Promise.race([dialing.ready, late.promise]);
			if ('alpnProtocol' in socket && socket.alpnProtocol === 'h2') return speakHttp2(socket, address);
			const { speakHttp1 } = await import('./http1.ts');
			return speakHttp1(socket, endpoint, count);
		} catch (thrown) {
			// The race may leave a rejection behind that nobody awaits.
			dialing.ready.catch(() => undefined);
			dialing.cancel();
			throw thrown;
		} finally {
			clearTimeout(timer);
		}
	};

	const made = new Set<Connection>();
	let pending: Promise<Connection> | undefined;
	let open: Connection | undefined;
	const start = (timeout: number): Promise<Connection> => {
		pending = connect(timeout);
		return pending;
	};

	/** The connection there is, or the one being made, or a new one. */
	const connection = async (timeout: number): Promise<Connection> => {
		if (open?.usable() === false) {
			open = undefined;
			pending = undefined;
		}
		const mine = pending ?? start(timeout);
		try {
			open = await mine;
			made.add(open);
			return open;
		} catch (thrown) {
			// Several may wait for the same one: only the first to hear of it makes place for another.
			if (pending === mine) pending = undefined;
			throw thrown;
		}
	};

	// Whoever sends the first request hears of it if this fails.
	start(firstTimeout).catch(() => undefined);
	return {
		send: async (request, timeout) => {
			const start = performance.now();
			try {
				const ready = await connection(timeout);
				return await ready.exchange(request, Math.max(1, timeout - (performance.now() - start)));
			} catch (thrown) {
				throw explain(thrown, address);
			}
		},
		connections: () => dialed,
		close: () => {
			for (const each of made) each.close();
		},
	};
}
