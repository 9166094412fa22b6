import { useLayoutEffect, useRef } from 'preact/hooks';
import { cellFacts } from '../state/cell-text.ts';
import type { CellView } from '../state/grid.ts';
import type { Column } from '../state/types.ts';

/** The cell that is hovered or has the focus. */
export interface TipAt {
	readonly view: CellView;
	readonly column: number;
	readonly element: HTMLElement;
}

/** What is known about a cell, beside it. Screen readers hear it, because it is the cell's description. */
export function CellTip({ at, columns }: { readonly at: TipAt; readonly columns: readonly Column[] }) {
	const tip = useRef<HTMLDivElement>(null);
	useLayoutEffect(() => {
		const box = tip.current;
		if (box === null) return;
		const cell = at.element.getBoundingClientRect();
		const { width, height } = box.getBoundingClientRect();
		const below = cell.bottom + height + 8 < innerHeight;
		box.style.left = `${Math.max(8, Math.min(cell.left, innerWidth - width - 8))}px`;
		box.style.top = `${below ? cell.bottom + 4 : Math.max(8, cell.top - height - 4)}px`;
		at.element.setAttribute('aria-describedby', 'cell-tip');
		return () => at.element.removeAttribute('aria-describedby');
	}, [at]);
	const [first, ...rest] = cellFacts(at.view, columns, at.column, Date.now());
	return (
		<div ref={tip} id="cell-tip" class="tip" role="tooltip">
			<p>
				<strong>{first}</strong>
			</p>
			{rest.map((fact) => (
				<p key={fact}>{fact}</p>
			))}
		</div>
	);
}
