import { byLine, NUL } from './lines.ts';
import type { Render } from './rendering.ts';

/** Common readers that cannot read some values in any form. Messages show these names. */
const OLD_DOTENV = 'dotenv before 16';
const PYTHON_DOTENV = 'python-dotenv';

/**
 * A syntax for a value. Node's `--env-file` and dotenv 16 or later read every form, except that Node before
 * 20.12 does not read values with several lines.
 */
interface Form {
	readonly holds: (value: string) => boolean;
	readonly write: (value: string) => string;
	/** Common readers that read a different value from this form. */
	readonly misreadBy: (value: string) => readonly string[];
}

const noReader = (): readonly string[] => [];

/** dotenv before 16 splits the file at JavaScript's line terminators. */
const oldDotenvIf = (condition: boolean): readonly string[] => (condition ? [OLD_DOTENV] : []);
const pythonIf = (condition: boolean): readonly string[] => (condition ? [PYTHON_DOTENV] : []);

/** Characters that some reader treats as white space at the ends of a value, or as control characters. */
const BLANK_AT_END = /^[\p{Z}\ufeff]|[\p{Z}\ufeff]$/u;
const CONTROL = /[\p{Cc}\p{Zl}\p{Zp}]/u;

/** In order of preference, if the same number of readers misread them (ADR 58). */
const FORMS: readonly Form[] = [
	{
		// Readers without quotes (docker’s and podman’s --env-file) read this form as well.
		holds: (value) => /^[A-Za-z0-9_./:@%+,=^~-]+$/.test(value),
		write: (value) => value,
		misreadBy: noReader,
	},
	{
		// Node 22.0 reads a backslash before the closing quote as an escape. python-dotenv reads two backslashes
		// as one, anywhere.
		holds: (value) => !value.includes("'") && !value.endsWith('\\'),
		write: (value) => `'${value}'`,
		misreadBy: (value) => [
			...oldDotenvIf(/[\n\u2028\u2029]/.test(value)),
			...pythonIf(value.includes('\\\\')),
		],
	},
	{
		// All readers read `\n` as a newline here; python-dotenv has more escapes.
		holds: (value) => !value.includes('"') && !/\\(?:[nr\n]|$)/.test(value),
		write: (value) => `"${value.replaceAll('\n', '\\n')}"`,
		misreadBy: (value) => [
			...oldDotenvIf(/[\u2028\u2029]/.test(value)),
			...pythonIf(/\\[\\'"abftv]/.test(value)),
		],
	},
	{
		// The same with literal line breaks, so that a backslash before a line break is no escape.
		holds: (value) => !value.includes('"') && !/\\(?:[nr]|$)/.test(value),
		write: (value) => `"${value}"`,
		misreadBy: (value) => [
			...oldDotenvIf(/[\n\u2028\u2029]/.test(value)),
			...pythonIf(/\\[\\'"abftv]/.test(value)),
		],
	},
	{
		holds: (value) => !CONTROL.test(value) && !BLANK_AT_END.test(value) && !/^['"`]|#/.test(value),
		write: (value) => value,
		misreadBy: noReader,
	},
	{
		holds: (value) => !value.includes('`') && !value.endsWith('\\'),
		write: (value) => `\`${value}\``,
		misreadBy: () => [OLD_DOTENV, PYTHON_DOTENV],
	},
];

/** The form for a value: the first of those that the fewest readers misread. */
function formOf(value: string): Form | undefined {
	let best: Form | undefined;
	for (const form of FORMS) {
		if (!form.holds(value)) continue;
		const misread = form.misreadBy(value).length;
		if (misread === 0) return form;
		if (best === undefined || misread < best.misreadBy(value).length) best = form;
	}
	return best;
}

/**
 * Common readers of `.env` files that read a different value. Empty if the format cannot hold the value.
 */
export function misreadersOf(value: string): readonly string[] {
	return value === '' ? [] : (formOf(value)?.misreadBy(value) ?? []);
}

/** `KEY=value`, for Node's `--env-file` and the dotenv packages of JavaScript and Python. */
export const renderDotenv: Render = byLine(({ key, value }) => {
	if (value.includes('\0')) return NUL;
	if (value.includes('\r'))
		return { why: 'holds a carriage return, which the dotenv package reads as a newline' };
	if (value === '') return { line: `${key}=''\n` };
	const form = formOf(value);
	if (form === undefined)
		return { why: 'holds quotes, backslashes or "#" in a way that no .env file can: use another format' };
	return { line: `${key}=${form.write(value)}\n` };
});
