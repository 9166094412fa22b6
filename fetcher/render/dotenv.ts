import { byLine, NUL } from './lines.ts';
import type { Render } from './rendering.ts';

/** In order of preference. Between double quotes both readers turn `\n` into a newline, and dotenv `\r` into a return. */
const QUOTES = ["'", '`', '"'] as const;

/**
 * Quotes a value so that Node's `--env-file` and the dotenv package read the same, or undefined where they can't. Neither
 * knows an escape for a quote, so there must be one that the value lacks; without quotes it must be one line without "#"
 * or blanks at its ends. dotenv takes a backslash before the closing quote for an escape of it and looks for another one
 * further down: it finds one in a comment, where it can't be the end, and comes back.
 */
function quote(value: string): string | undefined {
	for (const mark of QUOTES) {
		if (value.includes(mark) || (mark === '"' && /\\[nr]/.test(value))) continue;
		return value.endsWith('\\') ? `${mark}${value}${mark} # ${mark}.` : `${mark}${value}${mark}`;
	}
	const plain = !/[\n#\u2028\u2029]/.test(value) && !/^['"`]/.test(value) && value.trim() === value;
	return plain ? value : undefined;
}

/** `KEY='value'`, for Node's `--env-file` and the dotenv package. */
export const renderDotenv: Render = byLine(({ key, value }) => {
	if (value.includes('\0')) return NUL;
	if (value.includes('\r'))
		return { why: 'holds a carriage return, which the dotenv package reads as a newline' };
	const quoted = quote(value);
	if (quoted === undefined)
		return { why: 'holds all three kinds of quotes in a way that no .env file can: use another format' };
	return { line: `${key}=${quoted}\n` };
});
