import { err, ok, type Result } from '../../contract/result.ts';
import {
	type FieldKind,
	type SecretTypeName,
	type TypeField,
	typeInfo,
} from '../../contract/secret-types.ts';
import type { Context } from '../context.ts';
import { STDIN } from '../files.ts';
import { readText } from './value.ts';

/** Options that give the fields of a typed secret. */
export interface FieldOptions {
	/** `FIELD=VALUE`, for fields that are no secret. */
	readonly field?: readonly string[] | undefined;
	/** The field whose value is standard input. */
	readonly fieldStdin?: string | undefined;
	/** `FIELD=FILE` */
	readonly fieldFromFile?: readonly string[] | undefined;
	/** `OPTION=VALUE`; empty for the option without a value. */
	readonly generate?: readonly string[] | undefined;
}

/** The fields and the options of the generation, as the API takes them. */
export interface TypedBody {
	readonly fields?: Readonly<Record<string, unknown>>;
	readonly generate?: true | Readonly<Record<string, unknown>>;
}

/** Reads the fields of a typed secret from the options of a command, from files and from standard input. */
export async function readTyped(
	type: SecretTypeName,
	options: FieldOptions,
	context: Context,
): Promise<Result<TypedBody>> {
	const generate = readGenerate(type, options.generate);
	if (!generate.ok) return generate;
	const fields = await readFields(type, options, context);
	if (!fields.ok) return fields;
	return ok({
		...(Object.keys(fields.value).length === 0 ? {} : { fields: fields.value }),
		...(generate.value === undefined ? {} : { generate: generate.value }),
	});
}

async function readFields(
	type: SecretTypeName,
	{ field = [], fieldStdin, fieldFromFile = [] }: FieldOptions,
	context: Context,
): Promise<Result<Readonly<Record<string, unknown>>>> {
	const { fields } = typeInfo(type);
	const given: Record<string, unknown> = {};
	const sources = [
		...field.map((text) => ({ option: '--field', ...split(text) })),
		...fieldFromFile.map((text) => ({ option: '--field-from-file', ...split(text) })),
		...(fieldStdin === undefined ? [] : [{ option: '--field-stdin', name: fieldStdin, text: STDIN }]),
	];
	if (sources.filter(({ option, text }) => option !== '--field' && text === STDIN).length > 1)
		return err('only one field can come from standard input');
	for (const source of sources) {
		const { name } = source;
		if (Object.hasOwn(given, name)) return err(`the field ${name} is given twice`);
		const info = Object.hasOwn(fields, name) ? fields[name] : undefined;
		if (info === undefined) return err(`${type} has no field "${name}"; its fields: ${listOf(fields)}`);
		const value = await readField(source, info, context);
		if (!value.ok) return value;
		given[name] = value.value;
	}
	return ok(given);
}

/** An option that gives a field: its value, or the file with the value. */
interface FieldSource {
	readonly option: string;
	readonly name: string;
	readonly text: string | undefined;
}

async function readField(
	{ option, name, text }: FieldSource,
	{ kind, secret }: TypeField,
	context: Context,
): Promise<Result<unknown>> {
	const inline = option === '--field';
	if (text === undefined) return err(`${option} ${name} needs "=" and ${inline ? 'a value' : 'a file'}`);
	if (inline && secret)
		return err(
			`${name} is not taken as an argument: it would stay in the history of your shell, and everyone on this machine could read it in the list of processes; use --field-stdin ${name} or --field-from-file ${name}=FILE, and if that was a real secret, change it now`,
		);
	const value = inline ? parse(kind, text) : await readText(text, option === '--field-stdin', context);
	return value.ok ? value : err(`${option} ${name}: ${value.error}`);
}

function readGenerate(
	type: SecretTypeName,
	given: FieldOptions['generate'],
): Result<TypedBody['generate'] | undefined> {
	if (given === undefined) return ok(undefined);
	const { generate: known } = typeInfo(type);
	if (known === undefined) return err(`${type} cannot be generated: give its fields`);
	const options: Record<string, unknown> = {};
	for (const one of given.filter((option) => option !== '')) {
		const { name, text } = split(one);
		const info = Object.hasOwn(known, name) ? known[name] : undefined;
		if (info === undefined || text === undefined)
			return err(`--generate takes OPTION=VALUE, for ${type}: ${listOf(known)}`);
		const value = parse(info.kind, text);
		if (!value.ok) return err(`--generate ${name}: ${value.error}`);
		options[name] = value.value;
	}
	return ok(Object.keys(options).length === 0 ? true : options);
}

function split(text: string): { readonly name: string; readonly text: string | undefined } {
	const end = text.indexOf('=');
	return end < 0 ? { name: text, text: undefined } : { name: text.slice(0, end), text: text.slice(end + 1) };
}

function listOf(fields: Readonly<Record<string, TypeField>>): string {
	return Object.keys(fields).join(', ');
}

function parse(kind: FieldKind, text: string): Result<unknown> {
	switch (kind) {
		case 'text':
			return ok(text);
		case 'number':
			return /^-?[0-9]{1,9}$/.test(text) ? ok(Number(text)) : err('must be a whole number');
		case 'flag':
			return text === 'true' || text === 'false' ? ok(text === 'true') : err('must be true or false');
		case 'list':
			return ok(text.split(',').map((part) => part.trim()));
		default:
			return kind satisfies never;
	}
}
