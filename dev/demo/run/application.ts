import { dirname, join } from 'node:path';
import process from 'node:process';
import type { V1Container } from '@kubernetes/client-node';
import { runProcess } from '../../../test/support/process.ts';
import type { Volumes } from './volumes.ts';

/** Environment variables by name. */
type Environment = Readonly<Record<string, string>>;

/** The result of the application. */
export interface ApplicationView {
	/** The command of the container, as in the pod. */
	readonly command: readonly string[];
	/** The variables that sourcing the file has added to the environment. */
	readonly added: Environment;
}

/** The directory of server.js, the program of the container. */
const WORKING_DIR = join(import.meta.dirname, 'app');

/**
 * Runs the command of a container with its mount paths replaced, and Node alone, to show what sourcing adds.
 */
export async function runApplication(
	container: V1Container,
	volumes: Volumes,
	path: string,
): Promise<ApplicationView> {
	const command = [...(container.command ?? []), ...(container.args ?? [])];
	const env = { PATH: `${dirname(process.execPath)}:${path}` };
	const environment = await environmentOf(
		command.map((word) => volumes.onHost(container, word)),
		env,
	);
	const baseline = await environmentOf(['sh', '-c', 'exec node server.js'], env);
	const added = Object.entries(environment).filter(([name]) => !(name in baseline));
	return { command, added: Object.fromEntries(added) };
}

async function environmentOf(command: readonly string[], env: Environment): Promise<Environment> {
	const [program, ...args] = command;
	if (program === undefined)
		throw new Error('the container of the pod has no command that could be run here');
	const result = await runProcess({ command: program, args, env, cwd: WORKING_DIR, timeoutMs: 20_000 });
	if (result.code !== 0)
		throw new Error(`the application ended with ${result.signal ?? result.code}: ${result.stderr.trim()}`);
	return JSON.parse(result.stdout) as Environment;
}
