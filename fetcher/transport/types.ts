/** One HTTP request to Vault. */
export interface HttpRequest {
	readonly method: string;
	/** The path, which begins with `/v1`. */
	readonly path: string;
	readonly headers: Readonly<Record<string, string>>;
	readonly body: string | undefined;
}

/** One complete HTTP response. */
export interface HttpResponse {
	readonly status: number;
	/** Returns the value of a header field. The name is in lower case. */
	readonly header: (name: string) => string | undefined;
	readonly body: Buffer;
}

/**
 * Maximum size of a body, in bytes. A list of 10,000 names fits, and so does Vault's largest entry (1 MiB by
 * default) with every byte escaped. It is small enough for a container with 128 MiB.
 */
export const BODY_LIMIT = 8 * 1024 * 1024;
