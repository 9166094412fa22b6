import process from 'node:process';
import { Writable } from 'node:stream';
import pino, { type Logger } from 'pino';
import type { LogFormat } from './log-format.ts';

/** Where the log goes, and how. */
export interface LogOptions {
	readonly level: string;
	readonly format: LogFormat;
	readonly out: Writable & { readonly isTTY?: boolean };
}

const NAME = 'envtier-webhook';

/** Opens the log: a JSON object a line for machines, or a line for people. */
export function openLog({ level, format, out }: LogOptions): Logger {
	const forPeople = format === 'text' || (format === 'auto' && out.isTTY === true);
	// pino writes to standard output by itself, and faster than through a stream.
	if (!forPeople)
		return out === process.stdout ? pino({ level, name: NAME }) : pino({ level, name: NAME }, out);
	const colours = out.isTTY === true;
	const lines = new Writable({
		decodeStrings: false,
		write: (line: string, _encoding, done) => out.write(readable(line, colours), () => done()),
	});
	return pino({ level, name: NAME }, lines);
}

const LEVELS: Readonly<Record<number, readonly [name: string, colour: number]>> = {
	10: ['TRACE', 90],
	20: ['DEBUG', 90],
	30: ['INFO ', 32],
	40: ['WARN ', 33],
	50: ['ERROR', 31],
	60: ['FATAL', 31],
};

/** `14:02:11.042 WARN  refused  reason=bad-annotation namespace=shop …`: one line of pino's, for people. */
function readable(line: string, colours: boolean): string {
	const { level, time, msg, pid: _pid, hostname: _host, name: _name, err, ...fields } = JSON.parse(line);
	const [word, colour] = LEVELS[level] ?? ['     ', 0];
	const at = new Date(time).toISOString().slice(11, 23);
	const shown = Object.entries(fields).map(([key, value]) => `${key}=${shownValue(value)}`);
	// A defect's stack is the one thing that has more than a line.
	const stack = typeof err?.stack === 'string' ? `\n${err.stack}` : '';
	const painted = colours ? `\u001B[${colour}m${word}\u001B[0m` : word;
	return `${[at, painted, msg, ...shown].join(' ')}${stack}\n`;
}

/**
 * Shows a simple value as it is, any other as JSON without control characters, so that it cannot change the
 * terminal.
 */
function shownValue(value: unknown): string {
	if (typeof value === 'string' && /^[\w./:{}*-]+$/.test(value)) return value;
	return JSON.stringify(value).replace(/[\p{C}\p{Zl}\p{Zp}]/gu, '?');
}
