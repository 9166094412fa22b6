import { structuredPatch } from 'diff';

/** What a policy or a role holds, as lines that can be compared. */
export type Lines = readonly string[];

/** The lines of a policy. The line break at its end does not count: the commands of Vault cut it off. */
export function policyLines(text: string): Lines {
	return text.trimEnd().split('\n');
}

/**
 * The fields of a role as sorted lines, each the path of a value and the value. Lists are sorted because
 * Vault changes their order.
 *
 * @param fields the fields to compare; Vault keeps the others as they are
 */
export function fieldLines(role: Readonly<Record<string, unknown>>, fields: readonly string[]): Lines {
	return [...new Set(fields.flatMap((name) => flatten(name, role[name])))].sort();
}

function flatten(path: string, value: unknown): Lines {
	if (value === null || value === undefined) return [];
	if (Array.isArray(value)) return value.flatMap((element) => flatten(path, element));
	if (typeof value !== 'object') return [`${path} ${JSON.stringify(value)}`];
	return Object.entries(value).flatMap(([name, member]) => flatten(`${path}.${name}`, member));
}

/** What differs, a line each: "- " in Vault, "+ " as it would become. Empty when nothing does. */
export function difference(there: Lines, wanted: Lines): Lines {
	const text = (lines: Lines): string => lines.map((line) => `${line}\n`).join('');
	const { hunks } = structuredPatch('', '', text(there), text(wanted), '', '', { context: 0 });
	return hunks.flatMap(({ lines }) => lines.map((line) => `${line.slice(0, 1)} ${line.slice(1)}`));
}
