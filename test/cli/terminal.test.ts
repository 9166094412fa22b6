import { join } from 'node:path';
import process from 'node:process';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { runProcess } from '../support/process.ts';
import { type Desk, openDesk } from './support/api.ts';

const COMMAND = join(import.meta.dirname, '../../cli/main.ts');

describe('on a terminal', () => {
	let desk: Desk;
	beforeAll(async () => {
		desk = await openDesk();
		await desk.run(['deployments', 'create', 'shop']);
	});
	afterAll(() => desk?.[Symbol.asyncDispose]());

	/** Runs the command on a pseudo-terminal, on which `typed` is typed; gives what stands on it in the end. */
	const onTerminal = async (args: readonly string[], typed: string) => {
		const words = [process.execPath, COMMAND, ...args].map((word) => `'${word}'`).join(' ');
		return await runProcess({
			command: 'script',
			args: ['--quiet', '--return', '--echo', 'never', '--command', words, '/dev/null'],
			env: { PATH: process.env['PATH'], TERM: 'xterm', NO_COLOR: '1', ...desk.access() },
			input: typed,
		});
	};
	const keys = async (): Promise<readonly string[]> =>
		JSON.parse((await desk.run(['secrets', 'list', '-d', 'shop', '-o', 'json'])).stdout).map(
			({ key }: { key: string }) => key,
		);

	test('a value is asked for, and not shown while it is typed', async () => {
		const { stdout, code } = await onTerminal(
			['secrets', 'create', 'ASKED', '-d', 'shop'],
			'typed-unseen-4711\n',
		);
		expect(code, stdout).toBe(0);
		expect(stdout).toContain('Value (not shown): ');
		expect(stdout).toContain('created ASKED in deployment shop');
		expect(stdout).not.toContain('4711');
	});

	test('an empty value is not taken', async () => {
		const { stdout, code } = await onTerminal(['secrets', 'create', 'EMPTY', '-d', 'shop'], '\n');
		expect([code, stdout]).toEqual([2, expect.stringContaining('the value is empty')]);
	});

	test('deleting asks, and takes no for an answer', async () => {
		await desk.run(['secrets', 'set', 'KEEP', '-d', 'shop', '--value-stdin'], { input: 'x' });
		const no = await onTerminal(['secrets', 'delete', 'KEEP', '-d', 'shop'], 'n\n');
		expect([no.code, no.stdout]).toEqual([
			1,
			expect.stringContaining('Delete KEEP of deployment shop? [y/N]'),
		]);
		expect(await keys()).toContain('KEEP');
		const yes = await onTerminal(['secrets', 'delete', 'KEEP', '-d', 'shop'], 'y\n');
		expect([yes.code, yes.stdout]).toEqual([0, expect.stringContaining('deleted KEEP')]);
		expect(await keys()).not.toContain('KEEP');
	});

	test('a bar shows how far bulk work is, and is gone in the end', async () => {
		const file = join(import.meta.dirname, 'support/many.env');
		const { stdout, code } = await onTerminal(
			['secrets', 'create', '--from-env-file', file, '-d', 'shop'],
			'',
		);
		expect(code, stdout).toBe(0);
		expect(stdout).toContain('\r[######..................] 2/8');
		expect(stdout).toContain('\r[########################] 8/8\r\u001b[K');
		expect(stdout).toContain('8 created in deployment shop');
	});
});
