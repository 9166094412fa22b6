/** Non-standard options of Bun's `fetch` that the fetcher uses (Bun's documentation, "Fetch"). */
export interface BunRequestInit extends RequestInit {
	/**
	 * The default is HTTP/1.1. With `http2` a server without HTTP/2 causes an `EPROTO` error: Bun does not fall
	 * back.
	 */
	readonly protocol?: 'http2' | 'http1.1';
	/** False: the body is not decompressed. */
	readonly decompress?: boolean;
	readonly session: BunSession;
}

/**
 * Settings and connections that several requests share (`Bun.FetchSession`). Bun reads the certificates once
 * for all of them.
 */
export interface BunSession {
	/** Closes its connections. */
	close(): void;
}

/** Options of a session that the fetcher uses. */
export interface BunSessionInit {
	readonly tls?: BunTls;
	/** Address of an HTTP proxy. Bun then uses HTTP/1.1 only. */
	readonly proxy?: string;
}

/** The global of Bun. Node does not have it. */
declare const Bun: { readonly FetchSession: new (init: BunSessionInit) => BunSession };

/** Opens a session. Sessions do not share connections. */
export const openSession = (init: BunSessionInit): BunSession => new Bun.FetchSession(init);

/** TLS options of Bun. */
export interface BunTls {
	/** PEM texts. They replace Bun's own roots. */
	readonly ca: string | readonly string[];
	readonly rejectUnauthorized: boolean;
	readonly minVersion: number;
	/** Name for the server name indication and the certificate. The default is the URL's host. */
	readonly serverName?: string;
}

/** The protocol version of TLS 1.2 (RFC 5246, A.1). Bun's `fetch` expects the number, not a name. */
export const TLS_1_2 = 0x0303;

/** Bun's `fetch`. On Node, `fetch` ignores the non-standard options. */
export const bunFetch = fetch as (url: string, init: BunRequestInit) => Promise<Response>;

/** Environment variables that control the proxy of Bun's `fetch`, as they do for curl. */
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
