import { type RequestOptions as HttpOptions, request as httpRequest } from 'node:http';
import { request as httpsRequest, type RequestOptions } from 'node:https';
import { err, ok, type Result } from '../contract/result.ts';
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

/** Why there was no answer. */
export interface HttpFailure {
	readonly kind: 'unreachable' | 'untrusted';
	/** Finishes "HOST …". */
	readonly message: string;
	/** Of `untrusted`: what the certificate lacks. */
	readonly lacks?: 'trusted-ca' | 'name' | 'time';
}

/** Nothing that is asked for here is larger; a server that sends more is not what it should be. */
const BODY_LIMIT = 16 * 1024 * 1024;

/** Sends one request on a connection of its own. Redirects are answers: a token must not follow them. */
export async function httpCall(call: HttpCall): Promise<Result<HttpAnswer, HttpFailure>> {
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
		return err(failureOf(error, timeoutMs));
	}
}

function decoded(text: string): unknown {
	if (text === '') return undefined;
	const parsed = parseJson(Buffer.from(text), ANSWER_LIMITS);
	return parsed.ok ? parsed.value : text;
}

const UNREACHABLE: Readonly<Record<string, string>> = {
	ECONNREFUSED: 'refuses the connection: nobody listens there',
	ECONNRESET: 'broke the connection off',
	ENOTFOUND: 'is no name that DNS knows here',
	EAI_AGAIN: 'cannot be looked up: DNS does not answer',
	ETIMEDOUT: 'does not answer',
	EHOSTUNREACH: 'cannot be reached from this network',
	ENETUNREACH: 'cannot be reached from this network',
	EPROTO: 'does not speak TLS as expected',
};

const OTHER_CA = ['shows a certificate of a CA that is not trusted', 'trusted-ca'] as const;
const UNTRUSTED: Readonly<Record<string, readonly [string, NonNullable<HttpFailure['lacks']>]>> = {
	CERT_HAS_EXPIRED: ['shows a certificate that has expired', 'time'],
	CERT_NOT_YET_VALID: ['shows a certificate that is not valid yet', 'time'],
	DEPTH_ZERO_SELF_SIGNED_CERT: ['shows a certificate that only itself vouches for', 'trusted-ca'],
	SELF_SIGNED_CERT_IN_CHAIN: OTHER_CA,
	UNABLE_TO_GET_ISSUER_CERT: OTHER_CA,
	UNABLE_TO_GET_ISSUER_CERT_LOCALLY: OTHER_CA,
	UNABLE_TO_VERIFY_LEAF_SIGNATURE: OTHER_CA,
	CERT_SIGNATURE_FAILURE: ['shows a certificate that its CA has not signed', 'trusted-ca'],
	ERR_TLS_CERT_ALTNAME_INVALID: ['shows a certificate that is not for this name', 'name'],
};

/** What an error of the network means. */
export function failureOf(error: unknown, timeoutMs: number): HttpFailure {
	if (!(error instanceof Error)) return { kind: 'unreachable', message: 'failed' };
	if (error.name === 'AbortError' || error.name === 'TimeoutError')
		return { kind: 'unreachable', message: `does not answer within ${timeoutMs / 1000} s` };
	const code = 'code' in error ? String(error.code) : '';
	const untrusted = UNTRUSTED[code];
	if (untrusted !== undefined) return { kind: 'untrusted', message: untrusted[0], lacks: untrusted[1] };
	return { kind: 'unreachable', message: UNREACHABLE[code] ?? (code || error.message) };
}
