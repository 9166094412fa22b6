import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import {
	listText,
	parsePrefixes,
	parseSelectedKeys,
	type Selection,
	takes,
} from '../../contract/selection.ts';
import { select } from '../../fetcher/select.ts';
import type { Secret } from '../../fetcher/tiers.ts';

function selectionOf(keys: string, prefixes: string): Selection {
	const one = keys === '' ? { ok: true as const, value: [] } : parseSelectedKeys(keys);
	const other = prefixes === '' ? { ok: true as const, value: [] } : parsePrefixes(prefixes);
	if (!one.ok || !other.ok) throw new Error('no selection');
	return { keys: one.value, prefixes: other.value };
}

const secretsOf = (keys: readonly string[]): Secret[] =>
	keys.map((key): Secret => ({ key, origin: 'org', value: `of ${key}` }));
const ALL = secretsOf(['APP', 'DB_HOST', 'DB_PASS', 'WEB_TOKEN']);

function selected(keys: string, prefixes: string): Record<string, string> {
	const { secrets, clashes } = select(ALL, selectionOf(keys, prefixes));
	expect(clashes).toEqual([]);
	return Object.fromEntries(secrets.map(({ key, value }) => [key, value]));
}

describe('a selection', () => {
	test.for<[string, string, string, Record<string, string>]>([
		['takes keys', 'APP', '', { APP: 'of APP' }],
		['gives them other names', 'X=APP, APP', '', { APP: 'of APP', X: 'of APP' }],
		['takes what begins alike', '', 'DB_', { DB_HOST: 'of DB_HOST', DB_PASS: 'of DB_PASS' }],
		['leaves a prefix out', '', '=DB_', { HOST: 'of DB_HOST', PASS: 'of DB_PASS' }],
		['puts another in its place', '', 'PG=DB_', { PGHOST: 'of DB_HOST', PGPASS: 'of DB_PASS' }],
		['takes both', 'APP', '=WEB_', { APP: 'of APP', TOKEN: 'of WEB_TOKEN' }],
		['may mean one key twice', 'DB_HOST', 'DB_', { DB_HOST: 'of DB_HOST', DB_PASS: 'of DB_PASS' }],
		['leaves out what is not there', 'NOWHERE', 'NO_', {}],
	])('%s', ([, keys, prefixes, expected]) => expect(selected(keys, prefixes)).toEqual(expected));

	test('"*" and no selection mean all keys', () => {
		expect(select(ALL, selectionOf('*', '')).secrets).toEqual(ALL);
		expect(select(ALL, undefined).secrets).toEqual(ALL);
	});

	test.for<[string, string, string, string]>([
		['two keys of one name', 'HOST=APP', '=DB_', 'APP and DB_HOST would both be HOST'],
		['a name that is none', '', '=DB', ''],
	])('tells of %s', ([, keys, prefixes, sentence]) => {
		const { clashes } = select(ALL, selectionOf(keys, prefixes));
		if (sentence !== '') expect(clashes).toEqual([sentence]);
		else expect(clashes).toEqual([]);
		const { clashes: digits } = select(secretsOf(['DB_1', 'DB_']), selectionOf('', '=DB_'));
		expect(digits).toEqual([
			'DB_1 without its prefix would be "1", which is not a name',
			'DB_ without its prefix would be "", which is not a name',
		]);
	});

	test('returns exactly the keys that it takes, sorted', () => {
		const key = fc.constantFrom('A', 'AB', 'ABC', 'B', 'BA', '_', '_A');
		const list = fc.array(fc.tuple(fc.option(key), key), { minLength: 1, maxLength: 4 });
		const written = list.map((items) =>
			items.map(([name, source]) => (name === null ? source : `${name}=${source}`)).join(' , '),
		);
		fc.assert(
			fc.property(fc.uniqueArray(key), written, written, (keys, one, other) => {
				fc.pre(parseSelectedKeys(one).ok && parsePrefixes(other).ok);
				const selection = selectionOf(one, other);
				const all = secretsOf(keys.sort());
				const { secrets, clashes } = select(all, selection);
				const given = new Set(secrets.map(({ value }) => value));
				for (const { key, value } of all) {
					if (!takes(selection, key)) expect(given).not.toContain(value);
					else if (clashes.length === 0) expect(given).toContain(value);
				}
				const names = secrets.map((secret) => secret.key);
				expect(names).toEqual([...new Set(names)].sort());
			}),
		);
	});

	test('is unchanged after it is written and parsed', () => {
		for (const text of ['A', 'B=A, A', '*'])
			expect(listText(selectionOf(listText(selectionOf(text, '').keys), '').keys)).toBe(
				listText(selectionOf(text, '').keys),
			);
		expect(listText(selectionOf('', '=DB_, A=B,C').prefixes)).toBe('=DB_,A=B,C');
	});
});
