import { useState } from 'preact/hooks';

/**
 * A field for a value that somebody types. It is masked unless the person wants to see it, and the browser
 * neither stores nor checks its spelling.
 */
export function ValueInput(props: {
	readonly id?: string;
	readonly value: string;
	readonly onInput: (value: string) => void;
	readonly rows?: number;
	readonly label?: string;
}) {
	const [shown, setShown] = useState(false);
	return (
		<div class="value-input">
			<textarea
				id={props.id}
				aria-label={props.label}
				class={shown ? 'value' : 'value masked'}
				rows={props.rows ?? 2}
				value={props.value}
				autocomplete="off"
				autocapitalize="off"
				spellcheck={false}
				data-1p-ignore
				data-lpignore="true"
				onInput={(event) => props.onInput(event.currentTarget.value)}
			/>
			<label class="check">
				<input type="checkbox" checked={shown} onChange={(event) => setShown(event.currentTarget.checked)} />
				Show what I type
			</label>
		</div>
	);
}
