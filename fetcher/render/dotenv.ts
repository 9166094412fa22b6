import { byLine, NUL } from './lines.ts';
import type { Render } from './rendering.ts';

/** Readers in common use that no form suits for some values: as messages name them. */
const OLD_DOTENV = 'dotenv before 16';
const PYTHON_DOTENV = 'python-dotenv';

/**
 * One way to write a value. Node's `--env-file` and dotenv from 16 on read every form. Exception: Node before
 * 20.12 reads no value of several lines.
 */
interface Form {
	readonly holds: (value: string) => boolean;
	readonly write: (value: string) => string;
	/** Common readers that read another value in this form. */
	readonly misreadBy: (value: string) => readonly string[];
}

const noReader = (): readonly string[] => [];

/** Whether dotenv before 16, which reads by lines of JavaScript, finds an end of line in what is written. */
const oldDotenvIf = (condition: boolean): readonly string[] => (condition ? [OLD_DOTENV] : []);
const pythonIf = (condition: boolean): readonly string[] => (condition ? [PYTHON_DOTENV] : []);

/** White space or control characters of one reader or another, at the ends of a value or anywhere in it. */
const BLANK_AT_END = /^[\p{Z}\ufeff]|[\p{Z}\ufeff]$/u;
const CONTROL = /[\p{Cc}\p{Zl}\p{Zp}]/u;

/** In order of preference among those that the fewest readers misread (ADR 58). */
const FORMS: readonly Form[] = [
	{
		// Readers that know no quotes (docker’s and podman’s --env-file) agree on this one as well.
		holds: (value) => /^[A-Za-z0-9_./:@%+,=^~-]+$/.test(value),
		write: (value) => value,
		misreadBy: noReader,
	},
	{
		// Node 22.0 reads a backslash before the closing quote as an escape. python-dotenv reads two as one
		// anywhere.
		holds: (value) => !value.includes("'") && !value.endsWith('\\'),
		write: (value) => `'${value}'`,
		misreadBy: (value) => [
			...oldDotenvIf(/[\n\u2028\u2029]/.test(value)),
			...pythonIf(value.includes('\\\\')),
		],
	},
	{
		// All readers take `\n` for a newline here; python-dotenv knows more escapes.
		holds: (value) => !value.includes('"') && !/\\(?:[nr\n]|$)/.test(value),
		write: (value) => `"${value.replaceAll('\n', '\\n')}"`,
		misreadBy: (value) => [
			...oldDotenvIf(/[\u2028\u2029]/.test(value)),
			...pythonIf(/\\[\\'"abftv]/.test(value)),
		],
	},
	{
		// The same with line breaks as they are, where a backslash before one must not become an escape.
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

/** The first form that holds a value among those that the fewest readers misread. */
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
 * Common readers of `.env` files that read another value than this one. None if the format does not hold it.
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
