import { stripVTControlCharacters, styleText } from 'node:util';

/**
 * Output stream of a screen. A terminal gets colours unless NO_COLOR is set; anything else gets plain text.
 */
export type Out = NodeJS.WritableStream;

/** Colours and weights by what they are for. */
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

/** What a piece of text is, for the eye. */
export type Style = keyof typeof STYLES;

/** A page that is written from top to bottom. */
export interface Screen {
	paint(style: Style, text: string): string;
	/** A heading, set off from what stands above it. */
	heading(text: string): void;
	/** Sentences, a line each. */
	say(...lines: readonly string[]): void;
	/** Something shown rather than said: indented. */
	show(lines: readonly string[]): void;
	/** Columns under their names, as wide as they need to be. */
	table(head: readonly string[], rows: readonly (readonly string[])[]): void;
}

const INDENT = '    ';

/** A screen on `out`. */
export function openScreen(out: Out): Screen {
	let last = '';
	const write = (...lines: readonly string[]): void => {
		for (const line of lines) {
			// One empty line sets things off; two look like something is missing.
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

/** Cells may be painted; what a terminal doesn't show has no width. */
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
