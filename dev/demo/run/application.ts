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
	const found = await environmentOf(
		command.map((word) => volumes.onHost(container, word)),
		env,
	);
	const bare = await environmentOf(['sh', '-c', 'exec node server.js'], env);
	const added = Object.entries(found).filter(([name]) => !(name in bare));
	return { command, added: Object.fromEntries(added) };
}

async function environmentOf(command: readonly string[], env: Environment): Promise<Environment> {
	const [program, ...args] = command;
	if (program === undefined)
		throw new Error('the container of the pod has no command that could be run here');
	const ended = await runProcess({ command: program, args, env, cwd: WORKING_DIR, timeoutMs: 20_000 });
	if (ended.code !== 0)
		throw new Error(`the application ended with ${ended.signal ?? ended.code}: ${ended.stderr.trim()}`);
	return JSON.parse(ended.stdout) as Environment;
}
