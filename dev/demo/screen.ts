import { stripVTControlCharacters, styleText } from 'node:util';

/**
 * Output stream of a screen. A terminal gets colours unless NO_COLOR is set; anything else gets plain text.
 */
export type Out = NodeJS.WritableStream;

/** Colours and weights, by purpose. */
const STYLES = {
	title: ['bold'],
	strong: ['bold'],
	faint: ['dim'],
	added: ['green'],
	removed: ['red'],
	place: ['cyan'],
	warning: ['yellow'],
	failure: ['red', 'bold'],
} as const;

/** The purpose of a piece of text. */
export type Style = keyof typeof STYLES;

/** The output of the demo, from top to bottom. */
export interface Screen {
	paint(style: Style, text: string): string;
	/** A heading, with an empty line above it. */
	heading(text: string): void;
	/** Sentences, one per line. */
	say(...lines: readonly string[]): void;
	/** Indented lines, for output of programs and files. */
	show(lines: readonly string[]): void;
	/** A table with a heading. Columns are as wide as needed. */
	table(head: readonly string[], rows: readonly (readonly string[])[]): void;
}

const INDENT = '    ';

/** A screen on `out`. */
export function openScreen(out: Out): Screen {
	let last = '';
	const write = (...lines: readonly string[]): void => {
		for (const line of lines) {
			// At most one empty line in a row.
			if (line === '' && last === '') continue;
			out.write(`${line}\n`);
			last = line;
		}
	};
	const paint = (style: Style, text: string): string => styleText([...STYLES[style]], text, { stream: out });
	const show = (lines: readonly string[]): void => write('', ...lines.map((line) => INDENT + line), '');
	return {
		paint,
		heading: (text) => write('', paint('title', text)),
		say: (...lines) => write(...lines),
		show,
		table: (head, rows) => {
			const [names = '', ...lines] = aligned([head, ...rows]);
			show([paint('faint', names), ...lines]);
		},
	};
}

/** Pads cells to the width of their column. Escape sequences of colours have no width. */
function aligned(rows: readonly (readonly string[])[]): string[] {
	const width = (cell: string): number => stripVTControlCharacters(cell).length;
	const widths = (rows[0] ?? []).map((_, column) => Math.max(...rows.map((row) => width(row[column] ?? ''))));
	return rows.map((row) =>
		row
			.map((cell, column) => cell + ' '.repeat((widths[column] ?? 0) - width(cell)))
			.join('   ')
			.trimEnd(),
	);
}
