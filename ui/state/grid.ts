import type { Cell, Column, Grid } from './types.ts';

/** What a cell says. `none`: nothing is here, and nothing comes from another tier. */
export type CellState = 'set' | 'overridden' | 'inherited' | 'missing' | 'deleted' | 'destroyed' | 'none';

/** A cell as it is shown. */
export interface CellView {
	readonly state: CellState;
	/** What the API knows about the secret of this very tier. */
	readonly cell: Cell | undefined;
	/** The column whose value pods get here instead; undefined if they get this one or none. */
	readonly from: number | undefined;
	/** The columns that override this one, for some services or for all. */
	readonly overriddenBy: readonly number[];
}

/** A key with a cell for each column. */
export interface Row {
	readonly key: string;
	readonly cells: readonly CellView[];
	readonly problems: readonly string[];
	/** In lower case: key, tags and descriptions. */
	readonly text: string;
	/** When it was changed last, in any tier. */
	readonly changedAt: string;
}

/** A certificate that ends within this time is a problem, in ms: 30 days. */
const SOON = 30 * 86_400_000;

/** Makes the rows of a grid, sorted by key. */
export function rowsOf(grid: Pick<Grid, 'columns' | 'cells' | 'declared'>, now: number): readonly Row[] {
	const byKey = new Map<string, (Cell | undefined)[]>();
	const cellsOf = (key: string): (Cell | undefined)[] => {
		const known = byKey.get(key);
		if (known !== undefined) return known;
		const made = grid.columns.map(() => undefined);
		byKey.set(key, made);
		return made;
	};
	for (const cell of grid.cells) cellsOf(cell.key)[cell.column] = cell;
	const declared = new Set<string>();
	for (const { service, key } of grid.declared) {
		cellsOf(key);
		declared.add(`${service} ${key}`);
	}
	const rows = [...byKey].map(([key, cells]) => rowOf(key, cells, { columns: grid.columns, declared, now }));
	return rows.sort((a, b) => compare(a.key, b.key));
}

interface Context {
	readonly columns: readonly Column[];
	readonly declared: ReadonlySet<string>;
	readonly now: number;
}

function rowOf(key: string, cells: readonly (Cell | undefined)[], context: Context): Row {
	const live = cells.map((cell) => cell?.state === 'live');
	const views = context.columns.map((column, index) =>
		viewOf(cells[index], {
			...context,
			...{ index, live },
			isDeclared: context.declared.has(`${column.service} ${key}`),
		}),
	);
	const texts = cells.flatMap((cell) =>
		cell === undefined ? [] : [cell.description ?? '', ...(cell.tags ?? [])],
	);
	const times = cells.flatMap((cell) => cell?.at ?? []);
	return {
		key,
		cells: views,
		problems: problemsOf(views, context),
		text: [key, ...texts].join('\n').toLowerCase(),
		changedAt: times.sort().at(-1) ?? '',
	};
}

interface Place {
	readonly columns: readonly Column[];
	readonly index: number;
	/** Which columns have a live secret. */
	readonly live: readonly boolean[];
	readonly isDeclared: boolean;
}

function viewOf(cell: Cell | undefined, { columns, index, live, isDeclared }: Place): CellView {
	// The deployment and the organization are below a service; the organization is below the deployment.
	const below = index > 1 ? [1, 0] : index === 1 ? [0] : [];
	const from = live[index] ? undefined : below.find((one) => live[one]);
	if (live[index]) {
		const overriddenBy = overriding(index, live);
		const services = columns.length - 2;
		const byAll =
			(index === 0 && live[1] === true) ||
			(index < 2 && services > 0 && overriddenBy.filter((one) => one > 1).length === services);
		return { state: byAll ? 'overridden' : 'set', cell, from, overriddenBy };
	}
	const state = absentState(cell, from, isDeclared);
	return { state, cell, from, overriddenBy: [] };
}

function absentState(cell: Cell | undefined, from: number | undefined, isDeclared: boolean): CellState {
	if (cell?.state === 'deleted') return 'deleted';
	if (from !== undefined) return 'inherited';
	if (isDeclared) return 'missing';
	return cell?.state === 'destroyed' ? 'destroyed' : 'none';
}

function overriding(index: number, live: readonly boolean[]): readonly number[] {
	if (index > 1) return [];
	return live.flatMap((isLive, other) => (isLive && other > index ? [other] : []));
}

function problemsOf(views: readonly CellView[], { columns, now }: Context): readonly string[] {
	return views.flatMap(({ state, cell, from }, index) => {
		const where = columnName(columns[index]);
		if (state === 'missing') return [`missing in ${where}`];
		if (state === 'deleted' && from === undefined) return [`deleted in ${where}, and nothing replaces it`];
		if (cell?.incomplete !== undefined) return [`half written in ${where}`];
		if (cell?.state !== 'live' || cell.expiresAt === undefined) return [];
		const left = Date.parse(cell.expiresAt) - now;
		return left < 0 ? [`ended in ${where}`] : left < SOON ? [`ends soon in ${where}`] : [];
	});
}

/** The name of a column, as people read it. */
export function columnName(column: Column | undefined): string {
	if (column?.tier === 'org') return 'organization';
	return column?.tier === 'service' ? column.service : 'deployment';
}

/** How rows are sorted. */
export type Sort = 'key' | '-key' | 'changed' | 'problems';

/** What the person has chosen to see. */
export interface Filter {
	/** Words that must all occur in key, tags or descriptions. */
	readonly text: string;
	readonly onlyProblems: boolean;
	readonly sort: Sort;
}

/** The rows that pass a filter, in its order. */
export function visibleRows(rows: readonly Row[], { text, onlyProblems, sort }: Filter): readonly Row[] {
	const words = text.toLowerCase().split(/\s+/).filter(Boolean);
	const kept = rows.filter(
		(row) => (!onlyProblems || row.problems.length > 0) && words.every((word) => row.text.includes(word)),
	);
	if (sort === 'key') return kept;
	if (sort === '-key') return kept.toReversed();
	return kept.toSorted((a, b) =>
		sort === 'changed'
			? compare(b.changedAt, a.changedAt)
			: b.problems.length - a.problems.length || compare(a.key, b.key),
	);
}

const compare = (a: string, b: string): number => (a < b ? -1 : a > b ? 1 : 0);
