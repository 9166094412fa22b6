import { useState } from 'preact/hooks';
import { Dialog, DialogFoot } from '../parts/dialog.tsx';
import { Field } from '../parts/field.tsx';
import { ValueInput } from '../parts/value-input.tsx';
import { type Entry, parseEnvText } from '../state/env-file.ts';
import type { Grid } from '../state/types.ts';
import { PlaceSelect } from './place-select.tsx';

/** Takes a pasted .env text apart, and says what it would do before it becomes unsaved changes. */
export function PasteEnv(props: {
	readonly grid: Grid;
	readonly onPaste: (entries: readonly Entry[], column: number) => void;
	readonly onClose: () => void;
}) {
	const [text, setText] = useState('');
	const [column, setColumn] = useState(1);
	const { entries, problems } = parseEnvText(text);
	const existing = new Set(
		props.grid.cells.filter((cell) => cell.column === column && cell.state === 'live').map(({ key }) => key),
	);
	const changed = entries.filter(({ key }) => existing.has(key)).length;
	return (
		<Dialog title="Paste .env" onClose={props.onClose}>
			<div class="dialog-body">
				<Field label="Where">
					<PlaceSelect grid={props.grid} value={column} onChange={setColumn} />
				</Field>
				<Field label="Lines of KEY=value" hint="Names stay exactly as they are.">
					<ValueInput value={text} onInput={setText} rows={8} />
				</Field>
				{text !== '' && (
					<div role="status">
						<p>
							{entries.length - changed} new, {changed} changed.
						</p>
						{problems.length > 0 && (
							<ul class="problems">
								{problems.slice(0, 10).map((problem) => (
									<li key={problem}>{problem}</li>
								))}
							</ul>
						)}
					</div>
				)}
			</div>
			<DialogFoot
				onCancel={props.onClose}
				disabled={entries.length === 0 || problems.length > 0}
				onSend={() => {
					props.onPaste(entries, column);
					props.onClose();
				}}
			>
				Keep {entries.length} as unsaved changes
			</DialogFoot>
		</Dialog>
	);
}
