import { useState } from 'preact/hooks';
import { useApp, useCall } from '../lib/context.ts';
import { CopyButton } from '../parts/copy.tsx';
import { Dialog, DialogFoot } from '../parts/dialog.tsx';
import { Field } from '../parts/field.tsx';
import { SCOPE_TEXTS } from '../state/api-keys.ts';
import { sentence } from '../state/texts.ts';

/** Creates an API key. It is shown once, in this dialog alone. */
export function NewKey({
	onClose,
	onCreated,
}: {
	readonly onClose: () => void;
	readonly onCreated: () => void;
}) {
	const { me } = useApp();
	const send = useCall();
	const [name, setName] = useState('');
	const [days, setDays] = useState('90');
	const [scopes, setScopes] = useState<readonly string[]>(['secrets:read']);
	const [problem, setProblem] = useState('');
	const [key, setKey] = useState('');
	const create = async (): Promise<void> => {
		const body = { name, scopes, expiresInDays: Number(days) };
		const answer = await send<{ readonly key: string }>('POST', '/api/keys', { body });
		if (!answer.ok) return setProblem(sentence(answer.failure.message));
		setKey(answer.value.key);
		onCreated();
	};
	if (key !== '')
		return (
			<Dialog title="Your new API key" onClose={onClose}>
				<div class="dialog-body">
					<p>It is shown only now. Copy it to where it is used.</p>
					<pre class="code">
						<code>{key}</code>
					</pre>
					<footer class="dialog-foot">
						<CopyButton text={key} label="Copy the key" />
						<button type="button" class="button primary" onClick={onClose}>
							Done
						</button>
					</footer>
				</div>
			</Dialog>
		);
	return (
		<Dialog title="New API key" onClose={onClose}>
			<form
				class="dialog-body"
				onSubmit={(event) => {
					event.preventDefault();
					void create();
				}}
			>
				<Field label="Name" hint="What uses it, such as the name of a pipeline." error={problem}>
					<input value={name} required onInput={(event) => setName(event.currentTarget.value)} />
				</Field>
				<fieldset>
					<legend>It may</legend>
					{me.scopes.map((scope) => (
						<label class="check" key={scope}>
							<input
								type="checkbox"
								checked={scopes.includes(scope)}
								onChange={(event) =>
									setScopes(
										event.currentTarget.checked ? [...scopes, scope] : scopes.filter((one) => one !== scope),
									)
								}
							/>
							{SCOPE_TEXTS[scope] ?? scope} <code>{scope}</code>
						</label>
					))}
				</fieldset>
				<Field label="Days until it ends" hint="1 to 366.">
					<input
						type="number"
						min="1"
						max="366"
						required
						value={days}
						onInput={(event) => setDays(event.currentTarget.value)}
					/>
				</Field>
				<DialogFoot onCancel={onClose}>Create</DialogFoot>
			</form>
		</Dialog>
	);
}
