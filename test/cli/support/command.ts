import { join } from 'node:path';
import process from 'node:process';
import { type Finished, runProcess } from '../../support/process.ts';

const ROOT = join(import.meta.dirname, '../../..');

/** How the command is run. */
export interface RunOptions {
	/** Standard input; empty unless given. */
	readonly input?: string;
	/** The whole environment besides PATH. */
	readonly env?: Readonly<Record<string, string | undefined>>;
	readonly cwd?: string;
	/** A bundle to run instead of the sources. */
	readonly bundle?: string | undefined;
}

/** Bundles the command as `make build` does, into `dir`; gives the file. */
export async function bundleCommand(dir: string): Promise<string> {
	const built = await runProcess({
		command: process.execPath,
		args: ['build.ts', `--out=${dir}`, 'envtier'],
		cwd: ROOT,
	});
	if (built.code !== 0) throw new Error(`node build.ts failed:\n${built.stderr}`);
	return join(dir, 'envtier.mjs');
}

/** Runs the real command, from its sources, to its end. */
export function envtier(args: readonly string[], options: RunOptions = {}): Promise<Finished> {
	return runProcess({
		name: 'envtier',
		command: process.execPath,
		args: [options.bundle ?? join(ROOT, 'cli/main.ts'), ...args],
		env: { PATH: process.env['PATH'], ...options.env },
		...(options.input === undefined ? {} : { input: options.input }),
		...(options.cwd === undefined ? {} : { cwd: options.cwd }),
	});
}
