import { writeSync } from 'node:fs';
import type { LogLevel } from './settings.ts';

/** Fields of a line besides its message. */
export type LogFields = Readonly<Record<string, unknown>>;

/** Writes lines of pino's shape (pino itself would be a tenth of the fetcher's time: ADR 4). */
export type Log = Readonly<
	Record<'debug' | 'info' | 'warn' | 'error', (message: string, fields?: LogFields) => void>
>;

/** pino's numbers. */
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

/** Writes to standard output at once, so that a line is out when the process ends in the next moment. */
function writeLine(line: string): void {
	try {
		writeSync(STDOUT, line);
	} catch {
		// Nobody reads the log (EPIPE), or not fast enough (EAGAIN). That must not stop a pod, and there is no
		// other place to report it.
	}
}

/** A log that keeps lines from `level` upwards and hands each to `write`. */
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
