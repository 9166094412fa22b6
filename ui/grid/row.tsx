import { Component } from 'preact';
import { Link } from '../parts/link.tsx';
import { type CellProblem, cellName, type Drafts } from '../state/drafts.ts';
import type { Row } from '../state/grid.ts';
import type { Column } from '../state/types.ts';
import { GridCell } from './cell.tsx';
import type { TipAt } from './tip.tsx';

/** What a row can cause. The object stays the same, so that it is no reason to render a row again. */
export interface RowActions {
	focus(row: number, column: number): void;
	tip(at: TipAt | undefined): void;
	toggle(key: string): void;
	open(row: Row, column: number): void;
}

interface RowProps {
	readonly deployment: string;
	readonly columns: readonly Column[];
	readonly row: Row;
	readonly index: number;
	/** The distance from the top of the list, in pixels. */
	readonly top: number;
	/** The column that takes the focus; undefined if it is in another row. */
	readonly focused: number | undefined;
	readonly isSelected: boolean;
	readonly drafts: Drafts;
	readonly problems: ReadonlyMap<string, CellProblem>;
	readonly actions: RowActions;
}

/**
 * One row. While somebody scrolls, rows that stay in view are not rendered again, and a row that comes into view
 * takes the elements of one that has left. So nothing here but the texts may depend on the key.
 */
export class GridRow extends Component<RowProps> {
	override shouldComponentUpdate(next: Readonly<RowProps>): boolean {
		return (Object.keys(next) as (keyof RowProps)[]).some((name) => next[name] !== this.props[name]);
	}

	override render({ deployment, columns, row, index, top, focused, isSelected, ...rest }: RowProps) {
		const { drafts, problems, actions } = rest;
		const tabIndex = (column: number): 0 | -1 => (focused === column ? 0 : -1);
		return (
			<div
				role="row"
				class="grid-row"
				aria-rowindex={index + 2}
				aria-selected={isSelected}
				style={{ transform: `translateY(${top}px)` }}
			>
				<div
					role="rowheader"
					class="grid-key"
					aria-colindex={1}
					tabIndex={tabIndex(0)}
					onFocus={() => actions.focus(index, 0)}
				>
					<input
						type="checkbox"
						tabIndex={-1}
						aria-label={`Select ${row.key}`}
						checked={isSelected}
						onChange={() => actions.toggle(row.key)}
					/>
					<Link to={['deployments', deployment, 'keys', row.key]} class="key-link">
						{row.key}
					</Link>
					{row.problems.length > 0 && (
						<span class="dot" title={row.problems.join('; ')}>
							<span class="visually-hidden">{row.problems.join('; ')}</span>
						</span>
					)}
				</div>
				{row.cells.map((view, column) => {
					const name = cellName(columns[column] as Column, row.key);
					return (
						<GridCell
							key={column}
							{...{ view, columns, column }}
							draft={drafts.get(name)}
							problem={problems.get(name)}
							tabIndex={tabIndex(column + 1)}
							onFocus={(element) => {
								actions.focus(index, column + 1);
								actions.tip({ view, column, element });
							}}
							onHover={(element) => actions.tip(element && { view, column, element })}
							onOpen={() => actions.open(row, column)}
						/>
					);
				})}
			</div>
		);
	}
}
