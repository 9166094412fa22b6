import { useApp } from '../lib/context.ts';
import { Dialog } from '../parts/dialog.tsx';
import { Link } from '../parts/link.tsx';
import { cellFacts } from '../state/cell-text.ts';
import { type CellProblem, type Draft, rebased } from '../state/drafts.ts';
import { columnName, type Row } from '../state/grid.ts';
import type { Cell, Column } from '../state/types.ts';
import { CellForm } from './cell-form.tsx';
import { placeOf, RevealLink } from './reveal-link.tsx';

interface PanelProps {
	readonly deployment: string;
	readonly row: Row;
	readonly column: number;
	readonly columns: readonly Column[];
	readonly draft: Draft | undefined;
	readonly problem: CellProblem | undefined;
	readonly mayWrite: boolean;
	readonly onDraft: (draft: Draft | undefined) => void;
	readonly onGenerate: () => void;
	readonly onClose: () => void;
}

/** Everything about one cell, and what can be done with it. Changes become drafts. */
export function CellPanel(props: PanelProps) {
	const { row, column, columns, draft, problem, onDraft, onClose } = props;
	const view = row.cells[column];
	const place = columns[column];
	if (view === undefined || place === undefined) return null;
	const { cell } = view;
	const whole = cell?.type !== undefined && cell.name !== cell.key;
	const decide = (next: Draft | undefined): void => {
		onDraft(next);
		onClose();
	};
	return (
		<Dialog kind="sheet" title={row.key} onClose={onClose}>
			<div class="dialog-body">
				<p class="place">
					in {place.tier === 'service' ? `the service ${place.service}` : `the ${columnName(place)}`}
				</p>
				<ul class="facts">
					{cellFacts(view, columns, column, Date.now()).map((fact) => (
						<li key={fact}>{fact}</li>
					))}
				</ul>
				{view.state === 'inherited' && props.mayWrite && (
					<p class="hint">
						A value here overrides it, {column > 1 ? 'for this service alone' : 'for all services'}.
					</p>
				)}
				{problem && <Conflict {...{ problem, draft, cell }} onDecide={decide} />}
				{props.mayWrite && (
					<CellForm {...{ cell, draft, whole }} onKeep={decide} onDrop={() => decide(undefined)} />
				)}
				<Actions {...props} {...{ cell, place, whole }} onDelete={decide} />
			</div>
		</Dialog>
	);
}

/** Why the change was not saved, and the two ways out. */
function Conflict(props: {
	readonly problem: CellProblem;
	readonly draft: Draft | undefined;
	readonly cell: Cell | undefined;
	readonly onDecide: (draft: Draft | undefined) => void;
}) {
	const { draft, cell, onDecide } = props;
	const mine = draft && rebased(draft, cell);
	return (
		<div class="note note-error" role="alert">
			<p>{props.problem.message}</p>
			<div class="row wrap">
				{mine && (
					<button type="button" class="button" onClick={() => onDecide(mine)}>
						Keep my change
					</button>
				)}
				<button type="button" class="button" onClick={() => onDecide(undefined)}>
					Drop my change
				</button>
			</div>
		</div>
	);
}

function Actions(
	props: PanelProps & {
		readonly cell: Cell | undefined;
		readonly place: Column;
		readonly whole: boolean;
		readonly onDelete: (draft: Draft) => void;
	},
) {
	const { cell, place, whole, mayWrite, row, deployment, onDelete } = props;
	const live = cell?.state === 'live';
	const { org } = useApp();
	return (
		<div class="row wrap">
			{mayWrite && (
				<button type="button" class="button" onClick={props.onGenerate}>
					Generate a value
				</button>
			)}
			{mayWrite && live && cell.id !== undefined && (
				<button
					type="button"
					class="button danger"
					onClick={() => onDelete({ kind: 'delete', id: cell.id ?? '', version: cell.version })}
				>
					{whole ? `Delete all keys of ${cell.name}` : 'Delete'}
				</button>
			)}
			<Link
				to={['deployments', deployment, 'keys', row.key]}
				query={{ tier: place.tier, service: place.service }}
				class="button"
			>
				History
			</Link>
			{live && <RevealLink place={placeOf(org, deployment, place)} name={row.key} />}
		</div>
	);
}
