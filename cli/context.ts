import type { Terminal } from '../lib/terminal.ts';
import type { ExitStatus } from './exit-codes.ts';

/** The process as one run of the command sees it. Commands use it instead of the global `process`. */
export interface Context {
	readonly env: Readonly<Record<string, string | undefined>>;
	readonly stdin: NodeJS.ReadStream;
	readonly stdout: Terminal;
	readonly stderr: Terminal;
	/** Sets the exit status of the run. Without a call the run ends with success. */
	readonly end: (ending: ExitStatus) => void;
}

/** Writes the lines to standard error, and sets the exit status. */
export function fail(context: Context, ending: ExitStatus, ...lines: readonly string[]): void {
	const { stderr } = context;
	for (const line of lines) stderr.write(`${stderr.paint('bad', 'error:')} ${line}\n`);
	context.end(ending);
}
