import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { runProcess } from './process.ts';
import { REPEATED_AT_MOST } from './reporter.ts';

const VITEST = join(import.meta.dirname, '../../node_modules/vitest/vitest.mjs');

/** Runs the fixture: one test that passes, one that is skipped, one that fails or is skipped. */
function runFixture(env: NodeJS.ProcessEnv, ...args: readonly string[]) {
	return runProcess({
		command: process.execPath,
		args: [VITEST, 'run', ...args],
		cwd: join(import.meta.dirname, 'reporter'),
		env: { PATH: process.env['PATH'], ...env },
	});
}

describe('the end of a test run', () => {
	test('names what did not run, and closes with the counts alone on a line', async () => {
		const { code, stdout } = await runFixture({});
		expect(code).toBe(0);
		expect(stdout).toMatch(/SLOWEST of tests:\n {2}\d+\.\d s {2}one-of-each\.fixture\.ts › \S/);
		expect(stdout).toContain('NOT RUN (2):\n  - one-of-each.fixture.ts › is skipped\n');
		expect(stdout.trimEnd().split('\n').at(-1)).toBe('1 passed, 0 failed, 2 skipped');
	});

	test('fails where CI=true when something did not run', async () => {
		const { code, stdout } = await runFixture({ CI: 'true' });
		expect(code).toBe(1);
		expect(stdout.trimEnd().split('\n').at(-1)).toBe('1 passed, 0 failed, 2 skipped');
	});

	test('counts a failure, and names it right before the counts', async () => {
		const { code, stdout } = await runFixture({ FIXTURE_FAILS: 'yes' });
		expect(code).toBe(1);
		expect(stdout).toMatch(
			/FAILED \(1\):\n {2}- one-of-each\.fixture\.ts › fails: many lines .* … .* the end: expected 1 to be 2.*\n\n1 passed/,
		);
		expect(stdout.trimEnd().split('\n').at(-1)).toBe('1 passed, 1 failed, 1 skipped');
	});

	test('names a test that passed only when it was repeated, with the error of its first try', async () => {
		const { code, stdout } = await runFixture({ FIXTURE_REPEATS: '1' });
		expect(code).toBe(0);
		expect(stdout).toMatch(
			/PASSED ONLY WHEN REPEATED \(1\):\n {2}- \S+ › passes the second time 0: expected 1 to be/,
		);
	});

	test.each([
		{ repeated: REPEATED_AT_MOST, code: 0 },
		{ repeated: REPEATED_AT_MOST + 1, code: 1 },
	])('ends with $code where $repeated tests were repeated', async ({ repeated, code }) => {
		const end = await runFixture({ FIXTURE_REPEATS: String(repeated) });
		expect(end.stdout).toContain(`PASSED ONLY WHEN REPEATED (${repeated})`);
		expect(end.code).toBe(code);
	});

	test('is no success when nothing ran', async () => {
		const { code, stdout } = await runFixture({}, 'no-such-file');
		expect(code).toBe(1);
		expect(stdout).toContain('0 passed, 1 failed, 0 skipped');
	});
});
