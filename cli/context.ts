import type { Terminal } from '../lib/terminal.ts';
import type { ExitStatus } from './exit-codes.ts';

/** The world of one run of the command, given to it so that nothing else reaches for the process. */
export interface Context {
	readonly env: Readonly<Record<string, string | undefined>>;
	readonly stdin: NodeJS.ReadStream;
	readonly stdout: Terminal;
	readonly stderr: Terminal;
	/** Says how the run ends; unless called, well. */
	readonly end: (ending: ExitStatus) => void;
}

/** Says on standard error what went wrong, and ends so. */
export function fail(context: Context, ending: ExitStatus, ...lines: readonly string[]): void {
	const { stderr } = context;
	for (const line of lines) stderr.write(`${stderr.paint('bad', 'error:')} ${line}\n`);
	context.end(ending);
}
