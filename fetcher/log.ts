import { writeSync } from 'node:fs';
import type { LogLevel } from './settings.ts';

/** Fields of a line besides its message. */
export type LogFields = Readonly<Record<string, unknown>>;

/** Writes lines in pino's format. pino itself would take a tenth of the fetcher's time (ADR 4). */
export type Log = Readonly<
	Record<'debug' | 'info' | 'warn' | 'error', (message: string, fields?: LogFields) => void>
>;

/** pino's numbers for its levels. */
const LEVELS: Readonly<Record<LogLevel, number>> = {
	trace: 10,
	debug: 20,
	info: 30,
	warn: 40,
	error: 50,
	fatal: 60,
	silent: Number.POSITIVE_INFINITY,
};

const STDOUT = 1;

/** Writes to standard output synchronously, so that no line is lost when the process exits. */
function writeLine(line: string): void {
	try {
		writeSync(STDOUT, line);
	} catch {
		// The reader has gone (EPIPE) or is too slow (EAGAIN). This must not stop the pod, and there is no other
		// place to report it.
	}
}

/** Opens a log. It passes each line of `level` or above to `write`. */
export function openLog(level: LogLevel, write: (line: string) => void = writeLine): Log {
	const at =
		(name: keyof Log) =>
		(message: string, fields: LogFields = {}) => {
			if (LEVELS[name] < LEVELS[level]) return;
			const line = {
				level: LEVELS[name],
				time: Date.now(),
				name: 'envtier-fetcher',
				...fields,
				msg: message,
			};
			write(`${JSON.stringify(line)}\n`);
		};
	return { debug: at('debug'), info: at('info'), warn: at('warn'), error: at('error') };
}
