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

/**
 * True for an IP address in a URL (WHATWG URL normalizes IPv4 addresses). node:net could tell as well, but
 * takes time to load.
 */
export const isAddress = (host: string): boolean => host.includes(':') || /^[0-9.]+$/.test(host);

/** The name for TLS's server name indication; undefined for an IP address, which is none (RFC 6066). */
export const serverNameOf = ({ tlsName }: Endpoint): string | undefined =>
	isAddress(tlsName) ? undefined : tlsName;
