/** The address of Vault, in parts. */
export interface Endpoint {
	/** The full address with the path, for messages. */
	readonly address: string;
	/** Path below which Vault is served, without a "/" at the end. Usually empty. */
	readonly prefix: string;
	readonly host: string;
	readonly port: number;
	/** False: plain HTTP. */
	readonly secure: boolean;
	/** Name that the certificate must have. */
	readonly tlsName: string;
	/** Undefined: the fetcher connects to Vault directly. */
	readonly proxy: Proxy | undefined;
}

/** An HTTP proxy. */
export interface Proxy {
	/** Origin, for messages. */
	readonly address: string;
	readonly host: string;
	readonly port: number;
}

/** Optional settings for the connection to an address. */
export interface Route {
	readonly tlsName?: string | undefined;
	/** Origin of an HTTP proxy. */
	readonly proxy?: string | undefined;
}

function proxyOf(address: string): Proxy {
	const url = new URL(address);
	return { address, host: url.hostname.replace(/^\[|\]$/g, ''), port: Number(url.port || 80) };
}

/** Splits the address and the route of the settings (contract/values has parsed them). */
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
 * True for an IP address in a URL (WHATWG URL normalizes IPv4 addresses). Does not use node:net, which takes
 * time to load.
 */
export const isAddress = (host: string): boolean => host.includes(':') || /^[0-9.]+$/.test(host);

/** The TLS server name; undefined for an IP address, which it must not be (RFC 6066, 3). */
export const serverNameOf = ({ tlsName }: Endpoint): string | undefined =>
	isAddress(tlsName) ? undefined : tlsName;
