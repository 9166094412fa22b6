/**
 * Options of Bun's `fetch` beyond the standard, as far as the fetcher uses them (Bun's documentation,
 * "Fetch").
 */
export interface BunRequestInit extends RequestInit {
	/**
	 * The default is HTTP/1.1. With `http2` a server without HTTP/2 causes an `EPROTO` error: Bun does not fall
	 * back.
	 */
	readonly protocol?: 'http2' | 'http1.1';
	/** False: the body is given as it came, whatever its content encoding. */
	readonly decompress?: boolean;
	readonly session: BunSession;
}

/**
 * Settings and connections that several requests share (`Bun.FetchSession`). Bun reads the certificates once
 * for all of them.
 */
export type BunSession = object;

/** What a session takes, as far as the fetcher uses it. */
export interface BunSessionInit {
	readonly tls?: BunTls;
	/** Address of an HTTP proxy. With one Bun speaks HTTP/1.1 alone. */
	readonly proxy?: string;
}

/** The one class of Bun that Node lacks. */
declare const Bun: { readonly FetchSession: new (init: BunSessionInit) => BunSession };

/** Opens a session, whose connections no other session uses. */
export const openSession = (init: BunSessionInit): BunSession => new Bun.FetchSession(init);

/** How Bun checks a server. */
export interface BunTls {
	/** PEM texts. They replace Bun's own roots. */
	readonly ca: string | readonly string[];
	readonly rejectUnauthorized: boolean;
	readonly minVersion: number;
	/** Name for the server name indication, and to compare the certificate with; the URL's host unless given. */
	readonly serverName?: string;
}

/** The number of TLS 1.2 in its handshake (RFC 5246, A.1). Bun's `fetch` takes the number, not a name. */
export const TLS_1_2 = 0x0303;

/** Bun's `fetch`; on Node the same function ignores what it does not know. */
export const bunFetch = fetch as (url: string, init: BunRequestInit) => Promise<Response>;

/** Names of environment variables by which Bun's `fetch` would choose a proxy, or not (as curl has them). */
const PROXY_VARIABLES = ['HTTP_PROXY', 'HTTPS_PROXY', 'ALL_PROXY', 'NO_PROXY'];

/**
 * Removes the variables that Bun's `fetch` reads at each call: only `ENVTIER_*` variables control the
 * fetcher. Variables that Bun reads at its start are disabled when the executable is built (build.ts).
 */
export function forgetProxies(env: Record<string, string | undefined>): void {
	for (const name of PROXY_VARIABLES) {
		delete env[name];
		delete env[name.toLowerCase()];
	}
}
