import {
	isSecretType,
	SECRET_TYPE_NAMES,
	SECRET_TYPES,
	type TypeField,
	typedKeys,
	typeInfo,
} from '../../contract/secret-types.ts';
import type { Context } from '../context.ts';
import { json, type Output } from '../output.ts';
import { table } from '../table.ts';

/** `envtier secrets types`: all types. With a type: its keys, fields and options of the generation. */
export function showTypes(type: string | undefined, output: Output, { stdout }: Context): void {
	if (output === 'json') {
		stdout.write(json(type !== undefined && isSecretType(type) ? typeInfo(type) : SECRET_TYPES));
		return;
	}
	stdout.write(type !== undefined && isSecretType(type) ? details(type, stdout) : overview(stdout));
}

type Stdout = Context['stdout'];

function overview({ paint }: Stdout): string {
	const rows = SECRET_TYPE_NAMES.map((name) => {
		const { meaning, generate } = typeInfo(name);
		return [name, generate === undefined ? 'no' : 'yes', meaning];
	});
	return table(['TYPE', 'GENERATED', 'MEANING'], rows, paint);
}

function details(type: Parameters<typeof typeInfo>[0], { paint }: Stdout): string {
	const { fields, generate = {}, bare } = typeInfo(type);
	const keys = typedKeys(type, bare ? '' : 'NAME').map(({ key, sourcing, optional }) => [
		key,
		sourcing === 'env' ? 'variable' : 'file',
		optional ? 'optional' : '',
	]);
	const rowsOf = (option: string, list: Readonly<Record<string, TypeField>>) =>
		Object.entries(list).map(([name, { meaning, secret }]) => [
			secret ? '--field-stdin, --field-from-file' : option,
			name,
			meaning,
		]);
	const inputs = [...rowsOf('--field', fields), ...rowsOf('--generate', generate)];
	return `${table(['KEY', 'AS A', ''], keys, paint)}\n${table(['OPTION', 'NAME', 'MEANING'], inputs, paint)}`;
}
