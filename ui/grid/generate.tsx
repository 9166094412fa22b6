import { useState } from 'preact/hooks';
import { type SecretTypeName, typeInfo } from '../../contract/secret-types.ts';
import { useCall } from '../lib/context.ts';
import { Dialog, DialogFoot } from '../parts/dialog.tsx';
import { Field } from '../parts/field.tsx';
import {
	GENERATED,
	generatedKeys,
	generationOf,
	openFields,
	regenerated,
	TYPE_LABELS,
} from '../state/generate.ts';
import { sentence } from '../state/texts.ts';
import type { Cell, Column, Grid } from '../state/types.ts';
import { PlaceSelect } from './place-select.tsx';

/** Lets the API make a value. Nobody sees it, this page neither. */
export function Generate(props: {
	readonly grid: Grid;
	/** The cell that it starts from, if there is one. */
	readonly start:
		| { readonly key: string; readonly column: number; readonly cell: Cell | undefined }
		| undefined;
	readonly onDone: (message: string) => void;
	readonly onClose: () => void;
}) {
	const { grid, start } = props;
	const send = useCall();
	const again = regenerated(start?.cell);
	const [type, setType] = useState<SecretTypeName>(again?.type ?? 'password');
	const [name, setName] = useState(again?.name ?? start?.key ?? '');
	const [column, setColumn] = useState(start?.column ?? 1);
	const [texts, setTexts] = useState<Readonly<Record<string, string>>>({});
	const [error, setError] = useState('');
	const [busy, setBusy] = useState(false);
	const occupied = start?.cell?.state === 'live' && again === undefined;
	const keys = name === '' ? [] : generatedKeys(type, name);
	const generate = async (): Promise<void> => {
		const wanted = generationOf({ type, name, texts });
		if (!wanted.ok) return setError(wanted.error);
		setBusy(true);
		const { tier, service } = grid.columns[column] as Column;
		const path = tier === 'org' ? '/api/org/secrets' : '/api/secrets';
		const place = tier === 'org' ? {} : { deploymentName: grid.deployment, serviceName: service };
		const answer = again
			? await send('PUT', path, { body: { id: start?.cell?.id, ...wanted.value } })
			: await send('POST', path, { body: { type, name, ...wanted.value, ...place } });
		setBusy(false);
		if (!answer.ok) return setError(sentence(answer.failure.message));
		props.onDone(`${keys.join(', ')} ${again ? 'changed' : 'generated'}. Nobody has seen the value.`);
	};
	return (
		<Dialog title={again ? `Generate ${again.name} again` : 'Generate a value'} onClose={props.onClose}>
			<form
				class="dialog-body"
				onSubmit={(event) => {
					event.preventDefault();
					void generate();
				}}
			>
				{occupied && (
					<p class="note">
						{start?.key} has a value already, and it is no generated one. Delete it first, save, and then
						generate it.
					</p>
				)}
				<Field label="Kind">
					<select
						value={type}
						disabled={again !== undefined}
						onChange={(event) => setType(event.currentTarget.value as SecretTypeName)}
					>
						{GENERATED.map((one) => (
							<option key={one} value={one}>
								{TYPE_LABELS[one] ?? one}
							</option>
						))}
					</select>
				</Field>
				<Field label="Name" hint={keys.length > 0 ? `Keys: ${keys.join(', ')}` : undefined} error={error}>
					<input
						value={name}
						required
						disabled={again !== undefined}
						autocomplete="off"
						spellcheck={false}
						onInput={(event) => setName(event.currentTarget.value.trim())}
					/>
				</Field>
				{!again && (
					<Field label="Where">
						<PlaceSelect grid={grid} value={column} onChange={setColumn} />
					</Field>
				)}
				<Options type={type} texts={texts} onChange={setTexts} />
				<p class="hint">
					The API makes the value and writes it at once. Pods get it when they start the next time.
				</p>
				<DialogFoot onCancel={props.onClose} disabled={busy || occupied}>
					{busy ? 'Generating …' : 'Generate'}
				</DialogFoot>
			</form>
		</Dialog>
	);
}

function Options(props: {
	readonly type: SecretTypeName;
	readonly texts: Readonly<Record<string, string>>;
	readonly onChange: (texts: Readonly<Record<string, string>>) => void;
}) {
	const { type, texts, onChange } = props;
	const { fields, generate = {} } = typeInfo(type);
	const open = openFields(type).map((field) => [field, fields[field]] as const);
	return (
		<>
			{[...open, ...Object.entries(generate)].map(([option, info]) => (
				<Field key={option} label={optionLabel(option)} hint={info?.meaning}>
					<input
						value={texts[option] ?? ''}
						autocomplete="off"
						onInput={(event) => onChange({ ...texts, [option]: event.currentTarget.value })}
					/>
				</Field>
			))}
		</>
	);
}

const optionLabel = (option: string): string => `${option.charAt(0).toUpperCase()}${option.slice(1)}`;
