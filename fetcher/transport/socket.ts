import { connect, isIP, type Socket } from 'node:net';
import type { TLSSocket } from 'node:tls';
import type { Stage } from './faults.ts';
import { openTunnel } from './proxy.ts';

/** Where Vault is. */
export interface Endpoint {
	/** Address with the path that Vault is served below, for messages and as HTTP/2's authority. */
	readonly address: string;
	/** That path, without a last "/"; most often empty. */
	readonly prefix: string;
	readonly host: string;
	readonly port: number;
	/** False: plain HTTP. */
	readonly secure: boolean;
	/** Name that the certificate must have. */
	readonly tlsName: string;
	/** Undefined: connections go straight to Vault. */
	readonly proxy: Proxy | undefined;
}

/** An HTTP proxy. */
export interface Proxy {
	/** Origin, for messages. */
	readonly address: string;
	readonly host: string;
	readonly port: number;
}

/** How to reach an address, where that differs from what the address says. */
export interface Route {
	readonly tlsName?: string | undefined;
	/** Origin of an HTTP proxy. */
	readonly proxy?: string | undefined;
}

function proxyOf(address: string): Proxy {
	const url = new URL(address);
	return { address, host: url.hostname.replace(/^\[|\]$/g, ''), port: Number(url.port || 80) };
}

/** Takes an address and a route as the settings have them (see contract/values). */
export function endpointOf(address: string, { tlsName, proxy }: Route = {}): Endpoint {
	const url = new URL(address);
	const secure = url.protocol === 'https:';
	const host = url.hostname.replace(/^\[|\]$/g, '');
	return {
		address,
		prefix: url.pathname.replace(/\/$/, ''),
		host,
		port: Number(url.port || (secure ? 443 : 80)),
		secure,
		tlsName: tlsName ?? host,
		proxy: proxy === undefined ? undefined : proxyOf(proxy),
	};
}

/** Puts TLS on a connection that is made or being made. */
export type Secure = (tcp: Socket) => TLSSocket;

/** A connection being made. */
export interface Dialing {
	/** Resolves once the connection can be used. */
	readonly ready: Promise<Socket | TLSSocket>;
	/** Goes on with TLS, once the connection reaches as far as Vault. */
	secure(secure: Secure): void;
	/** What it waits for. */
	stage(): Stage;
	/** Gives up. */
	cancel(): void;
}

/** Starts to connect; where the endpoint wants TLS, `secure` is to be called next. */
export function dial(endpoint: Endpoint): Dialing {
	return endpoint.proxy === undefined ? dialDirect(endpoint) : dialThrough(endpoint.proxy, endpoint);
}

/** A connection being made without a proxy. */
interface DirectDialing extends Dialing {
	readonly tcp: Socket;
	secure(secure: Secure): TLSSocket;
}

/** The same without a proxy: the socket is there at once, and so is the one with TLS on it. */
export function dialDirect({ host, port, secure }: Endpoint): DirectDialing {
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

function dialThrough(proxy: Proxy, { host, port, secure }: Endpoint): Dialing {
	const tcp = connect({ host: proxy.host, port: proxy.port, noDelay: true });
	let stage: Stage = 'proxy';
	const { promise, resolve, reject } = Promise.withResolvers<Socket | TLSSocket>();
	const tunnel = openTunnel(tcp, proxy.address, { host, port });
	// Until then an error is the proxy's, and the tunnel puts it into words.
	tcp.on('error', (error) => {
		if (stage !== 'proxy') reject(error);
	});
	tunnel.then(() => {
		stage = 'tls';
		if (!secure) resolve(tcp);
	}, reject);
	return {
		ready: promise,
		secure: (wrap) => {
			const go = (): void => {
				const socket = wrap(tcp);
				socket.on('error', reject);
				socket.once('secureConnect', () => resolve(socket));
			};
			tunnel.then(go).catch(reject);
		},
		stage: () => stage,
		cancel: () => void tcp.destroy(),
	};
}
