import { ago, exactly, person } from '../state/time.ts';

/** A time from now; the hover has it in full. */
export function When({ time }: { readonly time: string }) {
	const text = ago(time, Date.now());
	return text === '' ? null : (
		<time dateTime={time} title={exactly(time)}>
			{text}
		</time>
	);
}

/** A subject. */
export function Who({ subject }: { readonly subject: string }) {
	return <span title={subject}>{person(subject)}</span>;
}

/** The tags of a secret. */
export function Tags({ tags }: { readonly tags: readonly string[] }) {
	return tags.length === 0 ? null : (
		<ul class="tags">
			{tags.map((tag) => (
				<li key={tag}>{tag}</li>
			))}
		</ul>
	);
}
