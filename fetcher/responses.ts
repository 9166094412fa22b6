import { isUtf8 } from 'node:buffer';
import { type Json, object } from '../lib/json.ts';
import { ANSWER_LIMITS, parseJson } from '../lib/parse/json.ts';
import { type Obstacle, UNREACHABLE } from './advice.ts';
import { Failure } from './failure.ts';
import { printable, quoted } from './text.ts';
import type { HttpResponse } from './transport/types.ts';

/** A final response of Vault itself: not retryable, with a JSON body. */
export interface VaultResponse {
	readonly status: number;
	readonly body: Json;
}

/** The error messages in a response of Vault, safe to print. */
export function errorsOf(body: Json): readonly string[] {
	const errors: unknown = body['errors'];
	const texts = Array.isArray(errors) ? errors.filter((error) => typeof error === 'string') : [];
	// OpenBao wraps one error in a list of one: "1 error occurred:\n\t* permission denied\n\n".
	return texts.map((text) => printable(text.replace(/^1 error occurred:\s*\* /, '')));
}

type RetryableStatus = readonly [text: string, obstacle: Obstacle];

/** Retryable statuses below 500 and their meaning (Vault's HTTP API; 412 and 473 are Vault Enterprise's). */
const RETRYABLE: Readonly<Record<number, RetryableStatus>> = {
	408: ['is too slow', 'slow'],
	412: ['has not caught up with its cluster yet', 'standby'],
	425: ['asks to try later', 'slow'],
	429: ['asks for fewer requests', 'busy'],
	472: ['is the standby of a disaster-recovery pair', 'standby'],
	473: ['is a standby', 'standby'],
};

/**
 * Vault responds 400 while it upgrades a KV mount to version 2. The upgrade takes seconds, or minutes with
 * many secrets (KV v2 documentation).
 */
const UPGRADING = /upgrading from non-versioned to versioned/i;

/**
 * The error of the kubernetes and jwt methods for a token of another issuer: `claim "iss" is invalid` (status
 * 500, up to Vault 1.8), `invalid issuer (iss) claim` (status 500, 400 or 403, since then).
 */
export const WRONG_ISSUER = /claim "iss" is invalid|issuer \(iss\) claim/i;

/** Errors with a status of 500 or more that are not retryable. */
const NOT_RETRYABLE: readonly RegExp[] = [WRONG_ISSUER];

/** Maximum of Retry-After, in ms. */
const MAX_RETRY_AFTER = 86_400_000;

/** Retry-After (RFC 9110, 10.2.3) in milliseconds: seconds, or a date. */
export function retryAfter(header: string | undefined, now: number): number | undefined {
	if (header === undefined) return undefined;
	const ms = /^[0-9]+$/.test(header.trim()) ? Number(header) * 1000 : Date.parse(header) - now;
	return Number.isNaN(ms) ? undefined : Math.min(MAX_RETRY_AFTER, Math.max(0, ms));
}

/** Parses JSON; undefined if it is invalid. V8's error is dropped because it quotes the text. */
function parse(body: Buffer): unknown {
	// A decoder would replace invalid bytes by replacement characters, and so change a value.
	const parsed = isUtf8(body) ? parseJson(body, ANSWER_LIMITS) : undefined;
	return parsed?.ok ? parsed.value : undefined;
}

function redirect(response: HttpResponse, at: string, path: string): Failure {
	const { status } = response;
	const location = response.header('location') ?? '';
	const target = URL.canParse(location) ? new URL(location) : undefined;
	const to = target === undefined ? '' : ` to ${printable(target.origin)}`;
	const never = 'Envtier follows none, so that its token goes nowhere else';
	// A standby that does not reach the active node. During an election it names the previous active node for
	// seconds.
	if (status === 307 && target?.pathname === path)
		return new Failure(
			'unreachable',
			`${at} is a standby that cannot pass requests on now but redirects them${to}; ${never}`,
			{
				retryable: true,
				cure:
					'let standbys reach the cluster port of the active node (8201 unless set), or point ENVTIER_VAULT_ADDR at a ' +
					'name that leads to the active node',
			},
		);
	return new Failure('bad-answer', `${at} answers with a redirect (${status})${to}; ${never}`, {
		cure: 'point ENVTIER_VAULT_ADDR at Vault itself, where a standby forwards requests instead of redirecting them',
	});
}

/**
 * Message and advice for a status of 500 or more. They name the path, because a single key may be the cause.
 */
function serverError(
	response: HttpResponse,
	at: string,
	path: string,
	quote: string,
): readonly [string, string] {
	const where = `${at} has an error (${response.status}${quote}) at ${quoted(path)}`;
	return [where, quote === '' ? UNREACHABLE.proxy : `look for ${quoted(path)} in Vault’s log`];
}

function retryableFailure(response: HttpResponse, at: string, path: string): Failure {
	const { status } = response;
	const errors = errorsIn(response);
	// A date in Retry-After is relative to the server's clock; ours may differ.
	const clock = Date.parse(response.header('date') ?? '');
	const delay = retryAfter(response.header('retry-after'), Number.isNaN(clock) ? Date.now() : clock);
	const options = { retryable: true, ...(delay === undefined ? {} : { retryAfter: delay }) };
	if (status === 503 && errors.some((text) => /sealed|not (?:yet )?initialized/i.test(text)))
		return new Failure('sealed', `${at} is sealed or not initialized`, options);
	const quote = errors.length > 0 ? `: ${errors.join('; ')}` : '';
	const meaning = RETRYABLE[status];
	if (meaning !== undefined) {
		const [text, obstacle] = meaning;
		const sentence = `${at} ${text} (${status}${quote})`;
		return new Failure('unreachable', sentence, { ...options, cure: UNREACHABLE[obstacle] });
	}
	if (status === 400)
		return new Failure('unreachable', `${at} is upgrading the KV mount of ${quoted(path)} (400${quote})`, {
			...options,
			cure: 'wait until Vault has upgraded the mount: the pod then starts by itself',
		});
	const [sentence, cure] = serverError(response, at, path, quote);
	return new Failure('unreachable', sentence, { ...options, cure, path });
}

function errorsIn(response: HttpResponse): readonly string[] {
	return errorsOf(object(parse(response.body)) ?? {});
}

/** True when the same request may succeed later. */
function isRetryable(response: HttpResponse): boolean {
	const { status } = response;
	const hasError = (pattern: RegExp): boolean => errorsIn(response).some((text) => pattern.test(text));
	if (status === 400) return hasError(UPGRADING);
	return RETRYABLE[status] !== undefined || (status >= 500 && !NOT_RETRYABLE.some(hasError));
}

/**
 * Reads a response. Rejects a retryable response, and a response that does not come from Vault.
 *
 * @param path the path of the request; it begins with "/v1/"
 * @throws Failure for a retryable response and for one that is not Vault's
 */
export function readResponse(response: HttpResponse, address: string, path: string): VaultResponse {
	const { status } = response;
	const at = `Vault at ${address}`;
	if (status >= 300 && status < 400) throw redirect(response, at, path);
	const apiPath = path.replace(/^\/v1\//, '');
	if (isRetryable(response)) throw retryableFailure(response, at, apiPath);
	if (response.body.length === 0 && status < 300) return { status, body: {} };
	const body = object(parse(response.body));
	if (body !== undefined) return { status, body };
	const contentType = response.header('content-type') ?? '';
	const what = `${at} answers ${quoted(apiPath)} with ${status}`;
	if (/^application\/json\b/i.test(contentType))
		throw new Failure('bad-answer', `${what} and JSON that is cut off or malformed`, { retryable: true });
	const type = contentType === '' ? 'something without a content type' : printable(contentType, 60);
	throw new Failure('bad-answer', `${what} and ${type} instead of JSON: is it Vault that answers there?`);
}

/** The failure for a status that the fetcher does not expect. It is not retryable. */
export function unexpectedResponse(response: VaultResponse, address: string, path: string): Failure {
	const errors = [...errorsOf(response.body), ...warningsOf(response.body)];
	const quote = errors.length > 0 ? `: ${errors.join('; ')}` : '';
	return new Failure(
		'bad-answer',
		`Vault at ${address} answers ${quoted(path)} with ${response.status}${quote}`,
	);
}

function warningsOf(body: Json): readonly string[] {
	const warnings: unknown = body['warnings'];
	const texts = Array.isArray(warnings) ? warnings.filter((warning) => typeof warning === 'string') : [];
	return texts.map((text) => printable(text));
}

/**
 * True for a 404 that means a missing secret. Vault then sends an empty list of errors, or KV v2's metadata
 * of a deleted or destroyed version. Any other 404 means a wrong mount, namespace or KV version.
 */
export function isNotFound({ status, body }: VaultResponse): boolean {
	if (status !== 404) return false;
	const errors: unknown = body['errors'];
	if (Array.isArray(errors)) return errors.length === 0;
	return object(object(body['data'])?.['metadata']) !== undefined;
}
