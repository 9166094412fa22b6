import type { IncomingHttpHeaders } from 'node:http';
import { ok, type Result } from '../../contract/result.ts';
import { type Problem, refuse } from '../problem.ts';

/** The header that only the dashboard's own requests have. Other origins need our consent to send it. */
export const CLIENT_HEADER = 'envtier-client';
export const CLIENT = 'dashboard';

const FOREIGN = 'this request does not come from the dashboard itself: a session cookie counts only there';

/**
 * Refuses a request that carries a cookie, unless the dashboard's own page has sent it. Browsers set `Origin`
 * and `Sec-Fetch-Site`, and pages cannot change them. Browsers leave `Origin` out of a GET of the same origin
 * only (Fetch, section 3.2), so a GET may lack it; it never may have another one.
 *
 * @param origin the origin of the dashboard, such as https://secrets.example.com
 */
export function checkSameOrigin(
	{ method, headers }: { readonly method: string; readonly headers: IncomingHttpHeaders },
	origin: string,
): Result<void, Problem> {
	const reading = method === 'GET' || method === 'HEAD';
	const sameOrigin = headers.origin === undefined ? reading : headers.origin === origin;
	const own = headers['sec-fetch-site'] === 'same-origin' && headers[CLIENT_HEADER] === CLIENT;
	return sameOrigin && own ? ok(undefined) : refuse(403, FOREIGN);
}
