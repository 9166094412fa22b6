import { execFileSync } from 'node:child_process';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { parseTemplate, type Template } from '../../contract/compose.ts';
import { compose } from '../../fetcher/compose.ts';
import type { Secret } from '../../fetcher/tiers.ts';
import { shells } from './support/shells.ts';
import { anyValue, EVERY_BYTE } from './support/values.ts';

type Texts = Readonly<Record<string, string>>;

function templatesOf(texts: Texts): ReadonlyMap<string, Template> {
	return new Map(
		Object.entries(texts).map(([key, text]): [string, Template] => {
			const parsed = parseTemplate(text);
			if (!parsed.ok) throw new Error(parsed.error);
			return [key, parsed.value];
		}),
	);
}

const secretsOf = (values: Texts): Secret[] =>
	Object.entries(values).map(([key, value]): Secret => ({ key, origin: 'org', value }));

/** All values after composition. */
function composed(texts: Texts, values: Texts): Texts {
	const all = compose(templatesOf(texts), secretsOf(values));
	return Object.fromEntries(all.map(({ key, value }) => [key, value]));
}

const one = (template: string, value: string): string =>
	composed({ OUT: template }, { V: value })['OUT'] ?? '';

describe('composed values', () => {
	test.for<[string, Texts, Texts, Texts]>([
		[
			'a connection string',
			{ URL: 'postgres://${USER:url}:${PASS:url}@db/${NAME}' },
			{ NAME: 'shop', PASS: 'p@ss/w:rd', USER: 'shop' },
			{ URL: 'postgres://shop:p%40ss%2Fw%3Ard@db/shop' },
		],
		['an extension of the secret it replaces', { A: '${A}?x=1' }, { A: 'http://a/' }, { A: 'http://a/?x=1' }],
		[
			'of composed values',
			{ HEADER: 'Basic ${PAIR:base64}', PAIR: '${U}:${P}' },
			{ P: 'b', U: 'a' },
			{ HEADER: 'Basic YTpi', PAIR: 'a:b' },
		],
		['JSON', { OUT: '{"password": ${P:json}}' }, { P: 'a"b\n' }, { OUT: '{"password": "a\\"b\\n"}' }],
		['a word for a shell', { OUT: 'psql ${P:shell}' }, { P: "it's" }, { OUT: "psql 'it'\\''s'" }],
		[
			'every character that means something in a URL (RFC 3986, 2.2), and those that mean nothing',
			{ OUT: '${P:url}' },
			{ P: ":/?#[]@!$&'()*+,;=%-._~é" },
			{ OUT: '%3A%2F%3F%23%5B%5D%40%21%24%26%27%28%29%2A%2B%2C%3B%3D%25-._~%C3%A9' },
		],
		['several times the same', { OUT: '${A}${A}$$' }, { A: 'x' }, { OUT: 'xx$' }],
	])('%s', ([, texts, values, expected]) => {
		expect(composed(texts, values)).toEqual({ ...values, ...expected });
	});

	test('come sorted among the others, and say where they are from', () => {
		expect(compose(templatesOf({ B: '${A}' }), secretsOf({ A: '1', C: '3' }))).toEqual([
			{ key: 'A', origin: 'org', value: '1' },
			{ key: 'B', origin: 'composed', value: '1' },
			{ key: 'C', origin: 'org', value: '3' },
		]);
	});

	test('are not parsed for references again', () => {
		fc.assert(
			fc.property(anyValue, (value) => {
				expect(one('<${V}>', value)).toBe(`<${value}>`);
				expect(one('<${V}>', `${'${V:url}'}$$${value}`)).toBe(`<${'${V:url}'}$$${value}>`);
			}),
		);
	});

	test('have a maximum length', () => {
		const texts = Object.fromEntries(
			Array.from({ length: 40 }, (_, i) => [`K${i + 1}`, `\${K${i}}\${K${i}}`]),
		);
		expect(() => composed(texts, { K0: 'x' })).toThrow(/cannot be composed: it would be longer than 1048576/);
	});

	test('a NUL can be no part of a shell’s word, and the message names both keys', () => {
		expect(() => one('${V:shell}', 'a\0b')).toThrow('OUT cannot be composed: V holds a NUL byte');
		expect(one('${V:url}${V:json}${V:base64}', 'a\0b')).toBe('a%00b"a\\u0000b"YQBi');
	});
});

describe('an encoded value cannot change the text around it:', () => {
	test('a URL has the parts that its template has, each as it was', () => {
		const hostile = fc.record({ user: anyValue, password: anyValue, name: anyValue, query: anyValue });
		fc.assert(
			fc.property(hostile, ({ user, password, name, query }) => {
				const text =
					composed(
						{ OUT: 'postgres://${U:url}:${P:url}@db.shop.svc:5432/${N:url}?options=${Q:url}#end' },
						{ N: name, P: password, Q: query, U: user },
					)['OUT'] ?? '';
				expect(text).toMatch(/^[\x21-\x7e]+$/);
				const url = new URL(text);
				const got = [url.username, url.password, url.pathname.slice(1)].map(decodeURIComponent);
				// A name of "." or ".." would be a step, which no encoding prevents (RFC 3986, 6.2.2.3).
				if (!/^\.{1,2}$/.test(name)) expect(got).toEqual([user, password, name]);
				expect([url.host, url.hash, url.searchParams.getAll('options')]).toEqual([
					'db.shop.svc:5432',
					'#end',
					[query],
				]);
			}),
		);
	});

	test('JSON and base64 give it back', () => {
		fc.assert(
			fc.property(anyValue, (value) => {
				expect(JSON.parse(one('{"a":[${V:json},1]}', value))).toEqual({ a: [value, 1] });
				expect(Buffer.from(one('${V:base64}', value), 'base64').toString()).toBe(value);
			}),
		);
		expect(JSON.parse(one('${V:json}', EVERY_BYTE))).toBe(EVERY_BYTE);
	});

	test.each(shells())('$name sees one word', ({ command, args }) => {
		const check = (value: string): void => {
			const script = one('printf "%s." x${V:shell}y z', value);
			const printed = execFileSync(command, [...args, '-c', script], { env: { LC_ALL: 'C.UTF-8' } });
			expect(printed.toString()).toBe(`x${value}y.z.`);
		};
		for (const value of [EVERY_BYTE, '$(id)', '`id`', "'; id; '"]) check(value);
		fc.assert(fc.property(anyValue, check), { numRuns: 40 });
	});
});
