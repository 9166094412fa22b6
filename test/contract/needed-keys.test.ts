import { expect, test } from 'vitest';
import { parseTemplate } from '../../contract/compose.ts';
import { type KeyNeeds, neededKeys } from '../../contract/needed-keys.ts';

const KEYS = ['A', 'B', 'DB_HOST', 'DB_PORT', 'URL'] as const;

function templatesOf(texts: Readonly<Record<string, string>>): KeyNeeds['templates'] {
	return new Map(
		Object.entries(texts).map(([key, text]) => {
			const parsed = parseTemplate(text);
			if (!parsed.ok) throw new Error(parsed.error);
			return [key, parsed.value];
		}),
	);
}

const all = { selection: undefined };
const some = { selection: { keys: [{ name: 'A', source: 'A' }], prefixes: [{ name: '', source: 'DB_' }] } };

test.for<[string, Partial<KeyNeeds>, readonly string[]]>([
	['files without a selection need every key', {}, KEYS],
	['a selection needs its keys and prefixes', { volumes: [some] }, ['A', 'DB_HOST', 'DB_PORT']],
	['of two volumes, one takes every key', { volumes: [some, all] }, KEYS],
	['"*" takes every key', { volumes: [{ selection: { keys: 'all', prefixes: [] } }] }, KEYS],
	['required keys are needed', { volumes: [some], require: ['B'] }, ['A', 'B', 'DB_HOST', 'DB_PORT']],
	['native variables alone need their keys only', { formats: [], envKeys: ['B'] }, ['B']],
	['a required key counts without files', { formats: [], envKeys: ['B'], require: ['A'] }, ['A', 'B']],
	[
		'a template needs what it refers to, and its own key only if something else does',
		{ formats: [], envKeys: ['URL'], templates: templatesOf({ URL: '${DB_HOST}:${DB_PORT}' }) },
		['DB_HOST', 'DB_PORT', 'URL'],
	],
	[
		'keys that a selection names must exist, so they are needed',
		{ formats: [], volumes: [some] },
		['A', 'DB_HOST', 'DB_PORT'],
	],
])('%s', ([, needs, expected]) => {
	const base: KeyNeeds = {
		...{ require: [], envKeys: [], templates: new Map(), formats: ['shell'], volumes: [all] },
	};
	expect(KEYS.filter(neededKeys({ ...base, ...needs }))).toEqual(expected);
});
