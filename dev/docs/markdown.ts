/** The few pieces of Markdown that generated pages are made of. */

/** Code spans and links, and names of annotations and variables, which become code in a sentence. */
const MENTIONS = /(`[^`]+`|\[[^\]]+\]\([^)]+\)|envtier\.dev\/[a-z-]+(?:\.[A-Z]+)?|ENVTIER_[A-Z0-9_]*\*?)/;

/** A sentence as Markdown: escapes signs of Markdown and HTML outside of code spans and links. */
export function prose(text: string): string {
	return text
		.split(MENTIONS)
		.map((part, i) => {
			if (i % 2 === 0) return part.replace(/[\\|<>*_[\]]/g, (sign) => `\\${sign}`);
			return /^[`[]/.test(part) ? part : code(part);
		})
		.join('');
}

/** Text as code. In a table even code may not hold a bare "|". */
export function code(text: string): string {
	return `\`${text.replaceAll('|', '\\|')}\``;
}

/** A table; cells are Markdown already. */
export function table(head: readonly string[], rows: readonly (readonly string[])[]): string {
	const line = (cells: readonly string[]): string => `| ${cells.join(' | ')} |`;
	return [line(head), line(head.map(() => '---')), ...rows.map(line)].join('\n');
}

/** A bullet list; items are Markdown already. */
export function bullets(items: readonly string[]): string {
	return items.map((item) => `- ${item}`).join('\n');
}

/** A page or a part of one: blocks with a blank line between them. */
export function blocks(...parts: readonly string[]): string {
	return parts.join('\n\n');
}
