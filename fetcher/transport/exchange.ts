/** One request to Vault. */
export interface Request {
	readonly method: string;
	/** From `/v1` on. */
	readonly path: string;
	readonly headers: Readonly<Record<string, string>>;
	readonly body: Buffer | undefined;
}

/** One complete answer. */
export interface Answer {
	readonly status: number;
	readonly contentType: string;
	readonly retryAfter: string | undefined;
	/** The server's clock. */
	readonly date: string | undefined;
	readonly location: string | undefined;
	readonly body: Buffer;
}

/**
 * More than ten thousand names, or the largest entry that Vault stores (1 MiB unless set otherwise) with every byte of it escaped, take; and
 * little enough for a container of 128 MiB.
 */
export const BODY_LIMIT = 8 * 1024 * 1024;
