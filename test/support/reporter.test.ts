import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { runProcess } from './process.ts';

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

	test('counts a failure', async () => {
		const { code, stdout } = await runFixture({ FIXTURE_FAILS: 'yes' });
		expect(code).toBe(1);
		expect(stdout.trimEnd().split('\n').at(-1)).toBe('1 passed, 1 failed, 1 skipped');
	});

	test('is no success when nothing ran', async () => {
		const { code, stdout } = await runFixture({}, 'no-such-file');
		expect(code).toBe(1);
		expect(stdout).toContain('0 passed, 1 failed, 0 skipped');
	});
});
