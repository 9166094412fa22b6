import { execFileSync } from 'node:child_process';
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { renderShell } from '../../fetcher/render/shell.ts';
import { type Scratch, scratch } from '../support/scratch.ts';
import { REQUIRED, type Shell, shells, source } from './support/shells.ts';
import { anyEntries, EVERY_BYTE } from './support/values.ts';

let place: Scratch;
beforeAll(async () => {
	place = await scratch('shell');
});
afterAll(() => place.remove());

type Entries = readonly { readonly key: string; readonly value: string }[];

function render(entries: Entries): string {
	const rendered = renderShell(entries);
	if (!rendered.ok) throw new Error(JSON.stringify(rendered.error));
	return rendered.value;
}

async function expectBack(shell: Shell, entries: Entries, locale?: string): Promise<void> {
	const { env, stderr } = await source(shell, place.dir, render(entries), locale);
	for (const { key, value } of entries) expect({ key, value: env.get(key) }).toEqual({ key, value });
	expect(stderr).toBe('');
}

test('the shells that containers have are here', () => {
	expect(shells().map(({ name }) => name)).toEqual(expect.arrayContaining([...REQUIRED]));
});

test('one line a key, quoted whatever the value', () => {
	expect(
		render([
			{ key: 'A', value: 'plain' },
			{ key: 'B', value: "it's\n$HOME" },
		]),
	).toBe("export A='plain'\nexport B='it'\\''s\n$HOME'\n");
	expect(render([])).toBe('');
});

describe.each(shells())('$name', (shell) => {
	test('gives back any value byte for byte', async () => {
		await fc.assert(
			fc.asyncProperty(anyEntries, (entries) => expectBack(shell, entries)),
			{ numRuns: 60 },
		);
	});

	test('gives back every character of one or two bytes, in a Unicode and in a byte locale', async () => {
		for (const locale of ['C.UTF-8', 'C'])
			await expectBack(shell, [{ key: 'KEY', value: EVERY_BYTE }], locale);
	});

	test('gives back values that look like shell syntax', async () => {
		const entries = [
			"'",
			"''",
			"'; exit 1; '",
			'\n',
			'\n\n',
			'\\',
			"\\'",
			'$(exit 1)',
			'`exit 1`',
			'-n',
			'=',
			'~',
			'#',
		].map((value, i) => ({ key: `K${i}`, value }));
		await expectBack(shell, entries);
	});

	test('gives back the longest value that Linux takes, and a thousand keys', async () => {
		await expectBack(shell, [{ key: 'LONG', value: 'x'.repeat(131_071 - 'LONG='.length) }]);
		const many = Array.from({ length: 1000 }, (_, i) => ({ key: `KEY_${i}`, value: `value ${i}` }));
		await expectBack(shell, many);
	});
});

describe('a value that no process could have', () => {
	const misfit = (value: string) => {
		const rendered = renderShell([
			{ key: 'GOOD', value: 'x' },
			{ key: 'KEY', value },
		]);
		return rendered.ok ? undefined : rendered.error;
	};

	test('holds a NUL', () => {
		expect(misfit('a\0b')).toEqual([
			{ key: 'KEY', why: 'holds a NUL byte, which no environment variable can' },
		]);
	});

	test('is longer than Linux’s limit, and not by a byte less', () => {
		const room = 131_071 - 'KEY='.length;
		expect(misfit('x'.repeat(room))).toBeUndefined();
		expect(misfit('x'.repeat(room + 1))).toEqual([
			{
				key: 'KEY',
				why: 'takes 131072 bytes as KEY=value; Linux starts no program with a variable over 131071',
			},
		]);
		// Two bytes each in UTF-8.
		expect(misfit('é'.repeat(room / 2 + 1))).toHaveLength(1);
	});

	test('that is the limit of the Linux here', () => {
		const start = (length: number): string => {
			const env = { KEY: 'x'.repeat(length - 'KEY='.length) };
			return execFileSync('/bin/true', { env, encoding: 'utf8' });
		};
		expect(start(131_071)).toBe('');
		// Linux pages of more than 4 KiB (some ARM kernels) allow more. Envtier's limit does not depend on the
		// node.
		const pageSize = Number(execFileSync('getconf', ['PAGESIZE'], { encoding: 'utf8' }));
		expect(() => start(32 * pageSize)).toThrow(/E2BIG/);
	});
});
