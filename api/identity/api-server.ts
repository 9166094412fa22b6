import { type RequestOptions, request } from 'node:https';
import type { KubeConfig } from '@kubernetes/client-node';

/** No answer that is asked for here comes near. */
const LIMIT = 1024 * 1024;
/** Milliseconds for one call. */
const TIMEOUT = 5_000;

/** An API server that did not do what it was asked; the message holds nothing of what it was sent. */
class ApiServerFailure extends Error {
	override readonly name = 'ApiServerFailure';
	readonly code: string;

	constructor(code: string) {
		super(`the API server's answer: ${code}`);
		this.code = code;
	}
}

/**
 * Creates an object at the API server that `config` leads to, and gives the object as the server completed it. Rejects with an error
 * whose `code` is the status or that of the network. Tokens from files are read again for each call, for the kubelet replaces them.
 */
export async function createObject(config: KubeConfig, path: string, object: object): Promise<unknown> {
	const options: RequestOptions = {};
	await config.applyToHTTPSOptions(options);
	// A server may stand behind a path, as with some cluster managers.
	const server = config.getCurrentCluster()?.server.replace(/\/$/, '') ?? '';
	const body = Buffer.from(JSON.stringify(object));
	const headers = {
		...options.headers,
		accept: 'application/json',
		'content-type': 'application/json',
		'content-length': body.length,
	};
	const { status, text } = await post(new URL(server + path), { ...options, headers }, body);
	if (status !== 200 && status !== 201) throw new ApiServerFailure(String(status));
	return JSON.parse(text);
}

function post(url: URL, options: RequestOptions, body: Buffer): Promise<{ status: number; text: string }> {
	return new Promise((resolve, reject) => {
		const sent = request(url, { ...options, method: 'POST', signal: AbortSignal.timeout(TIMEOUT) });
		sent.on('error', reject);
		sent.on('response', (answer) => {
			const chunks: Buffer[] = [];
			let size = 0;
			answer.on('error', reject);
			answer.on('data', (chunk: Buffer) => {
				chunks.push(chunk);
				size += chunk.length;
				if (size > LIMIT) sent.destroy(new ApiServerFailure('too large'));
			});
			answer.on('end', () =>
				resolve({ status: answer.statusCode ?? 0, text: Buffer.concat(chunks).toString('utf8') }),
			);
		});
		sent.end(body);
	});
}
