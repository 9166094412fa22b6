import { err, ok, type Result } from '../../contract/result.ts';
import type { ParseLimits } from './limits.ts';

/** Limits for JSON from outside. JSON.parse and a schema need about 30 ms for 20,000 names and values. */
const JSON_LIMITS: Omit<ParseLimits, 'bytes'> = { tokens: 20_000, depth: 100 };

/**
 * Limits for responses of Vault, an API server or the secrets API. Their lists are longer than any request
 * body.
 */
export const ANSWER_LIMITS: Omit<ParseLimits, 'bytes'> = { tokens: 200_000, depth: 100 };

const QUOTE = 0x22;
const BACKSLASH = 0x5c;

/** A number for each byte; 0 for bytes that `values` does not name. */
function table(values: Readonly<Record<string, number>>): Int8Array {
	const numbers = new Int8Array(256);
	for (const [character, value] of Object.entries(values)) numbers[character.charCodeAt(0)] = value;
	return numbers;
}

const TOKENS = table({ '[': 1, '{': 1, ',': 1, ':': 1 });
const LEVELS = table({ '[': 1, '{': 1, ']': -1, '}': -1 });

/**
 * Parses JSON after one pass over its bytes that counts names and values. The time is proportional to the
 * length. The error completes the sentence "the body …" and quotes nothing of the text.
 *
 * @param bytes UTF-8; other bytes become replacement characters
 */
export function parseJson(bytes: Buffer, limits: Omit<ParseLimits, 'bytes'> = JSON_LIMITS): Result<unknown> {
	const problem = exceeded(bytes, limits);
	if (problem !== undefined) return err(problem);
	try {
		// A byte order mark is not part of JSON, but some editors and shells write one (RFC 8259, 8.1 allows to
		// ignore it).
		const text = bytes.toString('utf8');
		return ok(JSON.parse(text.startsWith('\ufeff') ? text.slice(1) : text));
	} catch {
		// The error of V8 quotes the text.
		return err('is not JSON');
	}
}

function exceeded(bytes: Buffer, limits: Omit<ParseLimits, 'bytes'>): string | undefined {
	if (bytes.length <= limits.tokens && opensAtMost(bytes, limits.depth)) return undefined;
	let tokens = 0;
	let depth = 0;
	for (let at = 0; at < bytes.length; at += 1) {
		const byte = bytes[at] ?? 0;
		if (byte === QUOTE) at = endOfString(bytes, at);
		tokens += TOKENS[byte] ?? 0;
		depth += LEVELS[byte] ?? 0;
		if (depth > limits.depth) return `is nested deeper than ${limits.depth} levels`;
		if (tokens > limits.tokens) return `has more than ${limits.tokens} names and values`;
	}
	return undefined;
}

/**
 * True when the text has at most `most` opening brackets, so that it cannot be nested deeper than that. A
 * response of Vault has about four.
 */
function opensAtMost(bytes: Buffer, most: number): boolean {
	let remaining = most;
	for (const bracket of [0x5b, 0x7b]) {
		for (let at = bytes.indexOf(bracket); at !== -1; at = bytes.indexOf(bracket, at + 1)) {
			remaining -= 1;
			if (remaining < 0) return false;
		}
	}
	return true;
}

/** The index of the quote that ends the string at `start`; the length of the text if there is none. */
function endOfString(bytes: Buffer, start: number): number {
	for (let at = start + 1; at < bytes.length; at += 1) {
		if (bytes[at] === QUOTE) return at;
		if (bytes[at] === BACKSLASH) at += 1;
	}
	return bytes.length;
}
