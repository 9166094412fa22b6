import { connect, isIP, type Socket } from 'node:net';
import type { TLSSocket } from 'node:tls';
import type { Stage } from './faults.ts';

/** Where Vault is. */
export interface Endpoint {
	/** Origin, for messages and as HTTP/2's authority. */
	readonly address: string;
	readonly host: string;
	readonly port: number;
	/** False: plain HTTP. */
	readonly secure: boolean;
}

/** Takes an origin (see contract/values). */
export function endpointOf(address: string): Endpoint {
	const url = new URL(address);
	const secure = url.protocol === 'https:';
	return {
		address,
		host: url.hostname.replace(/^\[|\]$/g, ''),
		port: Number(url.port || (secure ? 443 : 80)),
		secure,
	};
}

/** Puts TLS on a connection that is made or being made. */
export type Secure = (tcp: Socket) => TLSSocket;

/** A connection being made. */
export interface Dialing {
	/** Resolves once the connection can be used. */
	readonly ready: Promise<Socket | TLSSocket>;
	/** Goes on with TLS. */
	secure(secure: Secure): TLSSocket;
	/** What it waits for. */
	stage(): Stage;
	/** Gives up. */
	cancel(): void;
}

/** Starts to connect; where the endpoint wants TLS, `secure` is to be called next. */
export function dial({ host, port, secure }: Endpoint): Dialing & { readonly tcp: Socket } {
	const tcp = connect({ host, port, noDelay: true });
	let stage: Stage = isIP(host) === 0 ? 'dns' : 'connect';
	const { promise, resolve, reject } = Promise.withResolvers<Socket | TLSSocket>();
	tcp.once('lookup', () => {
		stage = 'connect';
	});
	tcp.once('connect', () => {
		stage = 'tls';
		if (!secure) resolve(tcp);
	});
	// Stays, so that an error before the first request is no uncaught one: whoever sends finds the socket closed.
	tcp.on('error', reject);
	return {
		tcp,
		ready: promise,
		secure: (wrap) => {
			const socket = wrap(tcp);
			socket.on('error', reject);
			socket.once('secureConnect', () => resolve(socket));
			return socket;
		},
		stage: () => stage,
		cancel: () => void tcp.destroy(),
	};
}
