import { ok, type Result } from '../../contract/result.ts';
import { type Context, fail } from '../context.ts';
import { json, type Output } from '../output.ts';
import { table } from '../table.ts';
import type { ApiCall, ApiFailure } from './client.ts';
import {
	byTypedSecret,
	incompleteSentence,
	isAt,
	type LocationOptions,
	locationOf,
	ownerLabel,
	type SecretLocation,
	type SecretSummary,
	typeLabel,
} from './secret-location.ts';
import { failed, type Session, withApi } from './session.ts';
import { readValue, type ValueOptions } from './value.ts';

/** A secret with its new value. */
export interface SecretInput {
	readonly key: string;
	readonly value: string;
	readonly description?: string | undefined;
	/** Creates it although it has the name of a variable by which programs run code. */
	readonly force?: true | undefined;
}

/** The secrets of exactly one location. */
export async function secretsIn(
	call: ApiCall,
	location: SecretLocation,
): Promise<Result<readonly SecretSummary[], ApiFailure>> {
	const query =
		location.path === '/api/secrets' ? `?deployment=${encodeURIComponent(location.deploymentName)}` : '';
	const answer = await call('GET', location.path + query);
	if (!answer.ok) return answer;
	return ok((answer.value as readonly SecretSummary[]).filter((secret) => isAt(location, secret)));
}

/** Creates a secret. */
export function create(
	call: ApiCall,
	location: SecretLocation,
	secret: SecretInput,
): Promise<Result<unknown, ApiFailure>> {
	const { path, deploymentName, serviceName } = location;
	const where = path === '/api/secrets' ? { deploymentName, serviceName } : {};
	return call('POST', path, { ...secret, ...where });
}

/** Replaces the value of an existing secret, and its description if one is given. */
export function update(
	call: ApiCall,
	location: SecretLocation,
	id: string,
	{ value, description }: SecretInput,
): Promise<Result<unknown, ApiFailure>> {
	return call('PUT', location.path, { id, value, ...(description === undefined ? {} : { description }) });
}

/** `envtier secrets list` */
export async function listSecrets(
	options: LocationOptions & { readonly output: Output },
	context: Context,
): Promise<void> {
	const location = locationOf(options);
	if (!location.ok) return fail(context, 'usage', location.error);
	await withApi(context, async ({ call }) => {
		const { org = false, output } = options;
		const listed = await listAt(call, location.value, options);
		if (!listed.ok) return failed(context, listed.error);
		for (const warning of incompleteIn(listed.value)) context.stderr.write(`warning: ${warning}\n`);
		context.stdout.write(output === 'json' ? json(listed.value) : tableOf(listed.value, org, context));
	});
}

/** Has a column for the types if there are typed secrets. */
function tableOf(secrets: readonly SecretSummary[], org: boolean, { stdout }: Context): string {
	const typed = secrets.some((one) => typeLabel(one) !== '');
	const columns: readonly [string, (one: SecretSummary) => string][] = [
		['KEY', ({ key }) => key],
		...(typed ? [['TYPE', typeLabel] as [string, (one: SecretSummary) => string]] : []),
		['BELONGS TO', (one) => ownerLabel(one, org)],
		['DESCRIPTION', ({ description }) => description],
	];
	const rows = secrets.map((one) => columns.map(([, cell]) => cell(one)));
	return table(
		columns.map(([title]) => title),
		rows,
		stdout.paint,
	);
}

/** A sentence for each typed secret whose keys do not belong together. */
function incompleteIn(secrets: readonly SecretSummary[]): readonly string[] {
	return [...byTypedSecret(secrets).values()].flatMap(([one]) =>
		one?.incomplete === undefined ? [] : [`${typeLabel(one)}: ${incompleteSentence(one.incomplete)}`],
	);
}

/** The secrets to list. Without a service: all of a deployment. Without a location: all of the caller. */
async function listAt(
	call: ApiCall,
	location: SecretLocation,
	{ service, org }: LocationOptions,
): Promise<Result<readonly SecretSummary[], ApiFailure>> {
	const all = location.deploymentName === '' && org !== true;
	const answer = await call(
		'GET',
		org || all ? location.path : `${location.path}?deployment=${encodeURIComponent(location.deploymentName)}`,
	);
	if (!answer.ok) return answer;
	const secrets = answer.value as readonly SecretSummary[];
	return ok(service === undefined ? secrets : secrets.filter((one) => isAt(location, one)));
}

/** The result for one secret. */
export interface SecretChange {
	readonly id: string;
	readonly key: string;
	readonly status: 'created' | 'updated' | 'deleted';
}

/** Options that `create` and `set` share. */
export interface WriteOptions extends LocationOptions, ValueOptions {
	readonly description?: string | undefined;
	readonly force?: true | undefined;
	readonly output: Output;
}

/** `envtier secrets create KEY` */
export async function createSecret(key: string, options: WriteOptions, context: Context): Promise<void> {
	await writing(options, context, async ({ call }, location, value) => {
		const { description, force } = options;
		const created = await create(call, location, { key, value, description, force });
		if (!created.ok && created.error.ending === 'conflict')
			return failed(context, {
				...created.error,
				message: `${created.error.message} (${location.title}): \`envtier secrets set\` gives it another value`,
			});
		if (!created.ok) return failed(context, created.error);
		printChange(creation(created.value), location, options, context);
	});
}

/** `envtier secrets set KEY`: updates the secret, or creates it if it does not exist. */
export async function setSecret(key: string, options: WriteOptions, context: Context): Promise<void> {
	await writing(options, context, async ({ call }, location, value) => {
		const { description, force } = options;
		const done = await set(call, location, { key, value, description, force });
		if (!done.ok) return failed(context, done.error);
		printChange(done.value, location, options, context);
	});
}

function printChange(
	change: SecretChange,
	{ title }: SecretLocation,
	{ output }: WriteOptions,
	{ stdout }: Context,
): void {
	stdout.write(output === 'json' ? json([change]) : `${change.status} ${change.key} in ${title}\n`);
}

/** The change that the API's response to a creation describes. */
export function creation(answer: unknown): SecretChange {
	const { id, key } = answer as SecretSummary;
	return { id, key, status: 'created' };
}

/** Another caller may create or delete the secret in between. Then tries once more, the other way. */
async function set(
	call: ApiCall,
	location: SecretLocation,
	secret: SecretInput,
	attempts = 3,
): Promise<Result<SecretChange, ApiFailure>> {
	const existing = await secretsIn(call, location);
	if (!existing.ok) return existing;
	const { key } = secret;
	const id = existing.value.find((one) => one.key === key)?.id;
	const done = await (id === undefined ? create(call, location, secret) : update(call, location, id, secret));
	if (done.ok) return ok(id === undefined ? creation(done.value) : { id, key, status: 'updated' });
	const overtaken = done.error.ending === (id === undefined ? 'conflict' : 'absent');
	return overtaken && attempts > 1 ? await set(call, location, secret, attempts - 1) : done;
}

async function writing(
	options: WriteOptions,
	context: Context,
	work: (session: Session, location: SecretLocation, value: string) => Promise<void>,
): Promise<void> {
	const location = locationOf(options);
	if (!location.ok) return fail(context, 'usage', location.error);
	await withApi(context, async (session) => {
		const value = await readValue(options, context);
		if (!value.ok) return fail(context, 'usage', value.error);
		await work(session, location.value, value.value);
	});
}
