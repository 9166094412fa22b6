import { cellName, type Draft, type Drafts } from './drafts.ts';
import type { Cell, Column } from './types.ts';

/** One place of the grid, with what is there. */
export interface Place {
	readonly column: Column;
	readonly cellAt: (key: string) => Cell | undefined;
}

/** Drafts that change the selected keys in one place, and how many they are. */
export interface BulkOutcome {
	readonly drafts: Drafts;
	readonly count: number;
}

/** Gives live keys other tags. */
export function tagKeys(
	drafts: Drafts,
	keys: readonly string[],
	{ column, cellAt }: Place,
	tags: readonly string[],
): BulkOutcome {
	return add(drafts, keys, column, (key) => {
		const cell = cellAt(key);
		return cell?.state === 'live' && cell.id !== undefined
			? { kind: 'describe', id: cell.id, tags }
			: undefined;
	});
}

/** Deletes live keys. */
export function deleteKeys(drafts: Drafts, keys: readonly string[], { column, cellAt }: Place): BulkOutcome {
	return add(drafts, keys, column, (key) => {
		const cell = cellAt(key);
		return cell?.state === 'live' && cell.id !== undefined
			? { kind: 'delete', id: cell.id, version: cell.version }
			: undefined;
	});
}

/** Adds keys without a value where there is none: the API cannot read values, so nothing can copy them. */
export function copyKeys(drafts: Drafts, keys: readonly string[], { column, cellAt }: Place): BulkOutcome {
	return add(drafts, keys, column, (key) =>
		cellAt(key)?.state === 'live' ? undefined : { kind: 'create', value: '' },
	);
}

type DraftOf = (key: string) => Draft | undefined;

function add(drafts: Drafts, keys: readonly string[], column: Column, draftOf: DraftOf): BulkOutcome {
	const next = new Map(drafts);
	let count = 0;
	for (const key of keys) {
		const draft = draftOf(key);
		if (draft === undefined) continue;
		next.set(cellName(column, key), draft);
		count += 1;
	}
	return { drafts: next, count };
}
