import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { runProcess } from '../support/process.ts';
import { chosenRuns, outcomeOf, RUNS, table } from './runs.ts';

describe('runs on other versions', () => {
	test('are all, the newest first, unless ONLY names some', () => {
		expect(RUNS.map(({ version }) => version)).toEqual([
			'1.37',
			'1.36',
			'1.34',
			'1.33',
			'1.32',
			'2.7.2',
			'2.6.1',
		]);
		expect(chosenRuns()).toBe(RUNS);
		expect(chosenRuns('2.6.1,1.37').map(({ name }) => name)).toEqual(['Kubernetes 1.37.2', 'OpenBao 2.6.1']);
	});

	test('leave out the tests of mutating policies where a version has none', () => {
		const without = RUNS.filter(({ args }) => args.includes('--exclude')).map(({ version }) => version);
		expect(without).toEqual(['1.34', '1.33', '1.32']);
	});

	test('refuse a version that there is not, with 2', async () => {
		const { code, stderr } = await runProcess({
			command: process.execPath,
			args: [join(import.meta.dirname, 'main.ts')],
			env: { PATH: process.env['PATH'], ONLY: '1.37,1.5' },
		});
		expect([code, stderr]).toEqual([2, 'ONLY=1.5: there are 1.37, 1.36, 1.34, 1.33, 1.32, 2.7.2, 2.6.1\n']);
	});

	test.each([
		['counts what the last line says', '3 passed, 0 failed, 1 skipped\n', 0, [3, 0, 1]],
		['has the failures of the last line', '3 passed, 2 failed, 0 skipped\n', 1, [3, 2, 0]],
		['that ends without that line has failed', 'Killed\n', 0, [0, 1, 0]],
		['that ends with another code than 0 has failed', '3 passed, 0 failed, 1 skipped\n', 1, [3, 1, 1]],
		['that was killed has failed', '3 passed, 0 failed, 0 skipped\n', null, [3, 1, 0]],
	] as const)('a run %s', (_, output, code, counts) => {
		const { passed, failed, skipped } = outcomeOf('one', output, code, 1);
		expect([passed, failed, skipped]).toEqual(counts);
	});

	test('end in a table', () => {
		const outcomes = [
			outcomeOf('Kubernetes 1.37.2', '640 passed, 0 failed, 0 skipped\n', 0, 5.26),
			outcomeOf('OpenBao 2.6.1', '9 passed, 1 failed, 0 skipped\n', 1, 12),
		];
		expect(table(outcomes).split('\n')).toEqual([
			'version            passed  failed  skipped  minutes',
			'Kubernetes 1.37.2     640       0        0      5.3',
			'OpenBao 2.6.1           9       1        0     12.0',
		]);
	});
});
