import { type RequestOptions as HttpOptions, request as httpRequest } from 'node:http';
import { request as httpsRequest, type RequestOptions } from 'node:https';
import { err, ok, type Result } from '../contract/result.ts';
import { type NetworkError, networkErrorOf } from '../lib/http/network-errors.ts';
import { readResponse } from '../lib/http/response.ts';
import { ANSWER_LIMITS, parseJson } from '../lib/parse/json.ts';

/** One request; its body, if any, goes as JSON. */
export interface HttpCall {
	readonly method: string;
	readonly url: URL;
	readonly headers?: Readonly<Record<string, string>>;
	readonly body?: unknown;
	/** Trust and client certificate, and where to connect to if not where the URL says. */
	readonly options?: RequestOptions;
	/** Milliseconds for all of it, 15 s unless given. */
	readonly timeoutMs?: number;
}

/** Whatever the status, it is an answer. */
export interface HttpAnswer {
	readonly status: number;
	/** Decoded JSON; other text as it is, and undefined where there was none. */
	readonly body: unknown;
	readonly headers: Readonly<Record<string, string | readonly string[] | undefined>>;
}

/** Nothing that is asked for here is larger; a server that sends more is not what it should be. */
const BODY_LIMIT = 16 * 1024 * 1024;

/** Sends one request on a connection of its own. Redirects are answers: a token must not follow them. */
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
