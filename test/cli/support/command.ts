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
}

/** Runs the real command, from its sources, to its end. */
export function envtier(args: readonly string[], options: RunOptions = {}): Promise<Finished> {
	return runProcess({
		name: 'envtier',
		command: process.execPath,
		args: [join(ROOT, 'cli/main.ts'), ...args],
		env: { PATH: process.env['PATH'], ...options.env },
		...(options.input === undefined ? {} : { input: options.input }),
		...(options.cwd === undefined ? {} : { cwd: options.cwd }),
	});
}
