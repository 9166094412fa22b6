import { useApp } from '../lib/context.ts';

/** A text to copy, such as a command. Never a value of a secret. */
export function Copyable({ text, label }: { readonly text: string; readonly label: string }) {
	return (
		<div class="copyable">
			<pre>
				<code>{text.trimEnd()}</code>
			</pre>
			<CopyButton text={text} label={label} />
		</div>
	);
}

/** Copies a text to the clipboard. */
export function CopyButton({ text, label }: { readonly text: string; readonly label: string }) {
	const { notify } = useApp();
	const copy = async (): Promise<void> => {
		try {
			await navigator.clipboard.writeText(text);
			notify('Copied.');
		} catch {
			notify('The browser did not allow it: select the text and copy it.');
		}
	};
	return (
		<button type="button" class="button small" onClick={() => void copy()}>
			{label}
		</button>
	);
}
