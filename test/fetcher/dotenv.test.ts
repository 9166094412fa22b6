import { execFileSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { parseEnv } from 'node:util';
import { parse } from 'dotenv';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { renderDotenv } from '../../fetcher/render/dotenv.ts';
import { scratch } from '../support/scratch.ts';
import { anyEntries, anyValue } from './support/values.ts';

type Entries = readonly { readonly key: string; readonly value: string }[];

/** The readers that must agree: Node's, and dotenv's with its two parsers. */
const READERS = [
	(text: string) => parseEnv(text),
	(text: string) => parse(text),
	(text: string) => parse(text, { fast: true } as object),
] as const;

const asObject = (entries: Entries) => Object.fromEntries(entries.map(({ key, value }) => [key, value]));

/** The entries that the format takes, with their text. */
function render(entries: Entries): { readonly text: string; readonly taken: Entries } {
	const taken = entries.filter((entry) => renderDotenv([entry]).ok);
	const rendered = renderDotenv(taken);
	return { text: rendered.ok ? rendered.value : '', taken };
}

test.each<readonly [string, string, string]>([
	['a plain value', 'x', "K='x'\n"],
	['quotes, a newline and a dollar', '"5"\n$HOME', `K='"5"\n$HOME'\n`],
	['a single quote', "it's", "K=`it's`\n"],
	['a single quote and a backtick', "it's `x`", 'K="it\'s `x`"\n'],
	['all three quotes', `x'\`"`, `K=x'\`"\n`],
	['a backslash at the end', 'C:\\', `K='C:\\' # '.\n`],
	['a comment sign', 'a # b', "K='a # b'\n"],
])('%s', (_what, value, line) => {
	const { text } = render([{ key: 'K', value }]);
	expect(text).toBe(line);
	for (const read of READERS) expect(read(text)).toEqual({ K: value });
});

test.each<readonly [string, string, RegExp]>([
	['a NUL', 'a\0', /NUL byte/],
	['a carriage return', 'a\rb', /carriage return/],
	['all three quotes and a newline', `x'"\`\n`, /all three kinds of quotes/],
	['all three quotes and a comment sign', `x'"\`#`, /all three kinds of quotes/],
	['all three quotes, one of them first', `'"\``, /all three kinds of quotes/],
	['all three quotes and a blank at the end', `x'"\` `, /all three kinds of quotes/],
	['a single quote, a backtick and a written newline', "'`\\n\n", /all three kinds|quotes/],
])('%s is refused, naming the key', (_what, value, why) => {
	const rendered = renderDotenv([
		{ key: 'K', value },
		{ key: 'L', value: 'x' },
	]);
	expect(rendered.ok ? [] : rendered.error).toEqual([{ key: 'K', why: expect.stringMatching(why) }]);
});

test('what is not refused is read back by all readers alike, whatever stands around it', () => {
	fc.assert(
		fc.property(anyEntries, (entries) => {
			const { text, taken } = render(entries);
			for (const read of READERS) expect(read(text)).toEqual(asObject(taken));
		}),
		{ numRuns: 5_000 },
	);
});

test('what is refused could not be quoted either way', () => {
	fc.assert(
		fc.property(anyValue, (value) => {
			if (renderDotenv([{ key: 'K', value }]).ok) return;
			for (const mark of ["'", '"', '`']) {
				const text = `K=${mark}${value}${mark}\nL='x'\n`;
				const same = READERS.every((read) => {
					const { K, L, ...rest } = read(text);
					return K === value && L === 'x' && Object.keys(rest).length === 0;
				});
				expect({ value, mark, same }).toEqual({ value, mark, same: false });
			}
		}),
		{ numRuns: 20_000 },
	);
});

test('node --env-file itself gives a program these values', async () => {
	const place = await scratch('dotenv');
	const file = join(place.dir, '.env');
	const entries = fc.sample(anyValue, 300).map((value, i) => ({ key: `KEY_${i}`, value }));
	const { text, taken } = render(entries);
	expect(taken.length).toBeGreaterThan(200);
	writeFileSync(file, text);
	const script = 'process.stdout.write(JSON.stringify(process.env))';
	const seen = execFileSync(process.execPath, [`--env-file=${file}`, '-e', script], {
		env: {},
		encoding: 'utf8',
	});
	expect(JSON.parse(seen)).toEqual(asObject(taken));
	await place.remove();
});
