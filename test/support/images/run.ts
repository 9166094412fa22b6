import { type Finished, type ProcessOptions, runProcess } from '../process.ts';

const SHOWN_LINES = 40;

/** Runs a program that must succeed; throws the end of its output otherwise. */
export async function mustRun(options: ProcessOptions & { readonly timeoutMs?: number }): Promise<Finished> {
	const finished = await runProcess(options);
	if (finished.code === 0) return finished;
	const { command, name = command } = options;
	const output = `${finished.stdout}${finished.stderr}`.trim().split('\n').slice(-SHOWN_LINES).join('\n');
	throw new Error(`${name} failed (${finished.signal ?? `exit code ${finished.code}`}):\n${output}`);
}
