import type { Reporter, SerializedError, TestModule } from 'vitest/node';

/** What a run comes to. A file that could not be loaded, or a hook that failed, counts as one failure. */
interface Tally {
	passed: number;
	/** Each failure, by name and by its error in short. */
	failed: string[];
	/** Tests that failed and then passed, as for `failed`. They count among the passed. */
	repeated: string[];
	skipped: string[];
}

/** An error for one line of a log: its beginning and its end, where a comparison says what it got. */
function shortOf(errors: ReadonlyArray<{ readonly message?: unknown }> | undefined): string {
	const text = String(errors?.[0]?.message ?? 'no error').replaceAll(/\s+/g, ' ');
	return text.length <= 500 ? text : `${text.slice(0, 150)} … ${text.slice(-350)}`;
}

/** Adds what a file's tests came to. */
function addFile(sum: Tally, module: TestModule): void {
	const failedBefore = sum.failed.length;
	for (const test of module.children.allTests()) {
		const name = `${module.relativeModuleId} › ${test.fullName}`;
		const { state, errors } = test.result();
		if (state === 'passed') sum.passed += 1;
		else if (state === 'failed') sum.failed.push(`${name}: ${shortOf(errors)}`);
		else sum.skipped.push(name);
		if (test.diagnostic()?.flaky === true) sum.repeated.push(`${name}: ${shortOf(errors)}`);
	}
	if (sum.failed.length === failedBefore && !module.ok()) {
		sum.failed.push(`${module.relativeModuleId}: ${shortOf(module.errors())}`);
	}
}

function tally(modules: readonly TestModule[], outsideErrors: readonly SerializedError[]): Tally {
	const outside = outsideErrors.map((error) => `outside of all tests: ${shortOf([error])}`);
	const sum: Tally = { passed: 0, failed: outside, repeated: [], skipped: [] };
	for (const module of modules) addFile(sum, module);
	// Nothing at all was run: the setup failed, or a pattern matched no file.
	if (modules.length === 0 && sum.failed.length === 0) sum.failed.push('no test was run');
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

/** So many tests may pass only when they are repeated; one more fails the run. */
export const REPEATED_AT_MOST = 3;

/** A headline with a count, and a line each. Nothing where there is nothing to list. */
function list(headline: string, names: readonly string[]): readonly string[] {
	return names.length === 0
		? []
		: ['', `${headline} (${names.length}):`, ...names.map((name) => `  - ${name}`)];
}

/**
 * Prints the slowest tests, and every test that did not run, passed only when it was repeated, or failed. The
 * last line is `N passed, N failed, N skipped`: a log that is cut at its head still says what failed. With
 * CI=true a skipped test fails the run: a machine without a real part must not look green. More than
 * {@link REPEATED_AT_MOST} repeated tests fail it as well.
 */
export class ClosingLine implements Reporter {
	onTestRunEnd(modules: readonly TestModule[], errors: readonly SerializedError[]): void {
		const { passed, failed, repeated, skipped } = tally(modules, errors);
		const lines = ['', ...slowest(modules), ...list('NOT RUN', skipped)];
		if (skipped.length > 0 && process.env['CI'] === 'true') {
			lines.push('With CI=true a test that did not run fails the run.');
			process.exitCode = 1;
		}
		lines.push(...list('PASSED ONLY WHEN REPEATED', repeated));
		if (repeated.length > REPEATED_AT_MOST) {
			lines.push(`More than ${REPEATED_AT_MOST} repeated tests fail the run.`);
			process.exitCode = 1;
		}
		lines.push(
			...list('FAILED', failed),
			'',
			`${passed} passed, ${failed.length} failed, ${skipped.length} skipped`,
		);
		process.stdout.write(`${lines.join('\n')}\n`);
	}
}
