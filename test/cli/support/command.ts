import { join } from 'node:path';
import process from 'node:process';
import { bundleOf } from '../../support/bundles.ts';
import { type Finished, runProcess } from '../../support/process.ts';

const ROOT = join(import.meta.dirname, '../../..');

/** How the command is run. */
export interface RunOptions {
	/** Standard input; empty unless given. */
	readonly input?: string;
	/** The whole environment besides PATH. */
	readonly env?: Readonly<Record<string, string | undefined>>;
	readonly cwd?: string;
	/** The file to run instead of the bundle that ships. */
	readonly program?: string | undefined;
}

/** The command as its sources are. */
export const SOURCES = join(ROOT, 'cli/main.ts');

/** Runs the real command, as it ships, to its end. */
export async function envtier(args: readonly string[], options: RunOptions = {}): Promise<Finished> {
	return runProcess({
		name: 'envtier',
		command: process.execPath,
		args: [options.program ?? (await bundleOf('envtier')), ...args],
		env: { PATH: process.env['PATH'], ...options.env },
		...(options.input === undefined ? {} : { input: options.input }),
		...(options.cwd === undefined ? {} : { cwd: options.cwd }),
	});
}
