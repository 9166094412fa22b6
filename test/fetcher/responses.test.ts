import { describe, expect, test } from 'vitest';
import { errorsOf, isNotFound, retryAfter } from '../../fetcher/responses.ts';

describe('Retry-After', () => {
	const now = Date.parse('2030-01-01T00:00:00Z');
	test.each<readonly [string | undefined, number | undefined]>([
		[undefined, undefined],
		['0', 0],
		['5', 5_000],
		[' 5 ', 5_000],
		['99999999999', 86_400_000],
		['Tue, 01 Jan 2030 00:00:10 GMT', 10_000],
		['Mon, 31 Dec 2029 00:00:00 GMT', 0],
		['soon', undefined],
		['-5', 0],
	])('%s is %s ms', (header, ms) => {
		expect(retryAfter(header, now)).toBe(ms);
	});
});

describe('a 404 that means "nothing there"', () => {
	test.each<readonly [string, number, object, boolean]>([
		['no errors', 404, { errors: [] }, true],
		[
			'a deleted version',
			404,
			{ data: { data: null, metadata: { deletion_time: 'x', destroyed: false } } },
			true,
		],
		['no such mount', 404, { errors: ['no handler for route "x"'] }, false],
		['no such namespace', 404, { errors: ['namespace not found'] }, false],
		['the wrong KV version', 404, { data: null, warnings: ['Invalid path for a versioned K/V'] }, false],
		['not even Vault', 404, { message: 'no route matched' }, false],
		['another status', 403, { errors: [] }, false],
	])('%s', (_what, status, body, nothing) => {
		expect(isNotFound({ status, body: body as Record<string, unknown> })).toBe(nothing);
	});
});

describe('Vault’s error messages', () => {
	test.each<readonly [string, unknown, readonly string[]]>([
		['plain', ['permission denied'], ['permission denied']],
		['wrapped in a list of one', ['1 error occurred:\n\t* permission denied\n\n'], ['permission denied']],
		['with control characters', ['a\u001b[31mb\u202e'], ['a\\u{001b}[31mb\\u{202e}']],
		['with a token', ['bad token hvs.CAESIJxxxxxxxxxxxxxxxxxxxxxxxxxx'], ['bad token (redacted)']],
		['with a token of OpenBao', ['bad s.AbCdEfGhIjKlMnOpQrStUvWx'], ['bad (redacted)']],
		[
			'with a JWT',
			['cannot parse eyJhbGciOiJFUzI1NiJ9.eyJzdWIiOiJ4In0.c2lnbmF0dXJl!'],
			['cannot parse (redacted)!'],
		],
		['endless', ['x'.repeat(1_000)], [`${'x'.repeat(300)}…`]],
		['none', undefined, []],
		['of another kind', [1, null, { a: 1 }, 'text'], ['text']],
	])('%s', (_what, errors, message) => {
		expect(errorsOf({ errors })).toEqual(message);
	});
});
