import { ok, type Result } from '../../contract/result.ts';
import { type Context, fail } from '../context.ts';
import { json, type Output } from '../output.ts';
import { table } from '../table.ts';
import type { ApiCall, ApiFailure } from './client.ts';
import {
	belongsTo,
	type KnownSecret,
	type Scope,
	type ScopeOptions,
	scopeOf,
	within,
} from './secret-location.ts';
import { failed, type Session, withApi } from './session.ts';
import { readValue, type ValueOptions } from './value.ts';

/** A secret with what it is to become. */
export interface Wanted {
	readonly key: string;
	readonly value: string;
	readonly description?: string | undefined;
	/** Creates it although it is named like a variable by which programs run code. */
	readonly force?: true | undefined;
}

/** The secrets of exactly one scope. */
export async function secretsIn(
	call: ApiCall,
	scope: Scope,
): Promise<Result<readonly KnownSecret[], ApiFailure>> {
	const query =
		scope.path === '/api/secrets' ? `?deployment=${encodeURIComponent(scope.deploymentName)}` : '';
	const answer = await call('GET', scope.path + query);
	if (!answer.ok) return answer;
	return ok((answer.value as readonly KnownSecret[]).filter((secret) => within(scope, secret)));
}

/** Creates one. */
export function create(call: ApiCall, scope: Scope, wanted: Wanted): Promise<Result<unknown, ApiFailure>> {
	const { path, deploymentName, serviceName } = scope;
	const where = path === '/api/secrets' ? { deploymentName, serviceName } : {};
	return call('POST', path, { ...wanted, ...where });
}

/** Gives one that exists another value, and another description if there is one. */
export function update(
	call: ApiCall,
	scope: Scope,
	id: string,
	{ value, description }: Wanted,
): Promise<Result<unknown, ApiFailure>> {
	return call('PUT', scope.path, { id, value, ...(description === undefined ? {} : { description }) });
}

/** `envtier secrets list` */
export async function listSecrets(
	options: ScopeOptions & { readonly output: Output },
	context: Context,
): Promise<void> {
	const scope = scopeOf(options);
	if (!scope.ok) return fail(context, 'usage', scope.error);
	await withApi(context, async ({ call }) => {
		const { org = false, output } = options;
		const listed = await visible(call, scope.value, options);
		if (!listed.ok) return failed(context, listed.error);
		const rows = listed.value.map((one) => [one.key, belongsTo(one, org), one.description]);
		context.stdout.write(
			output === 'json'
				? json(listed.value)
				: table(['KEY', 'BELONGS TO', 'DESCRIPTION'], rows, context.stdout.paint),
		);
	});
}

/** Without a service all of a deployment is meant; without any scope, all that is the caller's. */
async function visible(
	call: ApiCall,
	scope: Scope,
	{ service, org }: ScopeOptions,
): Promise<Result<readonly KnownSecret[], ApiFailure>> {
	const all = scope.deploymentName === '' && org !== true;
	const answer = await call(
		'GET',
		org || all ? scope.path : `${scope.path}?deployment=${encodeURIComponent(scope.deploymentName)}`,
	);
	if (!answer.ok) return answer;
	const secrets = answer.value as readonly KnownSecret[];
	return ok(service === undefined ? secrets : secrets.filter((one) => within(scope, one)));
}

/** What became of one secret. */
export interface Change {
	readonly id: string;
	readonly key: string;
	readonly status: 'created' | 'updated' | 'deleted';
}

/** What `create` and `set` share. */
export interface WriteOptions extends ScopeOptions, ValueOptions {
	readonly description?: string | undefined;
	readonly force?: true | undefined;
	readonly output: Output;
}

/** `envtier secrets create KEY` */
export async function createSecret(key: string, options: WriteOptions, context: Context): Promise<void> {
	await writing(options, context, async ({ call }, scope, value) => {
		const { description, force } = options;
		const created = await create(call, scope, { key, value, description, force });
		if (!created.ok && created.error.ending === 'conflict')
			return failed(context, {
				...created.error,
				message: `${created.error.message} (${scope.title}): \`envtier secrets set\` gives it another value`,
			});
		if (!created.ok) return failed(context, created.error);
		tell(creation(created.value), scope, options, context);
	});
}

/** `envtier secrets set KEY`: creates it where it is not there yet. */
export async function setSecret(key: string, options: WriteOptions, context: Context): Promise<void> {
	await writing(options, context, async ({ call }, scope, value) => {
		const { description, force } = options;
		const done = await set(call, scope, { key, value, description, force });
		if (!done.ok) return failed(context, done.error);
		tell(done.value, scope, options, context);
	});
}

function tell(change: Change, { title }: Scope, { output }: WriteOptions, { stdout }: Context): void {
	stdout.write(output === 'json' ? json([change]) : `${change.status} ${change.key} in ${title}\n`);
}

/** Of what the API answers when it has created one. */
export function creation(answer: unknown): Change {
	const { id, key } = answer as KnownSecret;
	return { id, key, status: 'created' };
}

/** Someone else may create or delete it in between: then once more, the other way. */
async function set(
	call: ApiCall,
	scope: Scope,
	wanted: Wanted,
	attempts = 3,
): Promise<Result<Change, ApiFailure>> {
	const there = await secretsIn(call, scope);
	if (!there.ok) return there;
	const { key } = wanted;
	const id = there.value.find((one) => one.key === key)?.id;
	const done = await (id === undefined ? create(call, scope, wanted) : update(call, scope, id, wanted));
	if (done.ok) return ok(id === undefined ? creation(done.value) : { id, key, status: 'updated' });
	const overtaken = done.error.ending === (id === undefined ? 'conflict' : 'absent');
	return overtaken && attempts > 1 ? await set(call, scope, wanted, attempts - 1) : done;
}

async function writing(
	options: WriteOptions,
	context: Context,
	work: (session: Session, scope: Scope, value: string) => Promise<void>,
): Promise<void> {
	const scope = scopeOf(options);
	if (!scope.ok) return fail(context, 'usage', scope.error);
	await withApi(context, async (session) => {
		const value = await readValue(options, context);
		if (!value.ok) return fail(context, 'usage', value.error);
		await work(session, scope.value, value.value);
	});
}
