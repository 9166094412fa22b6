import type { Cell, Column } from './types.ts';

/** What is unsaved about one cell. */
export type Draft =
	| {
			readonly kind: 'create';
			/** Empty: a key that still needs a value. */
			readonly value: string;
			readonly description?: string;
			readonly tags?: readonly string[];
			readonly force?: boolean;
	  }
	| {
			readonly kind: 'update';
			readonly value: string;
			readonly id: string;
			readonly version: number;
			readonly description?: string;
			readonly tags?: readonly string[];
	  }
	| {
			readonly kind: 'describe';
			readonly id: string;
			readonly description?: string;
			readonly tags?: readonly string[];
	  }
	| { readonly kind: 'delete'; readonly id: string; readonly version: number };

/** Unsaved changes by cell: see `cellName`. */
export type Drafts = ReadonlyMap<string, Draft>;

/** The name of a cell: its column and key. */
export const cellName = (column: Column, key: string): string => `${column.tier}/${column.service}/${key}`;

/** The column and key of such a name. A service has no slash in it. */
export function parseCellName(name: string): { readonly column: Column; readonly key: string } {
	const [tier = '', service = '', key = ''] = name.split('/');
	return { column: { tier: tier as Column['tier'], service }, key };
}

/** Unsaved creations of keys that still need a value, where there is none. */
export function emptyDrafts(
	column: Column,
	keys: readonly string[],
	cellAt: (key: string) => Cell | undefined,
): Drafts {
	const absent = keys.filter((key) => cellAt(key)?.state !== 'live');
	return new Map(absent.map((key) => [cellName(column, key), { kind: 'create', value: '' }]));
}

/** The draft of a new value: a creation, or an update of what is there. */
export function valueDraft(
	cell: Cell | undefined,
	value: string,
	about: { readonly description?: string; readonly tags?: readonly string[] } = {},
): Draft {
	return cell?.state === 'live' && cell.id !== undefined
		? { kind: 'update', value, id: cell.id, version: cell.version, ...about }
		: { kind: 'create', value, ...about };
}

/** Adds the entries of a pasted .env file to a column. */
export function withEntries(
	drafts: Drafts,
	column: Column,
	entries: readonly { readonly key: string; readonly value: string }[],
	cellAt: (key: string) => Cell | undefined,
): Drafts {
	const next = new Map(drafts);
	for (const { key, value } of entries) next.set(cellName(column, key), valueDraft(cellAt(key), value));
	return next;
}

/** A change as the API takes it. */
export type Change = Readonly<Record<string, unknown>> & { readonly change: Draft['kind'] };

/** The body of one save, and the cell of each change in it. Keys without a value are left out. */
export function changesOf(drafts: Drafts): {
	readonly names: readonly string[];
	readonly changes: readonly Change[];
} {
	const complete = [...drafts].filter(([, draft]) => !isEmpty(draft));
	return {
		names: complete.map(([name]) => name),
		changes: complete.map(([name, draft]) => {
			const { kind, ...rest } = draft;
			const { column, key } = parseCellName(name);
			if (kind !== 'create') return { change: kind, ...rest };
			const place = column.tier === 'service' ? { service: column.service } : {};
			return { change: kind, tier: column.tier, ...place, key, ...rest };
		}),
	};
}

/** True for a key that still needs a value. */
export function isEmpty(draft: Draft): boolean {
	return (draft.kind === 'create' || draft.kind === 'update') && draft.value === '';
}

/** Drafts by what they do, for the review. */
export function reviewOf(drafts: Drafts): Readonly<Record<Draft['kind'], readonly string[]>> {
	const named = (kind: Draft['kind']): readonly string[] =>
		[...drafts].filter(([, draft]) => draft.kind === kind).map(([name]) => name);
	return {
		create: named('create'),
		update: named('update'),
		describe: named('describe'),
		delete: named('delete'),
	};
}

/** Why a cell was not saved. */
export interface CellProblem {
	readonly conflict: boolean;
	readonly message: string;
}

/** The problems of an answer, by cell. */
export function problemsByCell(
	names: readonly string[],
	cells: readonly { readonly index: number; readonly conflict: boolean; readonly message: string }[],
): ReadonlyMap<string, CellProblem> {
	return new Map(
		cells.flatMap(({ index, conflict, message }) => {
			const name = names[index];
			return name === undefined ? [] : [[name, { conflict, message }] as const];
		}),
	);
}

/** The draft over what is there now, for somebody who decides for the own value after a conflict. */
export function rebased(draft: Draft, cell: Cell | undefined): Draft | undefined {
	const isLive = cell?.state === 'live' && cell.id !== undefined;
	if (draft.kind === 'create' || draft.kind === 'update') {
		const { value, description, tags } = draft;
		const about = { ...(description === undefined ? {} : { description }), ...(tags ? { tags } : {}) };
		return valueDraft(cell, value, about);
	}
	if (!isLive) return undefined;
	const { id = '', version } = cell;
	return draft.kind === 'delete' ? { kind: 'delete', id, version } : { ...draft, id };
}
