/** Unsaved changes, pasted text and other decisions, without a browser. */
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { parseEnvFile } from '../../../cli/remote/env-file.ts';
import { copyKeys, deleteKeys, tagKeys } from '../../../ui/state/bulk.ts';
import { compare } from '../../../ui/state/compare.ts';
import {
	cellName,
	changesOf,
	type Draft,
	emptyDrafts,
	parseCellName,
	problemsByCell,
	rebased,
	reviewOf,
	valueDraft,
	withEntries,
} from '../../../ui/state/drafts.ts';
import { parseEnvText } from '../../../ui/state/env-file.ts';
import { generationOf } from '../../../ui/state/generate.ts';
import { memberOf } from '../../../ui/state/members.ts';
import { href, routeOf } from '../../../ui/state/routes.ts';
import { parseTags } from '../../../ui/state/tags.ts';
import {
	annotationsFor,
	consumersCommand,
	csvOf,
	restoreCommand,
	restoreQuery,
	revealQuery,
	sentence,
} from '../../../ui/state/texts.ts';
import type { Cell, Column } from '../../../ui/state/types.ts';

const WEB: Column = { tier: 'service', service: 'web' };
const live: Cell = { key: 'A', column: 2, state: 'live', id: 'id-a', version: 3, at: '', by: '' };

describe('drafts', () => {
	test('a value for a live secret is an update of its version; otherwise a creation', () => {
		expect(valueDraft(live, 'v')).toEqual({ kind: 'update', value: 'v', id: 'id-a', version: 3 });
		expect(valueDraft({ ...live, state: 'deleted' }, 'v')).toEqual({ kind: 'create', value: 'v' });
		expect(valueDraft(undefined, 'v')).toEqual({ kind: 'create', value: 'v' });
	});

	test('become one call, without the keys that still need a value', () => {
		const drafts = new Map<string, Draft>([
			[cellName(WEB, 'A'), { kind: 'create', value: 'v' }],
			[cellName(WEB, 'EMPTY'), { kind: 'create', value: '' }],
			[cellName({ tier: 'org', service: '' }, 'B'), { kind: 'delete', id: 'id-b', version: 2 }],
		]);
		const { names, changes } = changesOf(drafts);
		expect(changes).toEqual([
			{ change: 'create', tier: 'service', service: 'web', key: 'A', value: 'v' },
			{ change: 'delete', id: 'id-b', version: 2 },
		]);
		expect(problemsByCell(names, [{ index: 1, conflict: true, message: 'm' }])).toEqual(
			new Map([['org//B', { conflict: true, message: 'm' }]]),
		);
		expect(reviewOf(drafts)).toMatchObject({
			create: ['service/web/A', 'service/web/EMPTY'],
			delete: ['org//B'],
		});
	});

	test('after a conflict, keeping the own change means: over what is there now', () => {
		const update: Draft = { kind: 'update', value: 'mine', id: 'id-a', version: 1 };
		expect(rebased(update, live)).toEqual({ kind: 'update', value: 'mine', id: 'id-a', version: 3 });
		expect(rebased(update, undefined)).toEqual({ kind: 'create', value: 'mine' });
		expect(rebased({ kind: 'create', value: 'mine' }, live)).toMatchObject({ kind: 'update', version: 3 });
		expect(rebased({ kind: 'delete', id: 'id-a', version: 1 }, live)).toMatchObject({ version: 3 });
		expect(rebased({ kind: 'delete', id: 'id-a', version: 1 }, undefined)).toBeUndefined();
	});

	test('the name of a cell is read back', () => {
		expect(parseCellName(cellName(WEB, 'A_B'))).toEqual({ column: WEB, key: 'A_B' });
	});

	test('bulk: tags and deletes what is there, copies where nothing is', () => {
		const place = { column: WEB, cellAt: (key: string) => (key === 'A' ? live : undefined) };
		expect(tagKeys(new Map(), ['A', 'B'], place, ['x'])).toMatchObject({ count: 1 });
		expect(deleteKeys(new Map(), ['A', 'B'], place).drafts).toEqual(
			new Map([['service/web/A', { kind: 'delete', id: 'id-a', version: 3 }]]),
		);
		expect(copyKeys(new Map(), ['A', 'B'], place).drafts).toEqual(
			new Map([['service/web/B', { kind: 'create', value: '' }]]),
		);
		expect(emptyDrafts(WEB, ['A', 'B'], place.cellAt).size).toBe(1);
	});

	test('a pasted file changes what is there and creates the rest', () => {
		const entries = [
			{ key: 'A', value: '1' },
			{ key: 'B', value: '2' },
		];
		const drafts = withEntries(new Map(), WEB, entries, (key) => (key === 'A' ? live : undefined));
		expect([...drafts.values()].map(({ kind }) => kind)).toEqual(['update', 'create']);
	});
});

describe('a pasted .env text', () => {
	test.each([
		['A=1', [['A', '1']]],
		[
			'export A=1\n# comment\n\nB = two words # end',
			[
				['A', '1'],
				['B', 'two words'],
			],
		],
		['A="line one\nline two"', [['A', 'line one\nline two']]],
		['A="a\\nb"', [['A', 'a\nb']]],
		['A=\'$HOME "x"\'', [['A', '$HOME "x"']]],
		[
			'\ufeffA=1\r\nB=2',
			[
				['A', '1'],
				['B', '2'],
			],
		],
	])('%j', (text, expected) => {
		const { entries, problems } = parseEnvText(text);
		expect(problems).toEqual([]);
		expect(entries.map(({ key, value }) => [key, value])).toEqual(expected);
	});

	test.each([
		['my-key=1', '"my-key" is not a key'],
		['A=1\nA=2', 'A occurs twice'],
		['A="open', 'is never closed'],
		['just words', 'it is not KEY=value'],
		['A=', 'A is empty'],
		['A="x" y', 'comes more text'],
		['', 'no KEY=value'],
	])('%j is refused', (text, problem) => {
		expect(parseEnvText(text).problems.join()).toContain(problem);
	});

	test('no problem quotes a value', () => {
		const { problems } = parseEnvText('bad-key=hunter2\nA="hunter2" hunter2\nB="hunter2');
		expect(problems.length).toBeGreaterThan(1);
		expect(problems.join()).not.toContain('hunter2');
	});

	test('reads the same as the command line, whatever the text', () => {
		const word = fc.stringMatching(/^[A-Za-z0-9 $'"`#\\=._-]{0,12}$/);
		const line = fc.oneof(
			fc.tuple(fc.constantFrom('A', 'B', 'C_1', '9x'), word).map(([key, value]) => `${key}=${value}`),
			fc.constantFrom('# comment', '', 'export D=1', 'E="a\\nb"', "F='x\ny'"),
		);
		fc.assert(
			fc.property(fc.array(line, { maxLength: 6 }), (lines) => {
				const text = lines.join('\n');
				const here = parseEnvText(text);
				const there = parseEnvFile(text);
				if (there.ok) {
					expect(here.problems).toEqual([]);
					expect(here.entries).toEqual(there.value);
				} else expect(here.problems.length).toBeGreaterThan(0);
			}),
			{ numRuns: 1_000 },
		);
	});
});

test.each([
	['/ui/', { view: 'deployments' }],
	['/ui/deployments/shop', { view: 'deployment', deployment: 'shop' }],
	['/ui/deployments/shop/members', { view: 'members', deployment: 'shop' }],
	['/ui/deployments/shop/keys/A', { view: 'key', deployment: 'shop', key: 'A' }],
	['/ui/templates/web-shop', { view: 'template', template: 'web-shop' }],
	['/ui/bin/', { view: 'bin' }],
	['/ui/%E0%A4%A', { view: 'unknown' }],
	['/ui/a/b/c/d/e', { view: 'unknown' }],
])('the address %s is the view %j', (path, route) => {
	expect(routeOf(path)).toEqual(route);
});

test('an address holds any text safely', () => {
	expect(href(['deployments', 'a/b?c'], { q: '&x=1', empty: '' })).toBe(
		'/ui/deployments/a%2Fb%3Fc?q=%26x%3D1',
	);
});

test('compares two deployments without values', () => {
	const secret = (key: string, tier: 'org' | 'deployment', version: number) => ({
		key,
		tier,
		version,
		updatedAt: '',
	});
	const here = {
		org: 'acme',
		secrets: [secret('A', 'org', 1), secret('B', 'deployment', 1), secret('C', 'deployment', 2)],
	};
	const there = {
		org: 'acme',
		secrets: [secret('A', 'org', 1), secret('C', 'deployment', 1), secret('D', 'deployment', 1)],
	};
	expect(compare(here, there).map(({ key, difference }) => `${key} ${difference}`)).toEqual([
		'A shared',
		'B only-here',
		'C other-version',
		'D only-there',
	]);
});

test.each([
	['ada', 'user:ada'],
	['ada@example.com', 'email:ada@example.com'],
	['group:admins', 'group:admins'],
	['kubernetes:system:serviceaccount:ci:deployer', 'kubernetes:system:serviceaccount:ci:deployer'],
])('the member %s is %s', (text, member) => {
	expect(memberOf(text)).toEqual({ ok: true, value: member });
});

test('tags are split, sorted and checked', () => {
	expect(parseTags('web  team:a,web')).toEqual({ ok: true, value: ['team:a', 'web'] });
	expect(parseTags('Upper').ok).toBe(false);
	expect(parseTags('a b c d e f g h i j k').ok).toBe(false);
});

test('a generation has numbers and lists where the type wants them', () => {
	expect(generationOf({ type: 'password', name: 'DB', texts: { length: '40' } })).toEqual({
		ok: true,
		value: { generate: { length: 40 } },
	});
	expect(generationOf({ type: 'tls', name: 'WEB', texts: { hosts: 'a.svc, b.svc' } })).toMatchObject({
		value: { generate: { hosts: ['a.svc', 'b.svc'] } },
	});
	expect(generationOf({ type: 'userpass', name: 'DB', texts: { username: 'shop' } })).toEqual({
		ok: true,
		value: { fields: { username: 'shop' }, generate: true },
	});
	expect(generationOf({ type: 'password', name: 'my-db', texts: {} }).ok).toBe(false);
	expect(generationOf({ type: 'password', name: 'DB', texts: { length: 'x' } }).ok).toBe(false);
});

test('CSV quotes what it must, and runs nothing in a spreadsheet', () => {
	expect(csvOf(['a', 'b'], [['x, "y"', '=1+1']])).toBe('a,b\r\n"x, ""y""",\'=1+1\r\n');
});

test('commands say where a secret is, as the command line takes it', () => {
	const web = { deployment: 'shop', service: 'web' };
	expect(revealQuery('A', web)).toBe('deployment=shop&service=web&key=A');
	expect(revealQuery('A', { org: 'acme' })).toBe('org=acme&key=A');
	expect(restoreQuery('A', web, { id: 's2_x', version: 3, expected: 5 })).toBe(
		'deployment=shop&service=web&key=A&id=s2_x&version=3&expected=5&restore=true',
	);
	expect(restoreCommand('A', 3, { org: 'acme' })).toBe('envtier secrets restore A 3 --org acme');
	expect(consumersCommand('A', 'shop', 'web')).toBe('envtier consumers A --deployment shop --service web');
});

test('texts of the API become sentences, and annotations YAML', () => {
	expect(sentence('the key exists')).toBe('The key exists.');
	expect(annotationsFor('shop', 'web')).toContain('    envtier.dev/service: web\n');
});
