import { connect as connectTcp, isIP, type Socket } from 'node:net';
import { connect as connectTls, type TLSSocket } from 'node:tls';

/** Where Vault is and how its certificate is checked. */
export interface Endpoint {
	/** Origin, for messages and as HTTP/2's authority. */
	readonly address: string;
	readonly host: string;
	readonly port: number;
	/** Undefined: plain HTTP. */
	readonly tls: { readonly ca: string | readonly string[] } | undefined;
}

/** What was agreed on by ALPN (RFC 7301). */
export type Protocol = 'h2' | 'http/1.1';

/** Takes an origin (see contract/values); `ca` is a function since reading it may cost time that plain HTTP needs not spend. */
export function endpointOf(address: string, ca: () => string | readonly string[]): Endpoint {
	const url = new URL(address);
	const secure = url.protocol === 'https:';
	return {
		address,
		host: url.hostname.replace(/^\[|\]$/g, ''),
		port: Number(url.port || (secure ? 443 : 80)),
		tls: secure ? { ca: ca() } : undefined,
	};
}

/** A connection being made. */
export interface Dialing {
	readonly socket: Socket | TLSSocket;
	/** The same socket once it can be used. */
	readonly ready: Promise<Socket | TLSSocket>;
	/** What it waits for, to finish the sentence "Vault at …: …". */
	lacks(): string;
	/** Gives up. */
	cancel(): void;
}

/**
 * Connects. Verification and TLS 1.2 are stated although they are Node's defaults: NODE_TLS_REJECT_UNAUTHORIZED and
 * NODE_OPTIONS could change those.
 */
export function dial({ host, port, tls }: Endpoint, protocols: readonly Protocol[]): Dialing {
	const tcp = connectTcp({ host, port, noDelay: true });
	const socket =
		tls === undefined
			? tcp
			: connectTls({
					socket: tcp,
					host,
					// An IP address is no server name (RFC 6066); it is compared with the certificate all the same.
					servername: isIP(host) === 0 ? host : '',
					ca: typeof tls.ca === 'string' ? tls.ca : [...tls.ca],
					ALPNProtocols: [...protocols],
					minVersion: 'TLSv1.2',
					rejectUnauthorized: true,
				});
	let lacks = isIP(host) === 0 ? 'DNS gave no address for its name' : 'no answer to the connection attempt';
	tcp.once('lookup', () => {
		lacks = 'no answer to the connection attempt';
	});
	tcp.once('connect', () => {
		lacks = 'no TLS handshake';
	});
	const ready = new Promise<Socket | TLSSocket>((resolve, reject) => {
		// These stay, so that an error before the first request is no uncaught one: whoever sends finds the socket closed.
		tcp.on('error', reject);
		socket.on('error', reject);
		socket.once(tls === undefined ? 'connect' : 'secureConnect', () => {
			resolve(socket);
		});
	});
	return { socket, ready, lacks: () => lacks, cancel: () => void tcp.destroy() };
}
