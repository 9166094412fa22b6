import { err, ok, type Result } from '../../contract/result.ts';
import {
	type FieldKind,
	isTypedName,
	SECRET_TYPES,
	type SecretTypeName,
	typedKeys,
	typeInfo,
} from '../../contract/secret-types.ts';
import type { Cell } from './types.ts';

/** The types whose values the API can make. */
export const GENERATED = (Object.keys(SECRET_TYPES) as SecretTypeName[]).filter(
	(type) => typeInfo(type).generate !== undefined,
);

/** Names of types, as people read them. */
export const TYPE_LABELS: Readonly<Record<string, string>> = {
	password: 'Password',
	userpass: 'User name and password',
	tls: 'TLS certificates',
	ssh: 'SSH key',
};

/** What somebody has filled in. */
export interface Wanted {
	readonly type: SecretTypeName;
	readonly name: string;
	/** The text of each option and field, by its name. */
	readonly texts: Readonly<Record<string, string>>;
}

/** What the API gets. */
export interface Generation {
	readonly fields?: Readonly<Record<string, unknown>>;
	readonly generate: true | Readonly<Record<string, unknown>>;
}

/** Fields of a type that hold no secret: the person may say them. */
export function openFields(type: SecretTypeName): readonly string[] {
	return type === 'userpass' ? ['username', 'htpasswd'] : [];
}

/** Makes the request for a generation, or says what is wrong. */
export function generationOf({ type, name, texts }: Wanted): Result<Generation> {
	if (!isTypedName(type, name))
		return err('The name must be letters, digits and "_", not starting with a digit.');
	const { fields: known, generate = {} } = typeInfo(type);
	const given = (names: readonly string[]) =>
		names.flatMap((one) => {
			const text = (texts[one] ?? '').trim();
			return text === '' ? [] : [[one, text] as const];
		});
	const options: Record<string, unknown> = {};
	for (const [option, text] of given(Object.keys(generate))) {
		const parsed = parseOption(option, text, generate[option]?.kind ?? 'text');
		if (!parsed.ok) return parsed;
		options[option] = parsed.value;
	}
	const fields = given(openFields(type)).map(([field, text]) => [
		field,
		known[field]?.kind === 'flag' ? text === 'true' : text,
	]);
	return ok({
		...(fields.length === 0 ? {} : { fields: Object.fromEntries(fields) }),
		generate: Object.keys(options).length === 0 ? true : options,
	});
}

function parseOption(option: string, text: string, kind: FieldKind): Result<unknown> {
	if (kind === 'number')
		return /^[0-9]{1,6}$/.test(text) ? ok(Number(text)) : err(`${option} must be a whole number.`);
	return ok(kind === 'list' ? text.split(/[\s,]+/).filter(Boolean) : text);
}

/** The keys that a generation writes. */
export function generatedKeys(type: SecretTypeName, name: string): readonly string[] {
	return typedKeys(type, name)
		.filter(({ optional }) => !optional)
		.map(({ key }) => key);
}

/** The typed secret that a cell is part of, if its values can be made again. */
export function regenerated(cell: Cell | undefined): { type: SecretTypeName; name: string } | undefined {
	const type = GENERATED.find((one) => one === cell?.type);
	return cell?.state === 'live' && type !== undefined ? { type, name: cell.name ?? cell.key } : undefined;
}
