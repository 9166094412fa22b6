import { Buffer } from 'node:buffer';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { CHARSETS, generatePassword } from '../../../lib/passwords.ts';
import { make, parts } from './support.ts';

const has = (...names: string[]) => ({ parts: new Set(names), authorities: [] });

test('without options a password has 32 letters and digits, and is another one each time', async () => {
	const [one, two] = [await parts('password'), await parts('password', { generate: true })];
	expect(one['password']).toMatch(/^[A-Za-z0-9]{32}$/);
	expect(two['password']).toMatch(/^[A-Za-z0-9]{32}$/);
	expect(one['password']).not.toBe(two['password']);
});

test.each([
	['the shortest length', { length: 8 }, 8],
	['the longest length', { length: 1024 }, 1024],
])('%s is made', async (_name, generate, length) => {
	expect((await parts('password', { generate }))['password']).toHaveLength(length);
});

test.each<[string, unknown, RegExp]>([
	['one character too few', { length: 7 }, /generate\.length .*8/],
	['one character too many', { length: 1025 }, /generate\.length .*1024/],
	['half a character', { length: 8.5 }, /generate\.length/],
	['a length as text', { length: '32' }, /generate\.length must be of type number/],
	['an unknown charset', { charset: 'emoji' }, /generate\.charset/],
	['an unknown option', { size: 3 }, /generate: unknown field "size"/],
	['false', false, /generate must be of type object/],
])('%s is refused', async (_name, generate, message) => {
	expect(await make('password', { generate })).toMatch(message);
});

test('a generated password has only characters of its charset, and over many all of them', () => {
	fc.assert(
		fc.property(
			fc.constantFrom(...(Object.keys(CHARSETS) as (keyof typeof CHARSETS)[])),
			fc.integer({ min: 8, max: 1024 }),
			(charset, length) => {
				const made = generatePassword({ charset, length });
				return made.length === length && [...made].every((one) => CHARSETS[charset].includes(one));
			},
		),
	);
	for (const charset of Object.keys(CHARSETS) as (keyof typeof CHARSETS)[]) {
		const many = Array.from({ length: 20 }, () => generatePassword({ charset, length: 1024 })).join('');
		expect(new Set(many).size, charset).toBe(CHARSETS[charset].length);
	}
	for (const symbol of '"\'`$\\ ') expect(CHARSETS['alnum-symbol']).not.toContain(symbol);
});

test.each<[string, Parameters<typeof make>[1], RegExp]>([
	['an empty one', { fields: { password: '' } }, /fields\.password must not be empty/],
	['one with NUL', { fields: { password: 'a\0b' } }, /NUL/],
	['a lone surrogate', { fields: { password: '\ud800' } }, /well-formed/],
	['one that is given and to be generated', { fields: { password: 'x' }, generate: true }, /exclude/],
	['an unknown field', { fields: { pass: 'x' } }, /unknown field "pass"/],
	['a number', { fields: { password: 7 } }, /fields\.password must be of type string/],
	['more than 128 KiB', { fields: { password: 'x'.repeat(128 * 1024 + 1) } }, /at most 131072 bytes/],
	['nothing, for a change', { current: has('password') }, /send fields\.password, or generate/],
])('a password is refused: %s', async (_name, sent, message) => {
	expect(await make('password', sent)).toMatch(message);
});

test('128 KiB of password are taken as they are', async () => {
	const password = 'x'.repeat(128 * 1024);
	expect(await parts('password', { fields: { password } })).toEqual({ password });
});

test('a user name and a password are two parts; with htpasswd they are three', async () => {
	const two = await parts('userpass', { fields: { username: 'shop' } });
	expect(two).toEqual({ username: 'shop', password: expect.stringMatching(/^[A-Za-z0-9]{32}$/) });
	const three = await parts('userpass', { fields: { username: 'shop', password: 'p', htpasswd: true } });
	expect(three).toEqual({
		username: 'shop',
		password: 'p',
		htpasswd: expect.stringMatching(/^shop:\$2y\$10\$[./A-Za-z0-9]{53}$/),
	});
});

const umlauts = 'ü'.repeat(36);
test.each<[string, object, object | undefined]>([
	['a password of 72 bytes', { username: 'u', password: 'x'.repeat(72), htpasswd: true }, undefined],
	['72 bytes in 36 characters', { username: 'u', password: umlauts, htpasswd: true }, undefined],
	['a generated one of 72 characters', { username: 'u', htpasswd: true }, { length: 72 }],
	['73 bytes without htpasswd', { username: 'u', password: 'x'.repeat(73) }, undefined],
	['a user name of 255 bytes', { username: 'u'.repeat(255) }, undefined],
])('a user name and a password: %s is taken', async (_name, fields, generate) => {
	expect(typeof (await make('userpass', { fields, generate }))).toBe('object');
});

test.each<[string, Parameters<typeof make>[1], RegExp]>([
	['no user name', {}, /fields\.username is required/],
	['a colon', { fields: { username: 'a:b' } }, /must not hold ":" or a line break/],
	['a line break', { fields: { username: 'a\nb' } }, /must not hold ":" or a line break/],
	['a carriage return', { fields: { username: 'a\rb' } }, /must not hold ":" or a line break/],
	['256 bytes of user name', { fields: { username: 'u'.repeat(256) } }, /at most 255 bytes/],
	[
		'73 bytes with htpasswd',
		{ fields: { username: 'u', password: 'x'.repeat(73), htpasswd: true } },
		/at most 72 bytes/,
	],
	[
		'37 characters of 74 bytes with htpasswd',
		{ fields: { username: 'u', password: `${umlauts}ü`, htpasswd: true } },
		/at most 72 bytes/,
	],
	[
		'a generated one of 73 characters with htpasswd',
		{ fields: { username: 'u', htpasswd: true }, generate: { length: 73 } },
		/at most 72 bytes/,
	],
	[
		'a change of one with htpasswd that leaves out the user name',
		{ generate: true, current: has('username', 'password', 'htpasswd') },
		/fields\.username is required/,
	],
	[
		'a change without a password',
		{ fields: { username: 'u' }, current: has('username', 'password') },
		/send fields\.password, or generate/,
	],
])('a user name and a password are refused: %s', async (_name, sent, message) => {
	expect(await make('userpass', sent)).toMatch(message);
});

test('a change of the password alone keeps the user name', async () => {
	const current = has('username', 'password');
	expect(await make('userpass', { generate: true, current })).toEqual({
		parts: { username: null, password: expect.any(String) },
	});
	expect(Buffer.byteLength(umlauts)).toBe(72);
});
