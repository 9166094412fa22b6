import { useState } from 'preact/hooks';
import { CopyButton } from '../parts/copy.tsx';
import { Dialog, DialogFoot } from '../parts/dialog.tsx';
import { Field } from '../parts/field.tsx';
import { parseTags } from '../state/tags.ts';
import type { Grid } from '../state/types.ts';
import { PlaceSelect } from './place-select.tsx';

/** What can be done with several selected keys. */
export function BulkBar(props: {
	readonly grid: Grid;
	readonly keys: readonly string[];
	readonly mayWrite: boolean;
	readonly onTag: (column: number, tags: readonly string[]) => number;
	readonly onDelete: (column: number) => number;
	readonly onCopy: (column: number) => number;
	readonly onClear: () => void;
	readonly notify: (text: string) => void;
}) {
	const [doing, setDoing] = useState<'tag' | 'delete' | 'copy'>();
	const { keys } = props;
	return (
		<div class="bulk" role="toolbar" aria-label="Selected keys">
			<strong>{keys.length} selected</strong>
			{props.mayWrite && (
				<>
					<button type="button" class="button small" onClick={() => setDoing('tag')}>
						Tag
					</button>
					<button type="button" class="button small" onClick={() => setDoing('copy')}>
						Copy keys to …
					</button>
					<button type="button" class="button small" onClick={() => setDoing('delete')}>
						Delete
					</button>
				</>
			)}
			<CopyButton text={keys.join('\n')} label="Copy the names" />
			<button type="button" class="button small" onClick={props.onClear}>
				Clear selection
			</button>
			{doing && <BulkDialog {...props} doing={doing} onClose={() => setDoing(undefined)} />}
		</div>
	);
}

const TEXTS = {
	tag: ['Tag the selected keys', 'Their tags are replaced by these.'],
	delete: ['Delete the selected keys', 'They can be undeleted from the recycle bin.'],
	copy: ['Copy the selected keys', 'Values cannot be copied: each new key waits for a value of its own.'],
} as const;

function BulkDialog(
	props: Parameters<typeof BulkBar>[0] & {
		readonly doing: 'tag' | 'delete' | 'copy';
		readonly onClose: () => void;
	},
) {
	const { doing, onClose, notify } = props;
	const [column, setColumn] = useState(1);
	const [tags, setTags] = useState('');
	const [error, setError] = useState('');
	const [title, hint] = TEXTS[doing];
	const go = (): void => {
		const parsed = parseTags(tags);
		if (doing === 'tag' && !parsed.ok) {
			setError(parsed.error);
			return;
		}
		const count =
			doing === 'tag'
				? props.onTag(column, parsed.ok ? parsed.value : [])
				: doing === 'delete'
					? props.onDelete(column)
					: props.onCopy(column);
		if (count === 0) {
			setError('None of the selected keys can be changed so in this place.');
			return;
		}
		notify(`${count} ${count === 1 ? 'change is' : 'changes are'} unsaved now.`);
		onClose();
	};
	return (
		<Dialog title={title} onClose={onClose}>
			<form
				class="dialog-body"
				onSubmit={(event) => {
					event.preventDefault();
					go();
				}}
			>
				<Field label="Where" hint={hint} error={error}>
					<PlaceSelect grid={props.grid} value={column} onChange={setColumn} />
				</Field>
				{doing === 'tag' && (
					<Field label="Tags" hint="Lowercase words, with blanks between them.">
						<input value={tags} onInput={(event) => setTags(event.currentTarget.value)} />
					</Field>
				)}
				<DialogFoot onCancel={onClose}>Keep as unsaved changes</DialogFoot>
			</form>
		</Dialog>
	);
}
