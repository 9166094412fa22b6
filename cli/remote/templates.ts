import { err, type Result } from '../../contract/result.ts';
import { isSecretType, typedKeys } from '../../contract/secret-types.ts';
import { object } from '../../lib/json.ts';
import { parseYaml } from '../../lib/parse/yaml.ts';
import { type Context, fail } from '../context.ts';
import { readInput } from '../files.ts';
import { json, type Output } from '../output.ts';
import { table } from '../table.ts';
import { confirmed } from './delete.ts';
import { failed, withApi } from './session.ts';

/** A declared secret: a key, or a type with a name. */
interface DeclaredSecret {
	readonly key?: string;
	readonly type?: string;
	readonly name?: string;
	readonly generate?: unknown;
	readonly description: string;
}

/** The keys of a declared secret. */
function keysOf({ key, type = '', name = '' }: DeclaredSecret): readonly string[] {
	if (key !== undefined) return [key];
	return isSecretType(type) ? typedKeys(type, name).map((one) => one.key) : [];
}

/** A template in the API's responses. */
interface Template {
	readonly name: string;
	readonly owner: string;
	readonly org: string;
	readonly shared: boolean;
	readonly services: readonly {
		readonly name: string;
		readonly image: string;
		readonly secrets: readonly DeclaredSecret[];
	}[];
	/** Only in the response to a creation or an update. */
	readonly warnings?: readonly string[];
	readonly missing?: readonly { readonly serviceName: string; readonly key: string }[];
}

/** `envtier templates list` */
export function listTemplates(output: Output, context: Context): Promise<void> {
	return withApi(context, async ({ call }) => {
		const answer = await call('GET', '/api/templates');
		if (!answer.ok) return failed(context, answer.error);
		const templates = answer.value as readonly Template[];
		const rows = templates.map(({ name, org, shared, services }) => [
			name,
			shared ? org : 'you alone',
			services.map((service) => service.name).join(', '),
			String(services.reduce((sum, { secrets }) => sum + secrets.length, 0)),
		]);
		const { write, paint } = context.stdout;
		write(output === 'json' ? json(templates) : table(['NAME', 'FOR', 'SERVICES', 'SECRETS'], rows, paint));
	});
}

/** What a deployment gets for a declared secret. */
function stateOf({ generate }: DeclaredSecret, missing: boolean): string {
	if (generate !== undefined) return 'generated';
	return missing ? 'missing' : 'set';
}

/** `envtier templates show NAME` */
export function showTemplate(name: string, output: Output, context: Context): Promise<void> {
	return withApi(context, async ({ call }) => {
		const answer = await call('GET', `/api/templates/${encodeURIComponent(name)}`);
		if (!answer.ok) return failed(context, answer.error);
		const { write, paint } = context.stdout;
		if (output === 'json') return write(json(answer.value));
		const { services, missing = [] } = answer.value as Template;
		const lacks = (service: string, key: string): boolean =>
			missing.some((one) => one.serviceName === service && one.key === key);
		const rows = services.flatMap((service) =>
			service.secrets.flatMap((secret) =>
				keysOf(secret).map((key) => [
					service.name,
					key,
					stateOf(secret, lacks(service.name, key)),
					secret.description,
				]),
			),
		);
		write(table(['SERVICE', 'KEY', 'VALUE', 'DESCRIPTION'], rows, paint));
	});
}

/** Options of the command. */
interface PutOptions {
	readonly file: string;
	/** Undefined: the name in the file. */
	readonly name?: string | undefined;
	readonly force?: true | undefined;
	readonly output: Output;
}

/** `envtier templates create|update --file FILE` */
export async function putTemplate(
	method: 'POST' | 'PUT',
	{ file, name: queryName, force, output }: PutOptions,
	context: Context,
): Promise<void> {
	const body = await templateIn(file, context);
	if (!body.ok) return fail(context, 'usage', body.error);
	await withApi(context, async ({ call }) => {
		const fields = object(body.value);
		const requestBody = force && fields !== undefined ? { ...fields, force } : body.value;
		const query = queryName === undefined ? '' : `?name=${encodeURIComponent(queryName)}`;
		const answer = await call(method, `/api/templates${query}`, requestBody);
		if (!answer.ok) return failed(context, answer.error);
		const { name, services, warnings = [] } = answer.value as Template;
		for (const warning of warnings) context.stderr.write(`warning: ${warning}\n`);
		const done = method === 'POST' ? 'created' : 'updated';
		const count = services.reduce((sum, { secrets }) => sum + secrets.length, 0);
		const { write } = context.stdout;
		if (output === 'json') return write(json(answer.value));
		write(`${done} the template ${name}: ${services.length} services, ${count} secrets\n`);
		if (count > 0)
			write(
				`give them values: envtier secrets create KEY --template ${name} --service SERVICE --value-stdin\n`,
			);
	});
}

async function templateIn(file: string, context: Context): Promise<Result<unknown>> {
	const text = await readInput(file, context.stdin);
	if (!text.ok) return text;
	const parsed = parseYaml(text.value);
	return parsed.ok ? parsed : err(`${file} ${parsed.error}`);
}

/** `envtier templates share NAME` and `envtier templates unshare NAME` */
export function shareTemplate(name: string, shared: boolean, context: Context): Promise<void> {
	return withApi(context, async ({ call }) => {
		const answer = await call('PUT', `/api/templates/${encodeURIComponent(name)}`, { shared });
		if (!answer.ok) return failed(context, answer.error);
		const { org } = answer.value as Template;
		context.stdout.write(
			shared
				? `shared the template ${name} with ${org}: its members may make deployments of it and read its values\n`
				: `the template ${name} is yours alone again; deployments made from it keep their values\n`,
		);
	});
}

/** `envtier templates delete NAME` */
export function deleteTemplate(name: string, yes: boolean, context: Context): Promise<void> {
	return withApi(context, async ({ call }) => {
		if (!yes && !(await confirmed(`Delete the template ${name} with its secrets`, context)))
			return fail(context, 'failed', 'nothing was deleted');
		const answer = await call('DELETE', '/api/templates', { name });
		if (!answer.ok) return failed(context, answer.error);
		context.stdout.write(`deleted the template ${name} and its secrets\n`);
	});
}
