import { isUtf8 } from 'node:buffer';
import { ANSWER_LIMITS, parseJson } from '../lib/parse/json.ts';
import { type Obstacle, UNREACHABLE } from './advice.ts';
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

type Healing = readonly [words: string, obstacle: Obstacle];

/** Statuses below 500 that heal, and what they mean (Vault's HTTP API; 412 and 473 are Vault Enterprise's). */
const HEALING: Readonly<Record<number, Healing>> = {
	408: ['is too slow', 'slow'],
	412: ['has not caught up with its cluster yet', 'standby'],
	425: ['asks to try later', 'slow'],
	429: ['asks for fewer requests', 'busy'],
	472: ['is the standby of a disaster-recovery pair', 'standby'],
	473: ['is a standby', 'standby'],
};

/** Vault's answer with status 400 while a KV mount becomes version 2, for seconds or, with many secrets, minutes (KV v2 documentation). */
const UPGRADING = /upgrading from non-versioned to versioned/i;

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
	// A decoder would put replacement characters where bytes are wrong, and so change a value.
	const parsed = isUtf8(body) ? parseJson(body, ANSWER_LIMITS) : undefined;
	return parsed?.ok ? parsed.value : undefined;
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
			`${at} is a standby that cannot pass requests on now but redirects them${to}; ${never}`,
			{
				heals: true,
				cure:
					'let standbys reach the cluster port of the active node (8201 unless set), or point ENVTIER_VAULT_ADDR at a ' +
					'name that leads to the active node',
			},
		);
	return new Failure('bad-answer', `${at} answers with a redirect (${status})${to}; ${never}`, {
		cure: 'point ENVTIER_VAULT_ADDR at Vault itself, where a standby forwards requests instead of redirecting them',
	});
}

/** What Vault has to do with an answer from 500 upwards, which names the path: one key alone may be the cause. */
function serverError(answer: Answer, at: string, path: string, quote: string): readonly [string, string] {
	const where = `${at} has an error (${answer.status}${quote}) at ${quoted(path)}`;
	return [where, quote === '' ? UNREACHABLE.proxy : `look for ${quoted(path)} in Vault’s log`];
}

function trouble(answer: Answer, at: string, path: string): Failure {
	const { status } = answer;
	const said = saidIn(answer);
	// A date means what the server's clock makes of it: this one may be wrong.
	const clock = Date.parse(answer.date ?? '');
	const quiet = retryAfter(answer.retryAfter, Number.isNaN(clock) ? Date.now() : clock);
	const options = { heals: true, ...(quiet === undefined ? {} : { retryAfter: quiet }) };
	if (status === 503 && said.some((text) => /sealed|not (?:yet )?initialized/i.test(text)))
		return new Failure('sealed', `${at} is sealed or not initialized`, options);
	const quote = said.length > 0 ? `: ${said.join('; ')}` : '';
	const healing = HEALING[status];
	if (healing !== undefined) {
		const [words, obstacle] = healing;
		const sentence = `${at} ${words} (${status}${quote})`;
		return new Failure('unreachable', sentence, { ...options, cure: UNREACHABLE[obstacle] });
	}
	if (status === 400)
		return new Failure('unreachable', `${at} is upgrading the KV mount of ${quoted(path)} (400${quote})`, {
			...options,
			cure: 'wait until Vault has upgraded the mount: the pod then starts by itself',
		});
	const [sentence, cure] = serverError(answer, at, path, quote);
	return new Failure('unreachable', sentence, { ...options, cure, path });
}

function saidIn(answer: Answer): readonly string[] {
	return errorsOf(object(parse(answer.body)) ?? {});
}

/** Whether the same request may succeed later. */
function healing(answer: Answer): boolean {
	const { status } = answer;
	const says = (pattern: RegExp): boolean => saidIn(answer).some((text) => pattern.test(text));
	if (status === 400) return says(UPGRADING);
	return HEALING[status] !== undefined || (status >= 500 && !STAYING.some(says));
}

/**
 * Tells what Vault says from what something else in its place says, and what heals from what stays.
 *
 * @param path of the request, which begins with "/v1/"
 * @throws Failure unless Vault itself gave an answer that stays
 */
export function readAnswer(answer: Answer, address: string, path: string): VaultAnswer {
	const { status } = answer;
	const at = `Vault at ${address}`;
	if (status >= 300 && status < 400) throw redirect(answer, at, path);
	const asked = path.replace(/^\/v1\//, '');
	if (healing(answer)) throw trouble(answer, at, asked);
	if (answer.body.length === 0 && status < 300) return { status, body: {} };
	const body = object(parse(answer.body));
	if (body !== undefined) return { status, body };
	const { contentType } = answer;
	const what = `${at} answers ${quoted(asked)} with ${status}`;
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
