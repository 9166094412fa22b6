import { structuredPatch } from 'diff';

/** The content of a policy or a role, as lines to compare. */
export type Lines = readonly string[];

/** The lines of a policy. A line break at the end does not count: Vault's commands remove it. */
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

/** The differences, one per line: "- " in Vault, "+ " in the plan. Empty when there are none. */
export function difference(current: Lines, plan: Lines): Lines {
	const text = (lines: Lines): string => lines.map((line) => `${line}\n`).join('');
	const { hunks } = structuredPatch('', '', text(current), text(plan), '', '', { context: 0 });
	return hunks.flatMap(({ lines }) => lines.map((line) => `${line.slice(0, 1)} ${line.slice(1)}`));
}
