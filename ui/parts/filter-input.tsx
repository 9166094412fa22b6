import { useState } from 'preact/hooks';

/**
 * A text that counts when the person has left the field or pressed Enter. What is typed until then stays when
 * the view is rendered again, such as after a load.
 */
export function FilterInput(props: {
	readonly value: string;
	readonly placeholder?: string;
	readonly onDone: (text: string) => void;
	/** A field of a search: browsers add a button that empties it. */
	readonly search?: true;
	readonly class?: string;
	/** For a field without a visible label. */
	readonly 'aria-label'?: string;
	/** `Field` sets them. */
	readonly id?: string;
	readonly 'aria-describedby'?: string;
}) {
	const { value, onDone, search, ...rest } = props;
	// Not by an effect: it would run after the first look, and take away what is typed until then.
	const [typed, setTyped] = useState({ beside: value, text: value });
	if (typed.beside !== value) setTyped({ beside: value, text: value });
	const { text } = typed;
	const all = {
		...rest,
		value: text,
		spellcheck: false,
		onInput: (event: InputEvent) => setTyped({ beside: value, text: textOf(event) }),
		onChange: (event: Event) => onDone(textOf(event).trim()),
	};
	return search ? <input {...all} type="search" /> : <input {...all} />;
}

const textOf = ({ currentTarget }: Event): string => (currentTarget as HTMLInputElement).value;
