import { err, ok, type Result } from './result.ts';

/** Parses the text of a setting. The error completes the sentence "NAME must be …". */
export type Parse<T> = (text: string) => Result<T>;

/** Creates a parser for one of these words. */
export const oneOf =
	<const T extends string>(...choices: readonly T[]): Parse<T> =>
	(text) => {
		const choice = choices.find((one) => one === text);
		return choice === undefined ? err(`one of ${choices.join(', ')}`) : ok(choice);
	};

/** Creates a parser for a decimal integer without a sign, from `min` to `max`. */
export const wholeNumber =
	(min: number, max: number): Parse<number> =>
	(text) => {
		const value = /^[0-9]{1,10}$/.test(text) ? Number(text) : Number.NaN;
		return value >= min && value <= max ? ok(value) : err(`a whole number from ${min} to ${max}`);
	};

const UNITS: Readonly<Record<string, number>> = { s: 1_000, m: 60_000, h: 3_600_000, d: 86_400_000 };

/** Creates a parser for a duration such as 90d, 12h, 30m or 10s. `min` and the result are in ms. */
export const duration =
	(min: number): Parse<number> =>
	(text) => {
		const [, count = '', unit = ''] = /^([1-9][0-9]{0,5})([smhd])$/.exec(text) ?? [];
		const value = Number(count) * (UNITS[unit] ?? 0);
		return value > 0 && value >= min
			? ok(value)
			: err(`a duration of at least ${min / 1000} s, such as 90d, 12h, 30m or 10s`);
	};

const SEGMENTS = /^[A-Za-z0-9_][-A-Za-z0-9_.]*(?:\/[A-Za-z0-9_][-A-Za-z0-9_.]*)*\/?$/;

/**
 * Parses a mount or a Vault namespace: path segments without escapes and without "..". Returns it without a
 * trailing "/".
 */
export const parseVaultPath: Parse<string> = (text) =>
	SEGMENTS.test(text)
		? ok(text.replace(/\/$/, ''))
		: err('a path of letters, digits, "-", "_" and ".", its segments parted by "/"');

/**
 * The path of an address. Its segments contain no percent-escapes and do not consist of dots, so every server
 * reads them in the same way.
 */
const PREFIX = /^(?!.*\/v1\/?$)(?:\/(?!\.{1,2}(?:\/|$))[-A-Za-z0-9_.~]+)*\/?$/;

/**
 * Parses an http or https address. It has a path if a proxy serves Vault below a path (`https://host/vault`).
 * Returns it without a trailing "/". Rejects a path that ends in /v1: the client adds /v1 to every request,
 * and people often paste it with the address.
 */
export const parseVaultAddress: Parse<string> = (text) => {
	const rule = err(
		'an address such as https://vault.example.com:8200, or https://example.com/vault where Vault is served below a path; without "/v1"',
	);
	// The path comes from the text, because the URL parser removes dots and line breaks without an error.
	const [, before = '', path = ''] = /^([a-zA-Z]+:\/\/[^/?#\\\s]+)([^\s]*)$/.exec(text) ?? [];
	const origin = parseAddress(before);
	return origin.ok && PREFIX.test(path) ? ok(`${origin.value}${path.replace(/\/$/, '')}`) : rule;
};

/**
 * Parses the http address of a proxy, without credentials, because every pod shows it. Returns its origin.
 */
export const parseProxy: Parse<string> = (text) => {
	const origin = parseAddress(text);
	return origin.ok && origin.value.startsWith('http:')
		? origin
		: err(
				'the address of an HTTP proxy such as http://proxy.example.com:3128, without a path and without credentials',
			);
};

const DNS_NAME =
	/^(?=.{1,253}$)[a-z0-9](?:[-a-z0-9]{0,61}[a-z0-9])?(?:\.[a-z0-9](?:[-a-z0-9]{0,61}[a-z0-9])?)*$/i;

/** Parses a DNS name, as a certificate contains it. Returns it in lower case. */
export const parseDnsName: Parse<string> = (text) =>
	DNS_NAME.test(text) && !/^[0-9.]+$/.test(text)
		? ok(text.toLowerCase())
		: err('a DNS name such as vault.example.com');

/** Parses an http or https address without a path. Returns its origin. */
export const parseAddress: Parse<string> = (text) => {
	const url = URL.canParse(text) ? new URL(text) : undefined;
	const bare = url?.origin === url?.href.slice(0, -1);
	return url !== undefined && bare && ['https:', 'http:'].includes(url.protocol)
		? ok(url.origin)
		: err('an address such as https://vault.example.com:8200, without a path');
};
