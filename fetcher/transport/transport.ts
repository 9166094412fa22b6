import type { Socket } from 'node:net';
import type { TLSSocket } from 'node:tls';
import { after, now } from '../clock.ts';
import type { Answer, Connection, Request } from './exchange.ts';
import { explain, timedOut } from './faults.ts';
import { speakHttp2 } from './http2.ts';
import { dial, type Endpoint, type Secure } from './socket.ts';

/** Sends requests to one Vault, over one connection where that speaks HTTP/2. */
export interface Transport {
	/** Rejects with a `Failure`, within `timeout` milliseconds. Redirects are answers: nothing is ever sent elsewhere. */
	send(request: Request, timeout: number): Promise<Answer>;
	/** How many connections were dialed so far. */
	connections(): number;
	close(): void;
}

/**
 * Opens a transport. It starts to connect at once, and loads Node's modules for TLS and HTTP while the first packets are on their
 * way, so that the first request finds the connection made.
 *
 * @param ca PEM text of the CAs that vouch for Vault; undefined: the system's
 */
export function openTransport(endpoint: Endpoint, ca: string | undefined, firstTimeout: number): Transport {
	const { address, prefix, tlsName } = endpoint;
	let dialed = 0;
	let securing: Promise<Secure> | undefined;
	const loadSecure = async (): Promise<Secure> => (await import('./secure.ts')).makeSecure(tlsName, ca);

	const speak = async (socket: Socket | TLSSocket, secure: Secure | undefined): Promise<Connection> => {
		if ('alpnProtocol' in socket && socket.alpnProtocol === 'h2') return speakHttp2(socket, address);
		const dialedOneMore = (): void => {
			dialed += 1;
		};
		return (await import('./http1.ts')).speakHttp1(socket, { endpoint, secure, dialed: dialedOneMore });
	};

	const connect = async (timeout: number): Promise<Connection> => {
		dialed += 1;
		const dialing = dial(endpoint);
		const late = Promise.withResolvers<never>();
		const cancel = after(timeout, () => late.reject(timedOut(address, timeout, dialing.stage())));
		try {
			securing ??= endpoint.secure ? loadSecure() : undefined;
			const secure = await securing;
			if (secure !== undefined) dialing.secure(secure);
			return await speak(await Promise.race([dialing.ready, late.promise]), secure);
		} catch (thrown) {
			dialing.cancel();
			throw thrown;
		} finally {
			// Of the two that race, the loser may reject when nobody waits any more.
			dialing.ready.catch(() => undefined);
			late.promise.catch(() => undefined);
			cancel();
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
			const start = now();
			try {
				const ready = await connection(timeout);
				return await ready.exchange(
					{ ...request, path: prefix + request.path },
					Math.max(1, timeout - (now() - start)),
				);
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
