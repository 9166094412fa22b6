import type { Draft } from './drafts.ts';
import { type CellView, columnName } from './grid.ts';
import { ago, person } from './time.ts';
import type { Column } from './types.ts';

/** The short text in a cell. */
export function cellText(view: CellView, columns: readonly Column[], draft: Draft | undefined): string {
	if (draft !== undefined) return draftText(draft);
	switch (view.state) {
		case 'inherited':
			return `from ${columnName(columns[view.from ?? 0])}`;
		case 'none':
			return '–';
		default:
			return view.cell?.incomplete === undefined ? view.state : `${view.state}, half written`;
	}
}

function draftText(draft: Draft): string {
	if (draft.kind === 'delete') return 'will be deleted';
	if (draft.kind === 'describe') return 'new description';
	if (draft.value === '') return 'needs a value';
	return draft.kind === 'create' ? 'new' : 'new value';
}

/** What hover and focus tell about a cell, one sentence each. */
export function cellFacts(
	view: CellView,
	columns: readonly Column[],
	index: number,
	now: number,
): readonly string[] {
	const { cell, from, overriddenBy } = view;
	const facts = [stateFact(view, columns, index)];
	if (cell?.state === 'live')
		facts.push(`Version ${cell.version}, written ${writtenFact(cell.at, cell.by, now)}.`);
	if (cell?.state === 'deleted')
		facts.push(`Version ${cell.version}, deleted ${writtenFact(cell.at, cell.by, now)}.`);
	if (cell?.incomplete !== undefined) {
		const { written, of } = cell.incomplete;
		facts.push(
			`Half written: ${written} of ${of} keys of ${cell.name ?? 'this secret'} are of the last change. Repeat the change, or delete it.`,
		);
	}
	if (view.state === 'deleted' && from !== undefined)
		facts.push(`Pods get the value of the ${columnName(columns[from])} instead.`);
	if (view.state === 'set' && overriddenBy.length > 0)
		facts.push(`Overridden for: ${overriddenBy.map((one) => columnName(columns[one])).join(', ')}.`);
	if (cell?.expiresAt) facts.push(`Ends ${ago(cell.expiresAt, now)}.`);
	if (cell?.type)
		facts.push(`Type ${cell.type}${cell.name && cell.name !== cell.key ? `, part of ${cell.name}` : ''}.`);
	if (cell?.description) facts.push(cell.description);
	if (cell?.tags?.length) facts.push(`Tags: ${cell.tags.join(', ')}.`);
	return facts;
}

function writtenFact(at: string, by: string, now: number): string {
	return by === '' ? ago(at, now) : `${ago(at, now)} by ${person(by)}`;
}

function stateFact({ state, from }: CellView, columns: readonly Column[], index: number): string {
	const here = columnName(columns[index]);
	const whose = index === 0 ? 'the organization' : index === 1 ? 'the deployment' : `the service ${here}`;
	switch (state) {
		case 'set':
			return `Set in ${whose}.`;
		case 'overridden':
			return `Set in ${whose}, but no pod gets it: a higher tier overrides it.`;
		case 'inherited':
			return `Not set in ${whose}. Pods get the value of the ${columnName(columns[from ?? 0])}.`;
		case 'missing':
			return `The template says that ${whose} needs it, and it is set nowhere.`;
		case 'deleted':
			return `Deleted in ${whose}. It can be undeleted.`;
		case 'destroyed':
			return `Destroyed in ${whose}: nothing of it is left.`;
		default:
			return `Not set in ${whose}.`;
	}
}
