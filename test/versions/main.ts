/**
 * Runs the tests that depend on other projects' servers with other versions of them, one after another, and
 * prints a table: `make test-versions`, or `make test-versions ONLY=1.37,2.6.1`. Exits with 1 when a test
 * failed, with 2 when ONLY names no version.
 */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import process from 'node:process';
import { chosenRuns, type Outcome, outcomeOf, table, type VersionRun } from './runs.ts';

const ROOT = join(import.meta.dirname, '../..');
const VITEST = join(ROOT, 'node_modules/vitest/vitest.mjs');

/** Runs it with its output on this terminal. */
async function run({ name, env, args }: VersionRun): Promise<Outcome> {
	process.stdout.write(`\n== ${name}\n`);
	const started = performance.now();
	const child = spawn(process.execPath, [VITEST, 'run', ...args], {
		cwd: ROOT,
		env: { ...process.env, ...env },
		stdio: ['ignore', 'pipe', 'inherit'],
	});
	let output = '';
	child.stdout.setEncoding('utf8').on('data', (text: string) => {
		process.stdout.write(text);
		output = (output + text).slice(-10_000);
	});
	const [code] = (await once(child, 'close')) as [number | null];
	return outcomeOf(name, output, code, (performance.now() - started) / 60_000);
}

try {
	const outcomes: Outcome[] = [];
	for (const one of chosenRuns(process.env['ONLY'])) outcomes.push(await run(one));
	process.stdout.write(`\n${table(outcomes)}\n`);
	process.exitCode = outcomes.some(({ failed }) => failed > 0) ? 1 : 0;
} catch (thrown) {
	process.stderr.write(`${thrown instanceof Error ? thrown.message : String(thrown)}\n`);
	process.exitCode = 2;
}
