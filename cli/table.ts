import type { Terminal } from '../lib/terminal.ts';

/**
 * Formats columns with a heading, as wide as needed, without trailing blanks. Makes foreign text safe to
 * show.
 */
export function table(
	head: readonly string[],
	rows: readonly (readonly string[])[],
	paint: Terminal['paint'],
): string {
	const cells = [head, ...rows].map((row) => row.map((cell) => oneLine(cell)));
	const widths = head.map((_, column) => Math.max(...cells.map((row) => [...(row[column] ?? '')].length)));
	const lines = cells.map((row) =>
		row
			.map((cell, column) => cell + ' '.repeat((widths[column] ?? 0) - [...cell].length))
			.join('  ')
			.trimEnd(),
	);
	return `${[paint('title', lines[0] ?? ''), ...lines.slice(1)].join('\n')}\n`;
}

function oneLine(text: string): string {
	return text.replace(/\s+/g, ' ');
}
