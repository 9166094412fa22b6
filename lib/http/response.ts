import type { ClientRequest, IncomingHttpHeaders } from 'node:http';

/** Default limit of a response's body, in bytes. An issuer's keys or a review of an API server fit in. */
const LIMIT = 1024 * 1024;

/** A response that was read completely. */
export interface BoundedResponse {
	readonly status: number;
	readonly headers: IncomingHttpHeaders;
	/** The body as UTF-8 text; empty when there was none. */
	readonly text: string;
	/** The same as bytes, which need not be UTF-8. */
	readonly body: Buffer;
}

/**
 * Sends a request with `body` and reads its response. Rejects with the error of the connection, with
 * `ECONNRESET` when the connection ends inside the body, and with the error that `tooLarge` makes when the
 * body is larger than `limit` bytes.
 */
export function readResponse(
	request: ClientRequest,
	body: Buffer | undefined,
	tooLarge: (limit: number) => Error,
	limit = LIMIT,
): Promise<BoundedResponse> {
	return new Promise((resolve, reject) => {
		request.on('error', reject);
		request.on('response', (response) => {
			const chunks: Buffer[] = [];
			let size = 0;
			response.on('error', reject);
			response.on('data', (chunk: Buffer) => {
				chunks.push(chunk);
				size += chunk.length;
				if (size > limit) request.destroy(tooLarge(limit));
			});
			response.on('end', () => {
				const bytes = Buffer.concat(chunks);
				const { statusCode: status = 0, headers } = response;
				resolve({
					status,
					headers,
					body: bytes,
					// Large JSON is parsed from the bytes, and then nobody needs the text.
					get text() {
						return bytes.toString('utf8');
					},
				});
			});
			response.on('close', () => reject(Object.assign(new Error('cut off'), { code: 'ECONNRESET' })));
		});
		request.end(body);
	});
}
