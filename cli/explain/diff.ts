import { structuredPatch } from 'diff';
import { stringify } from 'yaml';
import type { Style } from '../../lib/terminal.ts';

/** One line of a difference, and its kind. */
export interface DiffLine {
	readonly style: Style | undefined;
	readonly text: string;
}

/** Lines of unchanged text around a change. */
const CONTEXT = 3;

const STYLE_OF: Readonly<Record<string, Style>> = { '+': 'added', '-': 'removed', '@': 'place' };

/** An object as YAML. A string has its own lines only if it contains line breaks. */
export function yamlOf(value: unknown): string {
	return stringify(value, { lineWidth: 0, aliasDuplicateObjects: false });
}

/** The lines of a unified diff between the YAML of two pods. */
export function podDiff(before: unknown, after: unknown, title: string): readonly DiffLine[] {
	const { hunks } = structuredPatch('', '', yamlOf(before), yamlOf(after), undefined, undefined, {
		context: CONTEXT,
	});
	return [
		{ style: 'removed', text: `--- ${title} as written` },
		{ style: 'added', text: `+++ ${title} as created` },
		...hunks
			.flatMap(({ oldStart, oldLines, newStart, newLines, lines }) => [
				`@@ -${oldStart},${oldLines} +${newStart},${newLines} @@`,
				...foldedCertificates(lines),
			])
			.map((text) => ({ style: STYLE_OF[text[0] ?? ''], text })),
	];
}

/** Replaces the body of each PEM text by one line with its length: the body tells a reader nothing. */
function foldedCertificates(lines: readonly string[]): readonly string[] {
	const folded: string[] = [];
	let begun: number | undefined;
	for (const [index, line] of lines.entries()) {
		if (line.includes('-----END CERTIFICATE-----') && begun !== undefined) {
			folded.push(`${/^.\s*/.exec(line)?.[0]}… ${index - begun - 1} lines of base64 …`);
			begun = undefined;
		}
		if (begun === undefined) folded.push(line);
		if (line.includes('-----BEGIN CERTIFICATE-----')) begun = index;
	}
	return folded;
}
