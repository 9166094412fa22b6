import type { NetworkError } from '../http/network-errors.ts';

/** A Vault or OpenBao server, and how to reach it. */
export interface VaultEndpoint {
	/** `https://host[:port][/path]`, as `parseVaultAddress` returns it. */
	readonly address: string;
	/** PEM text of the trusted CAs; undefined: the system's roots. */
	readonly ca: string | undefined;
	/** TLS server name, and the name that the certificate must have; undefined: the host of the address. */
	readonly tlsName: string | undefined;
	readonly namespace: string | undefined;
	/** Timeout of one attempt in ms, from the connection to the last byte. */
	readonly timeout: number;
	/** The address to connect to instead of the URL's host. The certificate must still be for the URL's host. */
	readonly via?: { readonly host: string; readonly port: number } | undefined;
}

/** The method of a request to Vault; a list is a GET with a query. */
export type Method = 'GET' | 'POST' | 'PATCH' | 'DELETE';

/** A response of Vault, whatever its status. */
export interface VaultResponse {
	readonly method: Method;
	/** The path of the request, without `/v1/` and without its query. */
	readonly path: string;
	readonly status: number;
	/**
	 * The decoded body; undefined if it is empty, no JSON, or JSON with more names and values than
	 * `ANSWER_LIMITS`.
	 */
	readonly json: unknown;
	/** The server's clock, in ms since 1970 (RFC 9110, Date). */
	readonly date?: number;
	/** The state of the storage after a write (`X-Vault-Index`), where nodes other than the active one read. */
	readonly index?: string;
}

/**
 * Why a request got no response. The message finishes the sentence "HOST …". It holds no token and no
 * body.
 */
export type VaultFailure =
	| NetworkError
	/** The body is larger than the limit. */
	| { readonly kind: 'too-large'; readonly code: string; readonly message: string };
