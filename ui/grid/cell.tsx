import { cellText } from '../state/cell-text.ts';
import type { CellProblem, Draft } from '../state/drafts.ts';
import type { CellView } from '../state/grid.ts';
import type { Column } from '../state/types.ts';

/** One cell. Its class is its state; its text says the same. */
export function GridCell(props: {
	readonly view: CellView;
	readonly columns: readonly Column[];
	readonly column: number;
	readonly draft: Draft | undefined;
	readonly problem: CellProblem | undefined;
	readonly tabIndex: 0 | -1;
	readonly onFocus: (element: HTMLElement) => void;
	readonly onHover: (element: HTMLElement | undefined) => void;
	readonly onOpen: () => void;
}) {
	const { view, columns, column, draft, problem } = props;
	const state = problem ? 'conflict' : draft ? 'draft' : view.state;
	const text = problem ? 'not saved' : cellText(view, columns, draft);
	return (
		<div
			role="gridcell"
			class={`cell cell-${state}`}
			aria-colindex={column + 2}
			tabIndex={props.tabIndex}
			onFocus={(event) => props.onFocus(event.currentTarget)}
			onBlur={() => props.onHover(undefined)}
			onMouseEnter={(event) => props.onHover(event.currentTarget)}
			onMouseLeave={() => props.onHover(undefined)}
			onClick={props.onOpen}
		>
			<span class="chip">{text}</span>
			{state === 'set' && view.overriddenBy.length > 0 && <span class="partly">partly overridden</span>}
		</div>
	);
}
