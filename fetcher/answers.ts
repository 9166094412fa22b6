import { isUtf8 } from 'node:buffer';
import { Failure } from './failure.ts';
import { type Json, object } from './json.ts';
import { printable, quoted } from './text.ts';
import type { Answer } from './transport/exchange.ts';

/** An answer that Vault itself gave: a status that no retry changes, and its JSON. */
export interface VaultAnswer {
	readonly status: number;
	readonly body: Json;
}

/** Vault's sentences about an error, fit for a message. */
export function errorsOf(body: Json): readonly string[] {
	const errors: unknown = body['errors'];
	const texts = Array.isArray(errors) ? errors.filter((error) => typeof error === 'string') : [];
	// OpenBao wraps one error in a list of one: "1 error occurred:\n\t* permission denied\n\n".
	return texts.map((text) => printable(text.replace(/^1 error occurred:\s*\* /, '')));
}

/** Statuses below 500 that heal, and what they mean (Vault's HTTP API; 412 and 473 are Vault Enterprise's). */
const HEALING: Readonly<Record<number, string>> = {
	408: 'is too slow',
	412: 'has not caught up with its cluster yet',
	425: 'asks to try later',
	429: 'asks for fewer requests',
	472: 'is the standby of a disaster-recovery pair',
	473: 'is a standby',
};

/**
 * What the kubernetes and jwt methods say about a token of another issuer: `claim "iss" is invalid` (with status 500 up to Vault 1.8),
 * `invalid issuer (iss) claim` (with 500, 400 or 403 since).
 */
export const WRONG_ISSUER = /claim "iss" is invalid|issuer \(iss\) claim/i;

/** Sentences of answers from 500 upwards that no retry changes. */
const STAYING: readonly RegExp[] = [WRONG_ISSUER];

const LONGEST_QUIET = 86_400_000;

/** Retry-After (RFC 9110, 10.2.3) in milliseconds: seconds, or a date. */
export function retryAfter(header: string | undefined, now: number): number | undefined {
	if (header === undefined) return undefined;
	const ms = /^[0-9]+$/.test(header.trim()) ? Number(header) * 1000 : Date.parse(header) - now;
	return Number.isNaN(ms) ? undefined : Math.min(LONGEST_QUIET, Math.max(0, ms));
}

/** JSON, or undefined; what is wrong with it is not told, since V8 quotes the text in its error. */
function parse(body: Buffer): unknown {
	try {
		// A decoder would put replacement characters where bytes are wrong, and so change a value.
		return isUtf8(body) ? JSON.parse(body.toString()) : undefined;
	} catch {
		return undefined;
	}
}

function redirect(answer: Answer, at: string, path: string): Failure {
	const { status, location = '' } = answer;
	const target = URL.canParse(location) ? new URL(location) : undefined;
	const to = target === undefined ? '' : ` to ${printable(target.origin)}`;
	const never = 'Envtier follows none, so that its token goes nowhere else';
	// So answers a standby that does not reach the active node: while another one is chosen, it names the last one for seconds.
	if (status === 307 && target?.pathname === path)
		return new Failure(
			'unreachable',
			`${at} is a standby that cannot pass requests on now but redirects them${to}; ${never}: if this lasts, let standbys ` +
				'reach the cluster port of the active node, or point ENVTIER_VAULT_ADDR at a name that leads to the active node',
			{ heals: true },
		);
	return new Failure(
		'bad-answer',
		`${at} answers with a redirect (${status})${to}; ${never}: ` +
			'point ENVTIER_VAULT_ADDR at Vault itself, where a standby forwards requests instead of redirecting them',
	);
}

function trouble(answer: Answer, at: string): Failure {
	const { status } = answer;
	const said = saidIn(answer);
	// A date means what the server's clock makes of it: this one may be wrong.
	const clock = Date.parse(answer.date ?? '');
	const quiet = retryAfter(answer.retryAfter, Number.isNaN(clock) ? Date.now() : clock);
	const options = { heals: true, ...(quiet === undefined ? {} : { retryAfter: quiet }) };
	if (status === 503 && said.some((text) => /sealed|not (?:yet )?initialized/i.test(text)))
		return new Failure('sealed', `${at} is sealed or not initialized`, options);
	const words = HEALING[status] ?? 'has an error';
	const quote = said.length > 0 ? `: ${said.join('; ')}` : '';
	return new Failure('unreachable', `${at} ${words} (${status}${quote})`, options);
}

function saidIn(answer: Answer): readonly string[] {
	return errorsOf(object(parse(answer.body)) ?? {});
}

function stays(answer: Answer): boolean {
	return saidIn(answer).some((text) => STAYING.some((pattern) => pattern.test(text)));
}

/**
 * Tells what Vault says from what something else in its place says, and what heals from what stays.
 *
 * @param path of the request, for messages
 * @throws Failure unless Vault itself gave an answer that stays
 */
export function readAnswer(answer: Answer, address: string, path: string): VaultAnswer {
	const { status } = answer;
	const at = `Vault at ${address}`;
	if (status >= 300 && status < 400) throw redirect(answer, at, path);
	if ((status >= 500 && !stays(answer)) || HEALING[status] !== undefined) throw trouble(answer, at);
	if (answer.body.length === 0 && status < 300) return { status, body: {} };
	const body = object(parse(answer.body));
	if (body !== undefined) return { status, body };
	const { contentType } = answer;
	const what = `${at} answers ${quoted(path)} with ${status}`;
	if (/^application\/json\b/i.test(contentType))
		throw new Failure('bad-answer', `${what} and JSON that is cut off or malformed`, { heals: true });
	const type = contentType === '' ? 'something without a content type' : printable(contentType, 60);
	throw new Failure('bad-answer', `${what} and ${type} instead of JSON: is it Vault that answers there?`);
}

/** Vault's answer to a question that it does not understand, which no retry changes. */
export function notUnderstood(answer: VaultAnswer, address: string, path: string): Failure {
	const said = [...errorsOf(answer.body), ...warningsOf(answer.body)];
	const quote = said.length > 0 ? `: ${said.join('; ')}` : '';
	return new Failure(
		'bad-answer',
		`Vault at ${address} answers ${quoted(path)} with ${answer.status}${quote}`,
	);
}

function warningsOf(body: Json): readonly string[] {
	const warnings: unknown = body['warnings'];
	const texts = Array.isArray(warnings) ? warnings.filter((warning) => typeof warning === 'string') : [];
	return texts.map((text) => printable(text));
}

/**
 * Whether a 404 means "nothing there" rather than "no such mount", "no such namespace" or "wrong KV version": Vault then gives
 * an empty list of errors, or KV v2's metadata of a version that is deleted or destroyed.
 */
export function saysNothingThere({ status, body }: VaultAnswer): boolean {
	if (status !== 404) return false;
	const errors: unknown = body['errors'];
	if (Array.isArray(errors)) return errors.length === 0;
	return object(object(body['data'])?.['metadata']) !== undefined;
}
