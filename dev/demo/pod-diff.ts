import { structuredPatch } from 'diff';
import { stringify } from 'yaml';
import type { Screen, Style } from './screen.ts';

/** Lines of unchanged text around a change. */
const CONTEXT = 2;

const STYLE_OF: ReadonlyMap<string, Style> = new Map([
	['+', 'added'],
	['-', 'removed'],
	['@', 'place'],
]);

/** The differences between two pods, as coloured lines of a unified diff of their YAML. */
export function podDiff(before: unknown, after: unknown, screen: Screen): string[] {
	const { hunks } = structuredPatch('before', 'after', yaml(before), yaml(after), undefined, undefined, {
		context: CONTEXT,
	});
	const lines = hunks.flatMap((hunk) => [
		`@@ -${hunk.oldStart},${hunk.oldLines} +${hunk.newStart},${hunk.newLines} @@`,
		...hunk.lines,
	]);
	return foldedCertificates(lines).map((line) => {
		const style = STYLE_OF.get(line.slice(0, 1));
		return style === undefined ? line : screen.paint(style, line);
	});
}

function yaml(pod: unknown): string {
	return stringify(pod, { lineWidth: 0, aliasDuplicateObjects: false });
}

/** Replaces the body of each PEM text by one line with its length: the body tells a reader nothing. */
function foldedCertificates(lines: readonly string[]): string[] {
	const folded: string[] = [];
	let hidden = 0;
	for (const line of lines) {
		if (line.includes('-----END CERTIFICATE-----')) {
			const indent = /^.\s*/.exec(line)?.[0] ?? '';
			folded.push(`${indent}… ${hidden} lines of base64, not shown here …`);
			hidden = -1;
		}
		if (hidden > 0 || line.includes('-----BEGIN CERTIFICATE-----')) hidden += 1;
		const inBody = hidden > 1;
		if (hidden === -1) hidden = 0;
		if (!inBody) folded.push(line);
	}
	return folded;
}
