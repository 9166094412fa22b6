import { request } from 'node:https';
import { type BoundedResponse, readResponse } from '../../lib/http/response.ts';
import { ANSWER_LIMITS, parseJson } from '../../lib/parse/json.ts';

/**
 * A `fetch` of JSON that trusts the given CA, which Node's own does not support. Follows no redirects: the
 * keys of an issuer must come from the issuer.
 */
export function fetchOver(
	ca: string | undefined,
	timeout: number,
): (url: string, init?: { signal?: AbortSignal | null }) => Promise<Response> {
	return async (url, init) => {
		const { status, text } = await get(new URL(url), ca, timeout, init?.signal ?? undefined);
		return new Response(text, { status, headers: { 'content-type': 'application/json' } });
	};
}

/** Returns the JSON at a URL. Rejects for any status but 200, and after `timeout` ms. */
export async function getJson(url: URL, ca: string | undefined, timeout: number): Promise<unknown> {
	const { status, text } = await get(url, ca, timeout, undefined);
	if (status !== 200) throw new Error(`${url.host} answered HTTP ${status}`);
	const parsed = parseJson(Buffer.from(text), ANSWER_LIMITS);
	if (!parsed.ok) throw new Error(`the answer of ${url.host} ${parsed.error}`);
	return parsed.value;
}

function get(
	url: URL,
	ca: string | undefined,
	timeout: number,
	signal: AbortSignal | undefined,
): Promise<BoundedResponse> {
	const ends = AbortSignal.timeout(timeout);
	const options = {
		headers: { accept: 'application/json' },
		signal: signal === undefined ? ends : AbortSignal.any([signal, ends]),
		...(ca === undefined ? {} : { ca }),
	};
	const tooLarge = (limit: number): Error => new Error(`${url.host} sent more than ${limit} bytes`);
	return readResponse(request(url, options), undefined, tooLarge);
}
