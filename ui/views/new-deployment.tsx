import { useState } from 'preact/hooks';
import { useApp, useCall } from '../lib/context.ts';
import { useLoad } from '../lib/load.ts';
import { navigate } from '../lib/router.ts';
import { Dialog, DialogFoot } from '../parts/dialog.tsx';
import { Field } from '../parts/field.tsx';
import { useHref } from '../parts/link.tsx';
import { sentence } from '../state/texts.ts';

/** Registers a deployment, empty or from a template. */
export function NewDeployment({ onClose }: { readonly onClose: () => void }) {
	const { org } = useApp();
	const send = useCall();
	const url = useHref();
	const templates = useLoad<readonly { readonly name: string }[]>('/api/templates');
	const [name, setName] = useState('');
	const [template, setTemplate] = useState('');
	const [problem, setProblem] = useState('');
	const create = async (): Promise<void> => {
		const body = { name, org, ...(template === '' ? {} : { template }) };
		const answer = await send('POST', '/api/deployments', { body });
		if (answer.ok) await navigate(url(['deployments', name]));
		else setProblem(sentence(answer.failure.message));
	};
	return (
		<Dialog title="New deployment" onClose={onClose}>
			<form
				class="dialog-body"
				onSubmit={(event) => {
					event.preventDefault();
					void create();
				}}
			>
				<Field label="Name" hint="Pods name it in the annotation envtier.dev/deployment." error={problem}>
					<input
						value={name}
						required
						autocomplete="off"
						spellcheck={false}
						onInput={(event) => setName(event.currentTarget.value)}
					/>
				</Field>
				<Field label="Template" hint="It says which secrets each service needs. It may stay empty.">
					<select value={template} onChange={(event) => setTemplate(event.currentTarget.value)}>
						<option value="">None</option>
						{(templates.value ?? []).map((one) => (
							<option key={one.name} value={one.name}>
								{one.name}
							</option>
						))}
					</select>
				</Field>
				<DialogFoot onCancel={onClose}>Create</DialogFoot>
			</form>
		</Dialog>
	);
}
