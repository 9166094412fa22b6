import { type RequestOptions, request } from 'node:https';
import * as oidc from 'openid-client';
import { oneLineMessage } from '../terminal.ts';
import { networkErrorOf } from './network-errors.ts';
import { readResponse } from './response.ts';

/**
 * Why a request of openid-client failed: the issuer's own error code and sentence, or what the network did.
 * Never a token.
 */
export function issuerProblem(thrown: unknown, timeout: number): string {
	if (thrown instanceof oidc.ResponseBodyError) {
		const { error, error_description: description } = thrown;
		return oneLineMessage(description === undefined ? error : `${error}: ${description}`);
	}
	if (!(thrown instanceof Error)) return 'unknown error';
	const cause = thrown.cause instanceof Error && 'code' in thrown.cause ? thrown.cause : thrown;
	return 'code' in cause && /^E[A-Z]+$|CERT|TLS|SIGNATURE/.test(String(cause.code))
		? networkErrorOf(cause, timeout).message
		: oneLineMessage(thrown.message);
}

/**
 * A `fetch` for openid-client that trusts the given CA, which Node's own does not support. It follows no
 * redirects.
 *
 * @param ca PEM text; undefined: the system's roots
 * @param timeout of one request, in ms
 */
export function issuerFetch(ca: string | undefined, timeout: number): oidc.CustomFetch {
	return async (url, { method, headers, body }) => {
		const options: RequestOptions = {
			...{ method, headers, signal: AbortSignal.timeout(timeout) },
			...(ca === undefined ? {} : { ca }),
		};
		const bytes = body === undefined || body === null ? undefined : Buffer.from(String(body));
		const tooLarge = (limit: number): Error => new Error(`it sent more than ${limit} bytes`);
		const answer = await readResponse(request(url, options), bytes, tooLarge);
		const type = String(answer.headers['content-type'] ?? 'text/plain');
		// A Response of these statuses has no body.
		const text = [204, 205, 304].includes(answer.status) ? null : answer.text;
		return new Response(text, { status: answer.status, headers: { 'content-type': type } });
	};
}
