/** Builds Markdown for the generated pages. */

/** Code spans and links, and names of annotations and variables, which `prose` formats as code. */
const MENTIONS = /(`[^`]+`|\[[^\]]+\]\([^)]+\)|envtier\.dev\/[a-z-]+(?:\.[A-Z]+)?|ENVTIER_[A-Z0-9_]*\*?)/;

/** A sentence as Markdown. Escapes characters of Markdown and HTML outside of code spans and links. */
export function prose(text: string): string {
	return text
		.split(MENTIONS)
		.map((part, i) => {
			if (i % 2 === 0) return part.replace(/[\\|<>*_[\]]/g, (sign) => `\\${sign}`);
			return /^[`[]/.test(part) ? part : code(part);
		})
		.join('');
}

/** Text as code. Escapes "|", which would end the cell of a table. */
export function code(text: string): string {
	return `\`${text.replaceAll('|', '\\|')}\``;
}

/** A table; cells are already Markdown. */
export function table(head: readonly string[], rows: readonly (readonly string[])[]): string {
	const line = (cells: readonly string[]): string => `| ${cells.join(' | ')} |`;
	return [line(head), line(head.map(() => '---')), ...rows.map(line)].join('\n');
}

/** A bullet list; items are already Markdown. */
export function bullets(items: readonly string[]): string {
	return items.map((item) => `- ${item}`).join('\n');
}

/** A page or a part of it: blocks with a blank line between them. */
export function blocks(...parts: readonly string[]): string {
	return parts.join('\n\n');
}
