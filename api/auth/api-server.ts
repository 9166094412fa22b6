import { type RequestOptions, request } from 'node:https';
import type { KubeConfig } from '@kubernetes/client-node';
import { readResponse } from '../../lib/http/response.ts';
import { ANSWER_LIMITS, parseJson } from '../../lib/parse/json.ts';

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
 * Creates an object at the API server of `config` and returns it as the server completed it. Rejects with an
 * error whose `code` is the status or the network's code. Reads tokens from files again for each call,
 * because the kubelet replaces them.
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
	const signal = AbortSignal.timeout(TIMEOUT);
	const sent = request(new URL(server + path), { ...options, method: 'POST', headers, signal });
	const { status, text } = await readResponse(sent, body, () => new ApiServerFailure('too large'));
	if (status !== 200 && status !== 201) throw new ApiServerFailure(String(status));
	const parsed = parseJson(Buffer.from(text), ANSWER_LIMITS);
	if (!parsed.ok) throw new ApiServerFailure('no JSON');
	return parsed.value;
}
