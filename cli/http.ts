import { type RequestOptions as HttpOptions, request as httpRequest } from 'node:http';
import { request as httpsRequest, type RequestOptions } from 'node:https';
import { err, ok, type Result } from '../contract/result.ts';
import { type NetworkError, networkErrorOf } from '../lib/http/network-errors.ts';
import { readResponse } from '../lib/http/response.ts';
import { ANSWER_LIMITS, parseJson } from '../lib/parse/json.ts';

/** One request. Its body, if any, is sent as JSON. */
export interface HttpCall {
	readonly method: string;
	readonly url: URL;
	readonly headers?: Readonly<Record<string, string>>;
	readonly body?: unknown;
	/** CA, client certificate, and the address to connect to if it differs from the URL. */
	readonly options?: RequestOptions;
	/** Timeout of the whole request, in ms; 15 s by default. */
	readonly timeoutMs?: number;
}

/** A response of any status. */
export interface HttpAnswer {
	readonly status: number;
	/** Decoded JSON; any other text unchanged; undefined for an empty body. */
	readonly body: unknown;
	readonly headers: Readonly<Record<string, string | readonly string[] | undefined>>;
}

/** Maximum size of a body, in bytes. No response to the command is larger. */
const BODY_LIMIT = 16 * 1024 * 1024;

/** Sends one request on a new connection. Returns redirects as responses: a token must not follow them. */
export async function httpCall(call: HttpCall): Promise<Result<HttpAnswer, NetworkError>> {
	const { method, url, headers = {}, options = {}, timeoutMs = 15_000 } = call;
	const body = call.body === undefined ? undefined : Buffer.from(JSON.stringify(call.body));
	const all: RequestOptions & HttpOptions = {
		...options,
		method,
		headers: {
			accept: 'application/json',
			...(body === undefined ? {} : { 'content-type': 'application/json', 'content-length': body.length }),
			...options.headers,
			...headers,
		},
		signal: AbortSignal.timeout(timeoutMs),
	};
	const tooLarge = (limit: number): Error => new Error(`sends more than ${limit} bytes`);
	const outgoing = url.protocol === 'http:' ? httpRequest(url, all) : httpsRequest(url, all);
	try {
		const response = await readResponse(outgoing, body, tooLarge, BODY_LIMIT);
		return ok({ status: response.status, body: decoded(response.text), headers: response.headers });
	} catch (error) {
		return err(networkErrorOf(error, timeoutMs));
	}
}

function decoded(text: string): unknown {
	if (text === '') return undefined;
	const parsed = parseJson(Buffer.from(text), ANSWER_LIMITS);
	return parsed.ok ? parsed.value : text;
}
