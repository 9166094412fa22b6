import type { RefObject } from 'preact';
import { useEffect, useLayoutEffect, useRef, useState } from 'preact/hooks';
import { useVirtualRows } from '../lib/virtual.ts';
import type { CellProblem, Drafts } from '../state/drafts.ts';
import { columnName, type Row } from '../state/grid.ts';
import { moved, type Position } from '../state/move.ts';
import type { Column } from '../state/types.ts';
import { GridRow, type RowActions } from './row.tsx';
import { CellTip, type TipAt } from './tip.tsx';

const ROW_HEIGHT = 40;

/** The grid. Only the rows in view are in the document. One cell takes the focus; arrows move it. */
export function GridTable(props: {
	readonly deployment: string;
	readonly columns: readonly Column[];
	readonly rows: readonly Row[];
	readonly drafts: Drafts;
	readonly problems: ReadonlyMap<string, CellProblem>;
	readonly selected: ReadonlySet<string>;
	readonly onSelect: (keys: ReadonlySet<string>) => void;
	readonly onOpen: (row: Row, column: number) => void;
}) {
	const { columns, rows, drafts, problems, selected, onSelect, onOpen } = props;
	const scroller = useRef<HTMLDivElement>(null);
	const virtual = useVirtualRows(scroller, rows.length, ROW_HEIGHT);
	const [at, setAt] = useState<Position>({ row: 0, column: 0 });
	const [tip, setTip] = useState<TipAt>();
	const wantsFocus = useRef(false);
	useLayoutEffect(() => {
		if (!wantsFocus.current) return;
		const cell = scroller.current?.querySelector<HTMLElement>(
			`.grid-row[aria-rowindex="${at.row + 2}"] > [aria-colindex="${at.column + 1}"]`,
		);
		if (!cell) return;
		wantsFocus.current = false;
		cell.focus({ preventScroll: false });
	});
	const keptFocus = useKeptFocus(scroller);
	useEffect(() => {
		if (at.row >= rows.length) setAt({ row: 0, column: at.column });
	}, [rows.length, at]);
	const onKeyDown = (event: KeyboardEvent): void => {
		const row = rows[at.row];
		if (event.key === 'Enter' && row !== undefined && at.column > 0) {
			event.preventDefault();
			onOpen(row, at.column - 1);
			return;
		}
		if (event.key === ' ' && row !== undefined && at.column === 0) {
			event.preventDefault();
			toggle(row.key);
			return;
		}
		const to = moved(at, event, { rows: rows.length, columns: columns.length + 1 });
		if (to === undefined) return;
		event.preventDefault();
		wantsFocus.current = true;
		virtual.scrollTo(to.row);
		setAt(to);
	};
	const toggle = (key: string): void => {
		const next = new Set(selected);
		if (!next.delete(key)) next.add(key);
		onSelect(next);
	};
	const latest = useRef({ toggle, onOpen });
	latest.current = { toggle, onOpen };
	const [actions] = useState<RowActions>(() => ({
		focus: (row, column) =>
			setAt((before) => (before.row === row && before.column === column ? before : { row, column })),
		tip: setTip,
		toggle: (key) => latest.current.toggle(key),
		open: (row, column) => latest.current.onOpen(row, column),
	}));
	const allSelected = rows.length > 0 && rows.every(({ key }) => selected.has(key));
	return (
		<div class="grid-frame">
			<p class="hint grid-hint">Choose a cell to look at it or change it, or a key to see its history.</p>
			<div
				ref={scroller}
				class="grid"
				role="grid"
				tabIndex={-1}
				aria-label="Keys by tier"
				aria-rowcount={rows.length + 1}
				aria-colcount={columns.length + 1}
				style={{ '--columns': String(columns.length) }}
				onKeyDown={onKeyDown}
				{...keptFocus}
				onScroll={() => setTip(undefined)}
			>
				<div class="grid-head" role="row" aria-rowindex={1}>
					<div role="columnheader" class="grid-key" aria-colindex={1}>
						<input
							type="checkbox"
							aria-label="Select all keys in the list"
							checked={allSelected}
							onChange={() => onSelect(new Set(allSelected ? [] : rows.map(({ key }) => key)))}
						/>
						Key
					</div>
					{columns.map((column, index) => (
						<div role="columnheader" key={columnName(column)} aria-colindex={index + 2}>
							{column.tier === 'service' && <span class="over">service</span>}
							{columnName(column)}
						</div>
					))}
				</div>
				<div class="grid-body" role="rowgroup" style={{ height: `${virtual.height}px` }}>
					{virtual.items.map((item) => {
						const row = rows[item.index];
						if (row === undefined) return null;
						return (
							<GridRow
								key={virtual.slotOf(item.index)}
								{...{ deployment: props.deployment, columns, row, drafts, problems, actions }}
								index={item.index}
								top={item.start}
								focused={at.row === item.index ? at.column : undefined}
								isSelected={selected.has(row.key)}
							/>
						);
					})}
				</div>
			</div>
			{tip && <CellTip at={tip} columns={columns} />}
		</div>
	);
}

/**
 * Gives the focus to the grid when the row that had it has left the view: its elements show another row by then, or
 * are gone. The arrows go on from where the focus was.
 */
function useKeptFocus(scroller: RefObject<HTMLElement | null>): {
	readonly onFocusIn: (event: FocusEvent) => void;
	readonly onFocusOut: () => void;
} {
	const focused = useRef<string>(undefined);
	const isRendering = useRef(false);
	isRendering.current = true;
	useLayoutEffect(() => {
		isRendering.current = false;
		const active = document.activeElement;
		const isGone = active === document.body && focused.current !== undefined;
		const now = rowOf(active);
		const isAnother = now !== undefined && now !== focused.current && scroller.current?.contains(active);
		if (isGone || isAnother) scroller.current?.focus({ preventScroll: true });
	});
	return {
		onFocusIn: (event) => {
			focused.current = rowOf(event.target as Element);
		},
		// Browsers may say that an element loses the focus while it is removed.
		onFocusOut: () => {
			if (!isRendering.current) focused.current = undefined;
		},
	};
}

const rowOf = (element: Element | null): string | undefined =>
	element?.closest('.grid-row')?.getAttribute('aria-rowindex') ?? undefined;
