/** The decisions of the grid, without a browser. */
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { cellFacts, cellText } from '../../../ui/state/cell-text.ts';
import { columnName, type Filter, rowsOf, visibleRows } from '../../../ui/state/grid.ts';
import { sourcesOf, sourceText } from '../../../ui/state/history.ts';
import { mergeDrafts } from '../../../ui/state/merge-drafts.ts';
import { moved } from '../../../ui/state/move.ts';
import type { Cell, Column, Grid } from '../../../ui/state/types.ts';

const COLUMNS: readonly Column[] = [
	{ tier: 'org', service: '' },
	{ tier: 'deployment', service: '' },
	{ tier: 'service', service: 'web' },
	{ tier: 'service', service: 'worker' },
];
const NOW = Date.parse('2026-05-04T10:00:00Z');

function cell(column: number, extra: Partial<Cell> = {}): Cell {
	return {
		key: 'A',
		column,
		state: 'live',
		id: `id-${column}`,
		version: 1,
		at: '2026-05-01T10:00:00Z',
		by: 'user:ada',
		...extra,
	};
}

function rowFor(cells: readonly Cell[], declared: Grid['declared'] = []) {
	const [row] = rowsOf({ columns: COLUMNS, cells, declared }, NOW);
	if (row === undefined) throw new Error('no row');
	return row;
}
const states = (cells: readonly Cell[], declared: Grid['declared'] = []) =>
	rowFor(cells, declared).cells.map((view) => cellText(view, COLUMNS, undefined));

test('half of a typed secret is told in the cell, in its tip, and as a problem', () => {
	const incomplete = { written: 1, of: 2 };
	const row = rowFor([cell(1, { key: 'DB_PASSWORD', type: 'userpass', name: 'DB', incomplete })]);
	const [, view] = row.cells;
	if (view === undefined) throw new Error('no cell');
	expect(cellText(view, COLUMNS, undefined)).toBe('set, half written');
	expect(cellFacts(view, COLUMNS, 1, NOW)).toContain(
		'Half written: 1 of 2 keys of DB are of the last change. Repeat the change, or delete it.',
	);
	expect(row.problems).toEqual(['half written in deployment']);
});

describe('cells of one key', () => {
	test.each([
		[
			'set in the organization alone',
			[cell(0)],
			['set', 'from organization', 'from organization', 'from organization'],
		],
		[
			'the deployment overrides the organization',
			[cell(0), cell(1)],
			['overridden', 'set', 'from deployment', 'from deployment'],
		],
		['one service overrides in part', [cell(1), cell(2)], ['–', 'set', 'set', 'from deployment']],
		['all services override the deployment', [cell(1), cell(2), cell(3)], ['–', 'overridden', 'set', 'set']],
		[
			'all services override the organization',
			[cell(0), cell(2), cell(3)],
			['overridden', 'from organization', 'set', 'set'],
		],
		[
			'deleted, with a value below',
			[cell(1), cell(2, { state: 'deleted' })],
			['–', 'set', 'deleted', 'from deployment'],
		],
		['destroyed', [cell(2, { state: 'destroyed' })], ['–', '–', 'destroyed', '–']],
	] as const)('%s', (_what, cells, expected) => {
		expect(states(cells)).toEqual(expected);
	});

	test('a declared key is missing where no tier has it', () => {
		expect(states([], [{ service: 'web', key: 'A' }])).toEqual(['–', '–', 'missing', '–']);
		expect(states([cell(0)], [{ service: 'web', key: 'A' }])[2]).toBe('from organization');
		expect(rowFor([], [{ service: 'web', key: 'A' }]).problems).toEqual(['missing in web']);
	});

	test.each([
		['2026-05-20T00:00:00Z', ['ends soon in deployment']],
		['2026-05-01T00:00:00Z', ['ended in deployment']],
		['2027-05-01T00:00:00Z', []],
	])('a certificate that ends at %s has the problems %j', (expiresAt, problems) => {
		expect(rowFor([cell(1, { expiresAt })]).problems).toEqual(problems);
	});

	test('hover tells version, time, author, tags, and what overrides it', () => {
		const row = rowFor([cell(1, { tags: ['team:web'], description: 'the orders', version: 4 }), cell(2)]);
		const facts = row.cells[1] && cellFacts(row.cells[1], COLUMNS, 1, NOW);
		expect(facts).toEqual([
			'Set in the deployment.',
			'Version 4, written 3 days ago by ada.',
			'Overridden for: web.',
			'the orders',
			'Tags: team:web.',
		]);
	});

	test('each service gets a key from the highest tier that has it', () => {
		const row = rowFor([cell(0), cell(2)]);
		expect(sourcesOf(row, COLUMNS).map((source) => sourceText(source, COLUMNS))).toEqual([
			'The service web gets it from its own tier.',
			'The service worker gets it from the organization.',
		]);
	});
});

test('for any cells: pods of a service get exactly what its row says', () => {
	const state = fc.constantFrom<Cell['state'] | 'absent'>('live', 'deleted', 'destroyed', 'absent');
	fc.assert(
		fc.property(fc.array(state, { minLength: 4, maxLength: 4 }), (all) => {
			const cells = all.flatMap((one, column) => (one === 'absent' ? [] : [cell(column, { state: one })]));
			if (cells.length === 0) return;
			const row = rowFor(cells);
			for (const service of [2, 3]) {
				// The rule of the fetcher: service, then deployment, then organization.
				const winner = [service, 1, 0].find((column) => all[column] === 'live');
				const view = row.cells[service];
				const shown = view?.state === 'set' ? service : view?.from;
				expect(shown).toBe(winner);
			}
			const isUsed = (column: number): boolean =>
				[2, 3].some((service) => [service, 1, 0].find((one) => all[one] === 'live') === column);
			for (const column of [0, 1].filter((one) => all[one] === 'live'))
				expect(row.cells[column]?.state).toBe(isUsed(column) ? 'set' : 'overridden');
		}),
	);
});

describe('filter and sort', () => {
	const rows = rowsOf(
		{
			columns: COLUMNS,
			cells: [
				{ ...cell(1, { tags: ['team:web'] }), key: 'DATABASE_URL' },
				{ ...cell(1, { description: 'The Orders', at: '2026-05-03T10:00:00Z' }), key: 'LOG_LEVEL' },
			],
			declared: [{ service: 'web', key: 'QUEUE_URL' }],
		},
		NOW,
	);
	const all: Filter = { text: '', onlyProblems: false, sort: 'key' };
	const keys = (filter: Partial<Filter>) => visibleRows(rows, { ...all, ...filter }).map(({ key }) => key);
	test.each([
		['everything, by key', {}, ['DATABASE_URL', 'LOG_LEVEL', 'QUEUE_URL']],
		['by a part of the key, in any case', { text: 'url' }, ['DATABASE_URL', 'QUEUE_URL']],
		['by a tag', { text: 'team:web' }, ['DATABASE_URL']],
		['by a description', { text: 'orders' }, ['LOG_LEVEL']],
		['by several words', { text: 'url team' }, ['DATABASE_URL']],
		['only problems', { onlyProblems: true }, ['QUEUE_URL']],
		['backwards', { sort: '-key' }, ['QUEUE_URL', 'LOG_LEVEL', 'DATABASE_URL']],
		['by the last change', { sort: 'changed' }, ['LOG_LEVEL', 'DATABASE_URL', 'QUEUE_URL']],
		['by problems', { sort: 'problems' }, ['QUEUE_URL', 'DATABASE_URL', 'LOG_LEVEL']],
	] as const)('%s', (_what, filter, expected) => {
		expect(keys(filter)).toEqual(expected);
	});
});

test('unsaved keys have a row, and unsaved services a column', () => {
	const grid = { deployment: 'd', org: 'o', owner: '', role: 'manager', template: '', managesOrg: true };
	const drafts = new Map([
		['service/new/B', { kind: 'create', value: 'x' } as const],
		['deployment//A', { kind: 'create', value: 'x' } as const],
	]);
	const merged = mergeDrafts({ ...grid, columns: COLUMNS, cells: [cell(1)], declared: [] }, drafts);
	expect(merged.columns.map(columnName)).toEqual(['organization', 'deployment', 'web', 'worker', 'new']);
	expect(rowsOf(merged, NOW).map(({ key, problems }) => [key, problems])).toEqual([
		['A', []],
		['B', []],
	]);
});

test.each([
	['ArrowDown', { row: 1, column: 0 }],
	['ArrowUp', { row: 0, column: 0 }],
	['ArrowRight', { row: 0, column: 1 }],
	['PageDown', { row: 4, column: 0 }],
	['End', { row: 0, column: 2 }],
	['a', undefined],
])('the key %s moves from the first cell to %j', (key, to) => {
	expect(moved({ row: 0, column: 0 }, { key, ctrlKey: false }, { rows: 5, columns: 3 })).toEqual(to);
});
