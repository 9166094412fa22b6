import { randomUUID } from 'node:crypto';
import { isTypedName, type SecretTypeName } from '../../contract/secret-types.ts';
import { type Context, fail } from '../context.ts';
import { json, type Output } from '../output.ts';
import type { ApiFailure } from './client.ts';
import {
	type LocationOptions,
	locationOf,
	type SecretLocation,
	type SecretSummary,
} from './secret-location.ts';
import { type SecretChange, secretsIn } from './secrets.ts';
import { failed, type Session, withApi } from './session.ts';
import { type FieldOptions, readTyped, type TypedBody } from './typed-input.ts';

/** Options of the commands that write a typed secret. */
export interface TypedOptions extends LocationOptions, FieldOptions {
	readonly type: SecretTypeName;
	readonly description?: string | undefined;
	readonly force?: true | undefined;
	/** The time between two values of a password. */
	readonly rotateEvery?: string | undefined;
	/** The same in a repetition of the same command. */
	readonly idempotencyKey?: string | undefined;
	readonly output: Output;
}

/** A typed secret, and where it belongs. */
interface Target {
	readonly type: SecretTypeName;
	readonly name: string;
	readonly location: SecretLocation;
}

/** `envtier secrets create|set NAME --type TYPE` */
export async function writeTyped(
	command: 'create' | 'set',
	name: string,
	options: TypedOptions,
	context: Context,
): Promise<void> {
	const { type } = options;
	const location = locationOf(options);
	if (!location.ok) return fail(context, 'usage', location.error);
	if (!isTypedName(type, name))
		return fail(
			context,
			'usage',
			`${type} needs a name of letters, digits and "_", not starting with a digit: its keys are made from it`,
		);
	await withApi(context, async (session) => {
		const body = await readTyped(type, options, context);
		if (!body.ok) return fail(context, 'usage', body.error);
		const target = { type, name, location: location.value };
		const existing = command === 'create' ? [] : await membersOf(session, target);
		if ('ending' in existing) return failed(context, existing);
		await write(session, target, existing, body.value, options);
	});
}

/** The keys of a typed secret that exist. */
async function membersOf(
	{ call }: Session,
	{ type, name, location }: Target,
): Promise<readonly SecretSummary[] | ApiFailure> {
	const listed = await secretsIn(call, location);
	if (!listed.ok) return listed.error;
	return listed.value.filter((secret) => secret.type === type && secret.name === name);
}

/** Creates a typed secret, or changes the one that exists. */
async function write(
	{ call, context }: Session,
	{ type, name, location }: Target,
	existing: readonly SecretSummary[],
	body: TypedBody,
	{ description, force, rotateEvery, output, idempotencyKey = randomUUID() }: TypedOptions,
): Promise<void> {
	const { path, deploymentName, serviceName, title } = location;
	const headers = { 'idempotency-key': idempotencyKey };
	const [member] = existing;
	const rotation = rotateEvery === undefined ? undefined : { every: rotateEvery };
	const where = path === '/api/secrets' ? { deploymentName, serviceName } : {};
	const answer = await (member === undefined
		? call('POST', path, { type, name, ...body, rotation, description, force, ...where }, headers)
		: call('PUT', path, { id: member.id, ...body, rotation, description }, headers));
	if (!answer.ok) {
		const { error } = answer;
		const again = `; to repeat it: --idempotency-key ${idempotencyKey}`;
		return failed(context, error.uncertain ? { ...error, message: error.message + again } : error);
	}
	const status = member === undefined ? 'created' : 'updated';
	const secrets =
		member === undefined ? (answer.value as { secrets: readonly SecretSummary[] }).secrets : existing;
	const changes: readonly SecretChange[] = secrets.map(({ id, key }) => ({ id, key, status }));
	const lines = changes.map(({ key }) => `${status} ${key} in ${title}\n`).join('');
	context.stdout.write(output === 'json' ? json(changes) : lines);
}
