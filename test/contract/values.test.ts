import { describe, expect, test } from 'vitest';
import { oneOf, parseAddress, parseVaultPath, wholeNumber } from '../../contract/values.ts';

const good = (value: unknown): unknown => ({ ok: true, value });
const bad = (error: string): unknown => ({ ok: false, error: expect.stringContaining(error) });

test('one of the words is accepted, any other text is refused with the list', () => {
	const parse = oneOf('a', 'b');
	expect(parse('b')).toEqual(good('b'));
	for (const other of ['', 'A', 'a,b', ' a', 'toString']) expect(parse(other)).toEqual(bad('one of a, b'));
});

describe('whole numbers from 1 to 3600', () => {
	const parse = wholeNumber(1, 3600);
	test.for<readonly [string, number]>([
		['1', 1],
		['3600', 3600],
		['007', 7],
	])('%s', ([text, value]) => expect(parse(text)).toEqual(good(value)));
	test.for([
		'',
		'0',
		'3601',
		'-1',
		'+1',
		'1.0',
		'1e3',
		'0x10',
		' 1',
		'1\n',
		'１',
		'99999999999999999999',
		'NaN',
		'Infinity',
	])('not %j', (text) => expect(parse(text)).toEqual(bad('a whole number from 1 to 3600')));
});

describe('paths in Vault', () => {
	test.for<readonly [string, string]>([
		['secret', 'secret'],
		['kv/team_1/apps.v2', 'kv/team_1/apps.v2'],
		['team/blue/', 'team/blue'],
	])('%s', ([text, value]) => expect(parseVaultPath(text)).toEqual(good(value)));
	test.for([
		'',
		'/',
		'/kv',
		'kv//',
		'kv//a',
		'..',
		'../kv',
		'kv/..',
		'kv/../sys',
		'.kv',
		'-kv',
		'kv a',
		'kv\n',
		'kv?x',
		'kv#x',
		'kv%2f',
		'kv\\a',
		'kv$(X)',
		'ｋv',
	])('not %j', (text) => expect(parseVaultPath(text)).toEqual(bad('a path of letters')));
});

describe('addresses', () => {
	test.for<readonly [string, string]>([
		['https://vault', 'https://vault'],
		['HTTPS://Vault.Example.com:443/', 'https://vault.example.com'],
		['http://10.0.0.1:8200', 'http://10.0.0.1:8200'],
		['https://[fd00::8]:8200', 'https://[fd00::8]:8200'],
	])('%s', ([text, value]) => expect(parseAddress(text)).toEqual(good(value)));
	test.for([
		'',
		'vault',
		'vault:8200',
		'//vault',
		'https://',
		'https://vault/v1',
		'https://vault/?',
		'https://vault/#',
		'https://me@vault',
		'https://:pw@vault',
		'ftp://vault',
		'file:///vault',
		'javascript:0',
		'https://vault:99999',
		'https://va ult',
	])('not %j', (text) => expect(parseAddress(text)).toEqual(bad('an address such as')));
});
