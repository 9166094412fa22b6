import { useMemo, useState } from 'preact/hooks';
import { useApp } from '../lib/context.ts';
import { takePromoted } from '../lib/promoted.ts';
import { Empty } from '../parts/states.tsx';
import { copyKeys, deleteKeys, tagKeys } from '../state/bulk.ts';
import {
	cellName,
	type Drafts,
	emptyDrafts,
	parseCellName,
	valueDraft,
	withEntries,
} from '../state/drafts.ts';
import { type Row, rowsOf, visibleRows } from '../state/grid.ts';
import { mergeDrafts } from '../state/merge-drafts.ts';
import type { Column, Grid } from '../state/types.ts';
import { AddKey } from './add-key.tsx';
import { BulkBar } from './bulk.tsx';
import { Generate } from './generate.tsx';
import { CellPanel } from './panel.tsx';
import { PasteEnv } from './paste.tsx';
import { Review } from './review.tsx';
import { GridTable } from './table.tsx';
import { filterOf, Toolbar } from './toolbar.tsx';
import { UnsavedBar } from './unsaved-bar.tsx';
import { useDrafts } from './use-drafts.ts';
import { useSave } from './use-save.ts';

type Open =
	| { readonly kind: 'cell' | 'generate'; readonly key: string; readonly column: number }
	| { readonly kind: 'add' | 'paste' | 'review' | 'generate-new' };

/** The grid with its unsaved changes. */
export function GridEditor(props: {
	readonly grid: Grid;
	readonly query: URLSearchParams;
	readonly reload: () => Promise<Grid | undefined>;
}) {
	const { notify } = useApp();
	const unsaved = useDrafts(() => promotedDrafts(props.grid));
	const { drafts, problems, setDraft, setDrafts } = unsaved;
	const grid = useMemo(() => mergeDrafts(props.grid, drafts), [props.grid, drafts]);
	const rows = useMemo(() => rowsOf(grid, Date.now()), [grid]);
	const filter = filterOf(props.query);
	const shown = useMemo(
		() => visibleRows(rows, filter),
		[rows, filter.text, filter.onlyProblems, filter.sort],
	);
	const [open, setOpen] = useState<Open>();
	const [selected, setSelected] = useState<ReadonlySet<string>>(new Set());
	const { save, message } = useSave(grid.deployment, unsaved, props.reload, () => setOpen(undefined));
	const mayWrite = grid.role !== 'viewer';
	const close = (): void => setOpen(undefined);
	const cellAt = (column: number) => (key: string) =>
		props.grid.cells.find((cell) => cell.key === key && cell.column === column);
	const place = (column: number) => ({ column: grid.columns[column] as Column, cellAt: cellAt(column) });
	const bulk = (outcome: ReturnType<typeof tagKeys>): number => {
		if (outcome.count > 0) setDrafts(outcome.drafts);
		return outcome.count;
	};
	const keys = rows.filter(({ key }) => selected.has(key)).map(({ key }) => key);
	const openRow = open && 'key' in open ? rows.find(({ key }) => key === open.key) : undefined;
	return (
		<>
			<Toolbar
				{...{ filter, mayWrite, shown: shown.length, all: rows.length }}
				problems={rows.filter((row) => row.problems.length > 0).length}
				onAdd={() => setOpen({ kind: 'add' })}
				onPaste={() => setOpen({ kind: 'paste' })}
				onGenerate={() => setOpen({ kind: 'generate-new' })}
			/>
			{keys.length > 0 && (
				<BulkBar
					{...{ grid, keys, mayWrite, notify }}
					onTag={(column, tags) => bulk(tagKeys(drafts, keys, place(column), tags))}
					onDelete={(column) => bulk(deleteKeys(drafts, keys, place(column)))}
					onCopy={(column) => bulk(copyKeys(drafts, keys, place(column)))}
					onClear={() => setSelected(new Set())}
				/>
			)}
			{rows.length === 0 ? (
				<Empty title="No secrets yet">
					<p>Add a key, paste a .env file, or generate a password: the buttons are above.</p>
				</Empty>
			) : shown.length === 0 ? (
				<Empty title="No key matches">
					<p>Change the filter, or clear it.</p>
				</Empty>
			) : (
				<GridTable
					{...{ deployment: grid.deployment, columns: grid.columns, rows: shown, drafts, problems, selected }}
					onSelect={setSelected}
					onOpen={(row: Row, column) => setOpen({ kind: 'cell', key: row.key, column })}
				/>
			)}
			<UnsavedBar
				count={drafts.size}
				onReview={() => setOpen({ kind: 'review' })}
				onDiscard={() => setDrafts(new Map())}
			/>
			{open?.kind === 'cell' && openRow && (
				<CellPanel
					{...{ deployment: grid.deployment, columns: grid.columns, row: openRow, column: open.column }}
					draft={drafts.get(cellName(grid.columns[open.column] as Column, open.key))}
					problem={problems.get(cellName(grid.columns[open.column] as Column, open.key))}
					mayWrite={mayWrite && (open.column > 0 || grid.managesOrg)}
					onDraft={(draft) => setDraft(cellName(grid.columns[open.column] as Column, open.key), draft)}
					onGenerate={() => setOpen({ ...open, kind: 'generate' })}
					onClose={close}
				/>
			)}
			{open?.kind === 'add' && (
				<AddKey
					grid={grid}
					onClose={close}
					onAdd={(key, where, value) => {
						const column =
							typeof where === 'number'
								? (grid.columns[where] as Column)
								: ({ tier: 'service', service: where } as const);
						const index = grid.columns.findIndex((one) => cellName(one, '') === cellName(column, ''));
						const cell = cellAt(index)(key);
						if (cell?.state === 'live') return `${key} exists there already: choose its cell to change it.`;
						setDraft(cellName(column, key), valueDraft(cell, value));
						return undefined;
					}}
				/>
			)}
			{open?.kind === 'paste' && (
				<PasteEnv
					grid={grid}
					onClose={close}
					onPaste={(entries, column) =>
						setDrafts(withEntries(drafts, grid.columns[column] as Column, entries, cellAt(column)))
					}
				/>
			)}
			{(open?.kind === 'generate' || open?.kind === 'generate-new') && (
				<Generate
					grid={grid}
					start={open.kind === 'generate' ? { ...open, cell: cellAt(open.column)(open.key) } : undefined}
					onClose={close}
					onDone={(text) => {
						close();
						notify(text);
						void props.reload();
					}}
				/>
			)}
			{open?.kind === 'review' && (
				<Review
					{...{ drafts, problems, message }}
					onDrop={(name) => setDraft(name, undefined)}
					onOpen={(name) => {
						const { column, key } = parseCellName(name);
						const index = grid.columns.findIndex((one) => cellName(one, '') === cellName(column, ''));
						setOpen({ kind: 'cell', key, column: index });
					}}
					onSave={save}
					onClose={close}
				/>
			)}
			{unsaved.question}
		</>
	);
}

/** Keys that somebody has promoted from another deployment. They wait for values. */
function promotedDrafts(grid: Grid): Drafts {
	const promoted = takePromoted(grid.deployment);
	if (promoted === undefined) return new Map();
	const { service, keys } = promoted;
	const column: Column = { tier: service === '' ? 'deployment' : 'service', service };
	const index = grid.columns.findIndex((one) => cellName(one, '') === cellName(column, ''));
	return emptyDrafts(column, keys, (key) =>
		grid.cells.find((cell) => cell.key === key && cell.column === index),
	);
}
