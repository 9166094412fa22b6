import { mkdtempDisposable, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { parseEnvFile } from '../../cli/remote/env-file.ts';
import { type Desk, openDesk } from './support/api.ts';

describe('values on their way to a real OpenBao', () => {
	let desk: Desk;
	beforeAll(async () => {
		desk = await openDesk('vault (a real OpenBao, the shipped policy)');
		await desk.run(['deployments', 'create', 'shop']);
	});
	afterAll(() => desk?.[Symbol.asyncDispose]());

	/** What pods will read. */
	const stored = async (key: string): Promise<unknown> => {
		const answer = await desk.bao?.request('GET', `secret/data/deployments/shop/secrets/${key}`);
		return (answer?.json as { data?: { data?: { value?: string } } } | undefined)?.data?.data?.value;
	};

	test('a file goes in byte for byte, standard input without the line break at its end', async () => {
		await using dir = await mkdtempDisposable(join(tmpdir(), 'envtier-cli-'));
		const difficult = `\ufefftwo "lines"\n$HOME \`id\` ü 🔑 \\ '\n`;
		await writeFile(join(dir.path, 'exact'), difficult);
		const at = ['--deployment', 'shop'];
		const file = await desk.run(['secrets', 'create', 'FILE', ...at, '--from-file', join(dir.path, 'exact')]);
		const stdin = await desk.run(['secrets', 'create', 'STDIN', ...at, '--value-stdin'], {
			input: difficult,
		});
		const dash = await desk.run(['secrets', 'create', 'DASH', ...at, '--from-file', '-'], {
			input: difficult,
		});
		expect([file.code, stdin.code, dash.code], file.stderr + stdin.stderr + dash.stderr).toEqual([0, 0, 0]);
		expect(await stored('FILE')).toBe(difficult);
		expect(await stored('STDIN')).toBe(difficult.slice(0, -1));
		expect(await stored('DASH')).toBe(difficult);
	}, 60_000);

	test('a file of many is read as Node reads it', async () => {
		const lines = [
			`PLAIN=a b # a comment`,
			`export SINGLE='$x \\n "y"' # another`,
			`DOUBLE="two\\nlines and\nthree"`,
			"BACK=`it's`",
		];
		const { code, stderr } = await desk.run(
			['secrets', 'create', '--from-env-file', '-', '--deployment', 'shop'],
			{
				input: `${lines.join('\n')}\n`,
			},
		);
		expect([code, stderr]).toEqual([0, '']);
		expect(await stored('PLAIN')).toBe('a b');
		expect(await stored('SINGLE')).toBe('$x \\n "y"');
		expect(await stored('DOUBLE')).toBe('two\nlines and\nthree');
		expect(await stored('BACK')).toBe("it's");
	}, 60_000);
});

describe('a file of KEY=value lines', () => {
	test('with values in single quotes gives them back, whatever they hold but a single quote', () => {
		const value = fc
			.string({ unit: 'binary', minLength: 1 })
			.filter((text) => !/['\0\r]/.test(text) && text.isWellFormed());
		fc.assert(
			fc.property(fc.array(value, { minLength: 1, maxLength: 5 }), (values) => {
				const text = values.map((one, i) => `KEY_${i}='${one}'`).join('\n');
				const expected = values.map((one, i) => ({ key: `KEY_${i}`, value: one }));
				expect(parseEnvFile(text)).toEqual({ ok: true, value: expected });
			}),
		);
	});

	test('never loses a line: each is an entry, a comment, blank, or complained about', () => {
		const line = fc.oneof(
			fc.constantFrom('', '# c', 'A=1', 'export B=2', 'C', '=x', 'D = 4', '9=5', 'E=', "F='a' b"),
			fc.string({ unit: fc.constantFrom(...'AB=# x-.') }),
		);
		fc.assert(
			fc.property(fc.array(line, { maxLength: 8 }), (lines) => {
				const counted = lines.filter((one) => !/^\s*(?:#|$)/.test(one)).length;
				const read = parseEnvFile(lines.join('\n'));
				if (read.ok) expect(read.value).toHaveLength(counted);
				else expect(read.error.length).toBeGreaterThan(0);
			}),
		);
	});

	test.each([
		['', ['it is empty']],
		['A=1\nA=2', ['line 2: A occurs twice']],
		["A='1\n2", ['line 1: the quote of A is never closed']],
		["A='1' 2", ['line 1: after the closing quote of A comes more text']],
	])('%j: %j', (text, problems) => {
		expect(parseEnvFile(text)).toEqual({ ok: false, error: problems });
	});
});
