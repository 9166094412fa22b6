import { useState } from 'preact/hooks';
import { Dialog, DialogFoot } from '../parts/dialog.tsx';
import { Field } from '../parts/field.tsx';

/** Destroys a secret, behind typing its key. */
export function DestroyKey(props: {
	readonly name: string;
	readonly problem: string;
	readonly onDestroy: (confirm: string) => void;
	readonly onClose: () => void;
}) {
	const { name } = props;
	const [typed, setTyped] = useState('');
	return (
		<Dialog title={`Destroy ${name}?`} onClose={props.onClose}>
			<form
				class="dialog-body"
				onSubmit={(event) => {
					event.preventDefault();
					props.onDestroy(typed);
				}}
			>
				<p>
					Every version is removed for good. Nothing but a backup of Vault brings a value back. Pods that
					start from now on get the value of the tier below, if there is one.
				</p>
				<Field label={`Type ${name} to confirm`} error={props.problem}>
					<input
						value={typed}
						autocomplete="off"
						spellcheck={false}
						onInput={(event) => setTyped(event.currentTarget.value)}
					/>
				</Field>
				<DialogFoot onCancel={props.onClose} danger disabled={typed !== name}>
					Destroy all versions
				</DialogFoot>
			</form>
		</Dialog>
	);
}
