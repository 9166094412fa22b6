import { useState } from 'preact/hooks';
import { isKey, KEY_RULE } from '../../contract/keys.ts';
import { Dialog, DialogFoot } from '../parts/dialog.tsx';
import { Field } from '../parts/field.tsx';
import { ValueInput } from '../parts/value-input.tsx';
import type { Grid } from '../state/types.ts';
import { PlaceSelect } from './place-select.tsx';

/** Adds one key as an unsaved change. Also to a service that has none yet. */
export function AddKey(props: {
	readonly grid: Grid;
	readonly onAdd: (key: string, place: number | string, value: string) => string | undefined;
	readonly onClose: () => void;
}) {
	const [key, setKey] = useState('');
	const [place, setPlace] = useState(1);
	const [service, setService] = useState('');
	const [value, setValue] = useState('');
	const [error, setError] = useState('');
	const add = (): void => {
		if (!isKey(key)) {
			setError(`A key must be ${KEY_RULE}.`);
			return;
		}
		const problem = props.onAdd(key, service === '' ? place : service, value);
		if (problem === undefined) props.onClose();
		else setError(problem);
	};
	return (
		<Dialog title="Add a key" onClose={props.onClose}>
			<form
				class="dialog-body"
				onSubmit={(event) => {
					event.preventDefault();
					add();
				}}
			>
				<Field label="Key" hint="The name of the environment variable, such as DATABASE_URL." error={error}>
					<input
						value={key}
						required
						autocomplete="off"
						spellcheck={false}
						onInput={(event) => setKey(event.currentTarget.value.trim())}
					/>
				</Field>
				<Field label="Where">
					<PlaceSelect grid={props.grid} value={place} onChange={setPlace} />
				</Field>
				<Field label="Or a new service" hint="Leave it empty, unless the service has no secrets yet.">
					<input
						value={service}
						autocomplete="off"
						spellcheck={false}
						onInput={(event) => setService(event.currentTarget.value.trim())}
					/>
				</Field>
				<Field label="Value">
					<ValueInput value={value} onInput={setValue} />
				</Field>
				<DialogFoot onCancel={props.onClose}>Keep as unsaved change</DialogFoot>
			</form>
		</Dialog>
	);
}
