import { parseEnv } from 'node:util';
import { isKey, KEY_RULE } from '../../contract/keys.ts';
import { err, ok, type Result } from '../../contract/result.ts';
import { checked } from './value.ts';

/** One secret of a file. */
export interface EnvEntry {
	readonly key: string;
	readonly value: string;
}

/** The part of the file for one variable, and its first line. */
interface EnvLine {
	readonly line: number;
	readonly name: string;
	readonly text: string;
}

/** Maximum number of entries: each one becomes a call of the API. */
const MAX_ENTRIES = 5_000;
const MAX_BYTES = 1024 * 1024;

const ASSIGNMENT = /^[ \t]*(?:export[ \t]+)?([^=\s#]+)[ \t]*=[ \t]*/;

/**
 * Parses a file of `KEY=value` lines as Node's `--env-file` does (comments, quotes over several lines,
 * `export`), but reports what Node would ignore. The error lists everything that is wrong, by line and key,
 * and holds no value.
 */
export function parseEnvFile(text: string): Result<readonly EnvEntry[], readonly string[]> {
	if (Buffer.byteLength(text) > MAX_BYTES) return err([`it is larger than ${MAX_BYTES} bytes`]);
	const problems: string[] = [];
	const entries = new Map<string, EnvEntry>();
	for (const piece of pieces(text, problems)) {
		if (entries.size + problems.length >= MAX_ENTRIES)
			return err([...problems.slice(0, 20), `it has more than ${MAX_ENTRIES} variables`]);
		const { line, name } = piece;
		const at = `line ${line}`;
		const value = checked(parseEnv(piece.text)[name] ?? '');
		if (!isKey(name)) problems.push(`${at}: ${JSON.stringify(name)} is not a key: it must be ${KEY_RULE}`);
		else if (entries.has(name)) problems.push(`${at}: ${name} occurs twice`);
		else if (!value.ok) problems.push(`${at}: ${name}: ${value.error}`);
		else entries.set(name, { key: name, value: value.value });
	}
	if (problems.length === 0 && entries.size === 0) problems.push('it is empty');
	return problems.length > 0 ? err(problems) : ok([...entries.values()]);
}

function* pieces(text: string, problems: string[]): Generator<EnvLine> {
	const lines = text.split(/\r?\n/);
	for (let at = 0; at < lines.length; at += 1) {
		// The file may be a concatenation of files that each begin with a byte order mark.
		const first = (lines[at] ?? '').replace(/^\ufeff/, '');
		lines[at] = first;
		const line = at + 1;
		if (/^\s*(?:#|$)/.test(first)) continue;
		const match = ASSIGNMENT.exec(first);
		if (match === null) {
			problems.push(`line ${line}: it is not KEY=value`);
			continue;
		}
		const last = endOf(lines, at, match[0].length);
		if (last === undefined) {
			problems.push(`line ${line}: the quote of ${match[1]} is never closed`);
			return;
		}
		if (last.trailing !== '')
			problems.push(`line ${last.line + 1}: after the closing quote of ${match[1]} comes more text`);
		else yield { line, name: match[1] ?? '', text: lines.slice(at, last.line + 1).join('\n') };
		at = last.line;
	}
}

/** Where the value from column `from` of line `at` ends, and the text after its closing quote. */
function endOf(
	lines: readonly string[],
	at: number,
	from: number,
): { readonly line: number; readonly trailing: string } | undefined {
	const quote = lines[at]?.[from];
	if (quote === undefined || !`"'\``.includes(quote)) return { line: at, trailing: '' };
	for (let line = at; line < lines.length; line += 1) {
		const close = lines[line]?.indexOf(quote, line === at ? from + 1 : 0) ?? -1;
		if (close >= 0)
			return { line, trailing: (lines[line] ?? '').slice(close + 1).replace(/^\s*(?:#.*)?$/, '') };
	}
	return undefined;
}
