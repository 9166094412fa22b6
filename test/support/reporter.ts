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

/** How many tests of each project are named as the slowest. */
const SLOWEST = 3;

/** The slowest tests of each project, a line each, the slowest first. */
function slowest(modules: readonly TestModule[]): readonly string[] {
	const byProject = Map.groupBy(modules, ({ project }) => project.name || 'tests');
	return [...byProject].flatMap(([project, files]) => {
		const tests = files.flatMap((file) =>
			[...file.children.allTests()].map((test) => ({
				name: `${file.relativeModuleId} › ${test.fullName}`,
				ms: test.diagnostic()?.duration ?? 0,
			})),
		);
		const top = tests.sort((a, b) => b.ms - a.ms).slice(0, SLOWEST);
		return [`SLOWEST of ${project}:`, ...top.map(({ name, ms }) => `  ${(ms / 1000).toFixed(1)} s  ${name}`)];
	});
}

/**
 * Prints the slowest tests and every test that did not run, and ends with the line `N passed, N failed, N
 * skipped`. With CI=true a skipped test fails the run: a machine without a real part must not look green.
 */
export class ClosingLine implements Reporter {
	onTestRunEnd(modules: readonly TestModule[], errors: readonly unknown[]): void {
		const { passed, failed, skipped } = tally(modules, errors.length);
		const lines = ['', ...slowest(modules)];
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
