import type { ClientRequest } from 'node:http';

/** More than keys of an issuer or reviews of an API server come to. */
const LIMIT = 1024 * 1024;

/** One answer, read to its end. */
export interface BoundedResponse {
	readonly status: number;
	readonly text: string;
}

/**
 * Ends a request with `body` and reads its answer. Rejects with what goes wrong on the way, and with what `tooLarge` makes of an answer
 * of more than `limit` bytes.
 */
export function readResponse(
	sent: ClientRequest,
	body: Buffer | undefined,
	tooLarge: (limit: number) => Error,
	limit = LIMIT,
): Promise<BoundedResponse> {
	return new Promise((resolve, reject) => {
		sent.on('error', reject);
		sent.on('response', (answer) => {
			const chunks: Buffer[] = [];
			let size = 0;
			answer.on('error', reject);
			answer.on('data', (chunk: Buffer) => {
				chunks.push(chunk);
				size += chunk.length;
				if (size > limit) sent.destroy(tooLarge(limit));
			});
			answer.on('end', () =>
				resolve({ status: answer.statusCode ?? 0, text: Buffer.concat(chunks).toString('utf8') }),
			);
			// A connection that ends in the middle of a body.
			answer.on('close', () => reject(Object.assign(new Error('cut off'), { code: 'ECONNRESET' })));
		});
		sent.end(body);
	});
}
