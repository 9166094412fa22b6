import { useState } from 'preact/hooks';
import { Field } from '../parts/field.tsx';
import { ValueInput } from '../parts/value-input.tsx';
import { type Draft, valueDraft } from '../state/drafts.ts';
import { parseTags } from '../state/tags.ts';
import type { Cell } from '../state/types.ts';

/** Value, description and tags of one cell. They become one unsaved change. */
export function CellForm(props: {
	readonly cell: Cell | undefined;
	readonly draft: Draft | undefined;
	/** True for a key that changes only together with others. */
	readonly whole: boolean;
	readonly onKeep: (draft: Draft) => void;
	readonly onDrop: () => void;
}) {
	const { cell, draft, whole } = props;
	const before = aboutDraft(draft);
	const live = cell?.state === 'live';
	const [value, setValue] = useState(draft && 'value' in draft ? draft.value : '');
	const [description, setDescription] = useState(before.description ?? cell?.description ?? '');
	const [tags, setTags] = useState((before.tags ?? cell?.tags ?? []).join(' '));
	const [error, setError] = useState('');
	const keep = (): void => {
		const made = draftOf(cell, { value, description, tags });
		if (typeof made === 'string') setError(made);
		else props.onKeep(made);
	};
	return (
		<form
			onSubmit={(event) => {
				event.preventDefault();
				keep();
			}}
		>
			{whole ? (
				<p class="note">
					This key is part of {cell?.name} ({cell?.type}), which changes only as a whole: generate it again.
				</p>
			) : (
				<Field label={live ? 'New value' : 'Value'} error={error}>
					<ValueInput value={value} onInput={setValue} rows={3} />
				</Field>
			)}
			<Field label="Description">
				<input value={description} onInput={(event) => setDescription(event.currentTarget.value)} />
			</Field>
			<Field label="Tags" hint="Lowercase words, with blanks between them.">
				<input value={tags} onInput={(event) => setTags(event.currentTarget.value)} />
			</Field>
			<div class="row wrap">
				<button type="submit" class="button primary">
					Keep as unsaved change
				</button>
				{draft && (
					<button type="button" class="button" onClick={props.onDrop}>
						Drop my change
					</button>
				)}
			</div>
		</form>
	);
}

/** The unsaved change of what was typed, or what is wrong. */
function draftOf(
	cell: Cell | undefined,
	typed: { readonly value: string; readonly description: string; readonly tags: string },
): Draft | string {
	const tags = parseTags(typed.tags);
	if (!tags.ok) return tags.error;
	const changed = {
		...(typed.description === (cell?.description ?? '') ? {} : { description: typed.description }),
		...(tags.value.join(' ') === (cell?.tags ?? []).join(' ') ? {} : { tags: tags.value }),
	};
	if (typed.value !== '') return valueDraft(cell, typed.value, changed);
	const isLive = cell?.state === 'live' && cell.id !== undefined;
	if (isLive && Object.keys(changed).length > 0) return { kind: 'describe', id: cell.id ?? '', ...changed };
	return 'Type a value first.';
}

function aboutDraft(draft: Draft | undefined): {
	readonly description?: string;
	readonly tags?: readonly string[];
} {
	return draft === undefined || draft.kind === 'delete' ? {} : draft;
}
