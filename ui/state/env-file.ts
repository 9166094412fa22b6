import { isKey, KEY_RULE } from '../../contract/keys.ts';

/** One entry of a pasted .env text. */
export interface Entry {
	readonly key: string;
	readonly value: string;
}

/** What a pasted text holds, and what is wrong with it, by line. No problem quotes a value. */
export interface Pasted {
	readonly entries: readonly Entry[];
	readonly problems: readonly string[];
}

const ASSIGNMENT = /^[ \t]*(?:export[ \t]+)?([^=\s#]+)[ \t]*=[ \t]*/;

/**
 * Parses `KEY=value` lines as `envtier secrets import` does: comments, `export`, and values in quotes, which
 * may span lines. Names stay as they are: a name that is no key is a problem.
 */
export function parseEnvText(text: string): Pasted {
	const lines = text.split(/\r?\n/);
	const entries = new Map<string, Entry>();
	const problems: string[] = [];
	for (let at = 0; at < lines.length; at += 1) {
		const line = (lines[at] ?? '').replace(/^\ufeff/, '');
		const number = at + 1;
		if (/^\s*(?:#|$)/.test(line)) continue;
		const match = ASSIGNMENT.exec(line);
		if (match === null) {
			problems.push(`line ${number}: it is not KEY=value`);
			continue;
		}
		const key = match[1] ?? '';
		const rest = line.slice(match[0].length);
		const read = readValue(rest, lines, at);
		if (read === undefined) {
			problems.push(`line ${number}: the quote of ${key} is never closed`);
			break;
		}
		at = read.last;
		const problem = problemOf(key, read, entries);
		if (problem === undefined) entries.set(key, { key, value: read.value });
		else problems.push(`line ${number}: ${problem}`);
	}
	if (entries.size === 0 && problems.length === 0) problems.push('there is no KEY=value in it');
	return { entries: [...entries.values()], problems };
}

function problemOf(key: string, read: ReadValue, known: ReadonlyMap<string, Entry>): string | undefined {
	if (!isKey(key)) return `${JSON.stringify(key)} is not a key: it must be ${KEY_RULE}`;
	if (known.has(key)) return `${key} occurs twice`;
	if (read.trailing) return `after the closing quote of ${key} comes more text`;
	return read.value === '' ? `${key} is empty: a secret needs a value` : undefined;
}

interface ReadValue {
	readonly value: string;
	/** The index of its last line. */
	readonly last: number;
	readonly trailing: boolean;
}

function readValue(rest: string, lines: readonly string[], at: number): ReadValue | undefined {
	const quote = rest[0];
	if (quote === undefined || !`"'\``.includes(quote))
		return { value: rest.replace(/#.*$/, '').trim(), last: at, trailing: false };
	let text = rest.slice(1);
	for (let last = at; last < lines.length; last += 1) {
		if (last > at) text += `\n${lines[last] ?? ''}`;
		const close = text.indexOf(quote);
		if (close < 0) continue;
		const value = text.slice(0, close);
		const trailing = !/^\s*(?:#.*)?$/.test(text.slice(close + 1));
		return { value: quote === '"' ? value.replaceAll('\\n', '\n') : value, last, trailing };
	}
	return undefined;
}
