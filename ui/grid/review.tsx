import { useState } from 'preact/hooks';
import { Dialog, DialogFoot } from '../parts/dialog.tsx';
import { Problem } from '../parts/states.tsx';
import {
	type CellProblem,
	type Draft,
	type Drafts,
	isEmpty,
	parseCellName,
	reviewOf,
} from '../state/drafts.ts';
import { columnName } from '../state/grid.ts';

const TITLES: readonly (readonly [Draft['kind'], string])[] = [
	['create', 'Added'],
	['update', 'Changed'],
	['describe', 'Described anew'],
	['delete', 'Deleted'],
];

/** All unsaved changes on one sheet, values masked, and one save: all of them, or none. */
export function Review(props: {
	readonly drafts: Drafts;
	readonly problems: ReadonlyMap<string, CellProblem>;
	readonly message: string;
	readonly onDrop: (name: string) => void;
	readonly onOpen: (name: string) => void;
	readonly onSave: () => Promise<void>;
	readonly onClose: () => void;
}) {
	const { drafts, problems } = props;
	const [saving, setSaving] = useState(false);
	const review = reviewOf(drafts);
	const empty = [...drafts.values()].filter(isEmpty).length;
	const count = drafts.size - empty;
	return (
		<Dialog kind="sheet" title="Review changes" onClose={props.onClose}>
			<div class="dialog-body">
				<Problem text={props.message} />
				{drafts.size === 0 && <p>Nothing is unsaved.</p>}
				{TITLES.map(([kind, title]) =>
					review[kind].length === 0 ? null : (
						<section key={kind}>
							<h3>
								{title} ({review[kind].length})
							</h3>
							<ul class="review">
								{review[kind].map((name) => (
									<ReviewItem
										key={name}
										{...{ name, ...props }}
										draft={drafts.get(name) as Draft}
										problem={problems.get(name)}
									/>
								))}
							</ul>
						</section>
					),
				)}
				{empty > 0 && (
					<p class="hint">
						{empty} {empty === 1 ? 'key needs' : 'keys need'} a value and will not be saved yet.
					</p>
				)}
			</div>
			<DialogFoot
				cancel="Back"
				onCancel={props.onClose}
				disabled={count === 0 || saving}
				onSend={() => {
					setSaving(true);
					void props.onSave().finally(() => setSaving(false));
				}}
			>
				{saving ? 'Saving …' : `Save ${count} ${count === 1 ? 'change' : 'changes'}`}
			</DialogFoot>
		</Dialog>
	);
}

function ReviewItem(props: {
	readonly name: string;
	readonly draft: Draft;
	readonly problem: CellProblem | undefined;
	readonly onDrop: (name: string) => void;
	readonly onOpen: (name: string) => void;
}) {
	const { name, draft, problem } = props;
	const { column, key } = parseCellName(name);
	return (
		<li class={problem ? 'failed' : undefined}>
			<div>
				<strong>{key}</strong> <span class="where">in {columnName(column)}</span>
				{'value' in draft && (
					<span class="mask" title="The value is hidden">
						{draft.value === '' ? 'no value yet' : '••••••••'}
					</span>
				)}
				{problem && <p class="field-error">{problem.message}</p>}
			</div>
			<div class="row">
				<button type="button" class="button small" onClick={() => props.onOpen(name)}>
					{problem ? 'Decide' : 'Edit'}
					<span class="visually-hidden"> {key}</span>
				</button>
				<button type="button" class="button small" onClick={() => props.onDrop(name)}>
					Drop<span class="visually-hidden"> {key}</span>
				</button>
			</div>
		</li>
	);
}
