import type { ComponentChildren } from 'preact';
import type { Failure } from '../lib/client.ts';
import type { Loaded } from '../lib/load.ts';
import { sentence } from '../state/texts.ts';

/** Says that something loads. */
export function Loading({ what }: { readonly what: string }) {
	return (
		<p class="loading" role="status">
			<span class="spinner" aria-hidden="true" /> Loading {what} …
		</p>
	);
}

/** The API's own sentence, and a way to try again. */
export function ErrorNote({ failure, retry }: { readonly failure: Failure; readonly retry?: () => void }) {
	return (
		<div class="note note-error" role="alert">
			<p>{sentence(failure.message)}</p>
			{retry && (
				<button type="button" class="button" onClick={retry}>
					Try again
				</button>
			)}
		</div>
	);
}

/** Why a change was refused; nothing if it was not. */
export function Problem({ text }: { readonly text: string }) {
	return text === '' ? null : (
		<div class="note note-error" role="alert">
			<p>{text}</p>
		</div>
	);
}

/** Says that there is nothing, and what to do next. */
export function Empty({
	title,
	children,
}: {
	readonly title: string;
	readonly children?: ComponentChildren;
}) {
	return (
		<div class="empty">
			<h2>{title}</h2>
			{children}
		</div>
	);
}

/** Shows what is loaded, or the state of the load. An error does not hide what was there. */
export function Shown<T>(props: {
	readonly loaded: Loaded<T>;
	readonly what: string;
	readonly children: (value: T) => ComponentChildren;
}) {
	const { value, failure, isLoading, reload } = props.loaded;
	return (
		<>
			{failure && failure.kind !== 'ended' && <ErrorNote failure={failure} retry={() => void reload()} />}
			{value === undefined && isLoading && <Loading what={props.what} />}
			{value !== undefined && props.children(value)}
		</>
	);
}
