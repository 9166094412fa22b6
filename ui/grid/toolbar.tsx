import { replaceQuery } from '../lib/router.ts';
import type { Filter, Sort } from '../state/grid.ts';

const SORTS: readonly (readonly [Sort, string])[] = [
	['key', 'Key, A to Z'],
	['-key', 'Key, Z to A'],
	['changed', 'Last changed first'],
	['problems', 'Most problems first'],
];

/** What the address says about the filter. */
export function filterOf(query: URLSearchParams): Filter {
	const sort = SORTS.find(([name]) => name === query.get('sort'))?.[0] ?? 'key';
	return { text: query.get('q') ?? '', onlyProblems: query.get('problems') === '1', sort };
}

/** Filter, sort and actions above the grid. The address holds the filter. */
export function Toolbar(props: {
	readonly filter: Filter;
	readonly shown: number;
	readonly all: number;
	readonly problems: number;
	readonly mayWrite: boolean;
	readonly onAdd: () => void;
	readonly onPaste: () => void;
	readonly onGenerate: () => void;
}) {
	const { filter, shown, all, problems } = props;
	return (
		<div class="toolbar">
			<input
				type="search"
				class="filter"
				aria-label="Filter keys"
				placeholder="Filter by key, tag or description"
				value={filter.text}
				onInput={(event) => replaceQuery({ q: event.currentTarget.value })}
			/>
			<label class="check">
				<input
					type="checkbox"
					checked={filter.onlyProblems}
					onChange={(event) => replaceQuery({ problems: event.currentTarget.checked ? '1' : undefined })}
				/>
				Only problems ({problems})
			</label>
			<label class="sort">
				Sort
				<select value={filter.sort} onChange={(event) => replaceQuery({ sort: event.currentTarget.value })}>
					{SORTS.map(([name, label]) => (
						<option key={name} value={name}>
							{label}
						</option>
					))}
				</select>
			</label>
			<span class="count" role="status">
				{shown === all ? `${all} keys` : `${shown} of ${all} keys`}
			</span>
			{props.mayWrite && (
				<div class="actions">
					<button type="button" class="button" onClick={props.onAdd}>
						Add a key
					</button>
					<button type="button" class="button" onClick={props.onPaste}>
						Paste .env
					</button>
					<button type="button" class="button" onClick={props.onGenerate}>
						Generate
					</button>
				</div>
			)}
		</div>
	);
}
