import { useState } from 'preact/hooks';
import { useCall } from '../lib/context.ts';
import { navigate } from '../lib/router.ts';
import { Dialog, DialogFoot } from '../parts/dialog.tsx';
import { Field } from '../parts/field.tsx';
import { useHref } from '../parts/link.tsx';
import { EXAMPLE } from '../state/templates.ts';
import { sentence } from '../state/texts.ts';

/** Creates a template from YAML, the same that `envtier templates create` takes. */
export function NewTemplate({ onClose }: { readonly onClose: () => void }) {
	const send = useCall();
	const url = useHref();
	const [name, setName] = useState('');
	const [text, setText] = useState(EXAMPLE);
	const [problem, setProblem] = useState('');
	const create = async (): Promise<void> => {
		const answer = await send('POST', `/api/templates?name=${encodeURIComponent(name)}`, { yaml: text });
		if (answer.ok) await navigate(url(['templates', name]));
		else setProblem(sentence(answer.failure.message));
	};
	return (
		<Dialog title="New template" onClose={onClose}>
			<form
				class="dialog-body"
				onSubmit={(event) => {
					event.preventDefault();
					void create();
				}}
			>
				<Field label="Name" error={problem}>
					<input
						value={name}
						required
						autocomplete="off"
						onInput={(event) => setName(event.currentTarget.value.trim())}
					/>
				</Field>
				<Field label="Services and their secrets" hint="YAML, without values.">
					<textarea
						class="code"
						rows={12}
						value={text}
						spellcheck={false}
						onInput={(event) => setText(event.currentTarget.value)}
					/>
				</Field>
				<DialogFoot onCancel={onClose}>Create</DialogFoot>
			</form>
		</Dialog>
	);
}
