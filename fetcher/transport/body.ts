import { tooLarge } from './network-errors.ts';
import { BODY_LIMIT } from './types.ts';

/**
 * Reads the whole body of a response.
 *
 * @throws Failure (bad-answer) if the body has more than `BODY_LIMIT` bytes. Does not read the rest.
 */
export async function readBody(response: Response, address: string): Promise<Buffer> {
	// If Content-Length is below the limit, a read in one piece takes half as much CPU time. Bun reads no more
	// bytes than that.
	const contentLength = Number(response.headers.get('content-length') ?? Number.NaN);
	if (contentLength <= BODY_LIMIT) return Buffer.from(await response.arrayBuffer());
	if (response.body === null) return Buffer.alloc(0);
	const chunks: Uint8Array[] = [];
	let size = 0;
	for await (const chunk of response.body) {
		size += chunk.length;
		if (size > BODY_LIMIT) throw tooLarge(address, BODY_LIMIT);
		chunks.push(chunk);
	}
	const [only] = chunks;
	return chunks.length === 1 && only !== undefined
		? Buffer.from(only.buffer, only.byteOffset, only.byteLength)
		: Buffer.concat(chunks, size);
}
