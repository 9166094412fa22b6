import type { Reporter, TestModule } from 'vitest/node';

/** What a run comes to. A file that could not be loaded, or a hook that failed, counts as one failure. */
interface Tally {
	passed: number;
	failed: number;
	skipped: string[];
}

function tally(modules: readonly TestModule[], outsideErrors: number): Tally {
	const sum: Tally = { passed: 0, failed: outsideErrors, skipped: [] };
	for (const module of modules) {
		const failedBefore = sum.failed;
		for (const test of module.children.allTests()) {
			const { state } = test.result();
			if (state === 'passed') sum.passed += 1;
			else if (state === 'failed') sum.failed += 1;
			else sum.skipped.push(`${module.relativeModuleId} › ${test.fullName}`);
		}
		if (sum.failed === failedBefore && !module.ok()) sum.failed += 1;
	}
	// Nothing at all was run: the setup failed, or a pattern matched no file.
	if (modules.length === 0 && sum.failed === 0) sum.failed = 1;
	return sum;
}

/**
 * Names every test that did not run, and ends with the line `N passed, N failed, N skipped`.
 * Where CI=true a skipped test fails the run: a machine that lacks a real part must not look green.
 */
export class ClosingLine implements Reporter {
	onTestRunEnd(modules: readonly TestModule[], errors: readonly unknown[]): void {
		const { passed, failed, skipped } = tally(modules, errors.length);
		const lines: string[] = [];
		if (skipped.length > 0) {
			lines.push('', `NOT RUN (${skipped.length}):`, ...skipped.map((name) => `  - ${name}`));
			if (process.env['CI'] === 'true') {
				lines.push('With CI=true a test that did not run fails the run.');
				process.exitCode = 1;
			}
		}
		lines.push('', `${passed} passed, ${failed} failed, ${skipped.length} skipped`);
		process.stdout.write(`${lines.join('\n')}\n`);
	}
}
