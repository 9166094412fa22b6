import type { ComponentChildren, JSX } from 'preact';
import { cloneElement } from 'preact';
import { useId } from 'preact/hooks';

/** A labelled field, with a hint and an error that screen readers connect to it. */
export function Field(props: {
	readonly label: string;
	readonly hint?: ComponentChildren;
	readonly error?: string | undefined;
	readonly children: JSX.Element;
}) {
	const id = useId();
	const described = [props.hint ? `${id}-hint` : '', props.error ? `${id}-error` : '']
		.filter(Boolean)
		.join(' ');
	return (
		<div class="field">
			<label for={id}>{props.label}</label>
			{cloneElement(props.children, {
				id,
				...(described === '' ? {} : { 'aria-describedby': described }),
				...(props.error ? { 'aria-invalid': 'true' } : {}),
			})}
			{props.hint && (
				<p class="hint" id={`${id}-hint`}>
					{props.hint}
				</p>
			)}
			{props.error && (
				<p class="field-error" id={`${id}-error`} role="alert">
					{props.error}
				</p>
			)}
		</div>
	);
}
