/** Limits on clients of an HTTP server before authentication. All times are in milliseconds. */
export interface ServerLimits {
	/** Time for the TLS handshake. */
	readonly handshakeTimeout: number;
	/** Time for the headers of a request. */
	readonly headersTimeout: number;
	/** Time for headers and body of a request. */
	readonly requestTimeout: number;
	/** Time between two requests on one connection. */
	readonly keepAliveTimeout: number;
	/** How often Node checks `headersTimeout` and `requestTimeout`. */
	readonly connectionsCheckingInterval: number;
	/** Connections at a time. Beyond them the one that has been silent longest is closed. */
	readonly connections: number;
}

/**
 * The default limits. Node's own defaults allow 120 s for a handshake, 60 s for headers, 300 s for a request,
 * and any number of connections. A silent TLS connection costs about 60 KB.
 */
export const SERVER_LIMITS: ServerLimits = {
	handshakeTimeout: 10_000,
	headersTimeout: 10_000,
	requestTimeout: 30_000,
	keepAliveTimeout: 65_000,
	connectionsCheckingInterval: 5_000,
	connections: 1000,
};
