import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { renderFiles } from '../../fetcher/render/files.ts';
import { renderJson } from '../../fetcher/render/json.ts';
import { renderNative } from '../../fetcher/render/native.ts';
import { renderAll } from '../../fetcher/render/render.ts';
import { anyEntries, EVERY_BYTE } from './support/values.ts';

describe('json', () => {
	test('is an object in the order of its keys, and reads back as it was', () => {
		fc.assert(
			fc.property(anyEntries, (entries) => {
				const rendered = renderJson(entries);
				expect(rendered.ok && JSON.parse(rendered.value)).toEqual(
					Object.fromEntries(entries.map(({ key, value }) => [key, value])),
				);
			}),
		);
	});

	test('a key named __proto__ is a key', () => {
		expect(renderJson([{ key: '__proto__', value: 'x' }])).toEqual({
			ok: true,
			value: '{\n  "__proto__": "x"\n}\n',
		});
	});

	test('no secret gives an empty object', () => {
		expect(renderJson([])).toEqual({ ok: true, value: '{}\n' });
	});
});

describe('files', () => {
	test('take any value as it is, NUL too', () => {
		const entries = [
			{ key: 'A', value: 'a\0b' },
			{ key: 'B', value: EVERY_BYTE },
		];
		const rendered = renderFiles(entries);
		expect(rendered.ok && [...rendered.value]).toEqual(entries.map(({ key, value }) => [key, value]));
	});
});

describe('native', () => {
	const render = (value: string) => renderNative([{ key: 'KEY', value }]);

	test.each<readonly [string, string]>([
		['a newline', 'a\nb'],
		['double quotes, dollars, backslashes', '"$HOME" \\'],
		['a carriage return at the end or inside a line', 'a\rb\r'],
		['a line of 64 KiB less one, with KEY= and quotes', 'x'.repeat(65_535 - "KEY=''".length)],
		['several such lines', `${'x'.repeat(60_000)}\n${'y'.repeat(60_000)}`],
	])('takes %s', (_what, value) => {
		expect(render(value)).toEqual({ ok: true, value: `KEY='${value}'\n` });
	});

	test.each<readonly [string, string, RegExp]>([
		['a single quote', "it's", /single quote/],
		['a NUL', 'a\0', /NUL byte/],
		['a return before a newline', 'a\r\nb', /carriage return before a newline/],
		['a line of 64 KiB', 'x'.repeat(65_536 - "KEY=''".length), /a line over 65535 bytes/],
		['a long last line', `a\n${'x'.repeat(65_535)}`, /a line over 65535 bytes/],
		['more than Linux takes', `${'x'.repeat(65_000)}\n`.repeat(3), /131071/],
	])('refuses %s', (_what, value, why) => {
		expect(render(value)).toEqual({ ok: false, error: [{ key: 'KEY', why: expect.stringMatching(why) }] });
	});
});

describe('all of them', () => {
	test('all keys that a format cannot hold are reported at once', () => {
		const rendered = renderAll(
			[
				{ key: 'A', value: "it's" },
				{ key: 'B', value: 'a\rb' },
				{ key: 'C', value: '\0' },
			],
			['shell', 'dotenv', 'json', 'files'],
			['A'],
		);
		expect(rendered.ok ? [] : rendered.error.map(({ key, format }) => `${format} ${key}`)).toEqual([
			'shell C',
			'dotenv B',
			'dotenv C',
			'env A',
		]);
	});

	test('no format gives no file', () => {
		expect(renderAll([{ key: 'A', value: 'x' }], [], [])).toEqual({ ok: true, value: [] });
	});
});
