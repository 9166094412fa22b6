import type { Request } from 'express';

/** Maximum length of the header `Cookie` that is read, in characters. Node’s own limit is for all headers. */
const MAX_COOKIES = 16_384;

/**
 * The value of a cookie; undefined if the request has none, or several of that name: then somebody may have
 * put one beside ours.
 */
export function cookieOf(request: Pick<Request, 'headers'>, name: string): string | undefined {
	const header = request.headers.cookie;
	if (header === undefined || header.length > MAX_COOKIES) return undefined;
	const values = header.split(';').flatMap((pair) => {
		const at = pair.indexOf('=');
		return at > 0 && pair.slice(0, at).trim() === name ? [pair.slice(at + 1).trim()] : [];
	});
	return values.length === 1 ? values[0] : undefined;
}

/** The path to go to after the login: one of the dashboard's pages, whatever was asked for. */
export function returnPath(asked: unknown): string {
	// A second slash or a backslash would name another host.
	return typeof asked === 'string' && /^\/ui\/(?![/\\])[\x21-\x5b\x5d-\x7e]{0,2000}$/.test(asked)
		? asked
		: '/ui/';
}
