import { ok, type Result } from '../../contract/result.ts';
import { isTypedName, type SecretTypeName, typedKeys, typeInfo } from '../../contract/secret-types.ts';
import type { Rotation } from '../../lib/kv/rotation.ts';
import { startAttempt } from '../deployments/attempt.ts';
import { NO_SUCH_SECRET, type Problem, refuse } from '../problem.ts';
import { updateSecret } from '../secrets/change-secret.ts';
import { checkCodeKeys } from '../secrets/code-keys.ts';
import { isSameSecret, withOwnMetadata } from '../secrets/identity.ts';
import {
	folderOf,
	pathOf,
	type SecretLocation,
	type SecretRef,
	type StampedSecretRef,
} from '../secrets/secret-location.ts';
import type { Call } from '../server/operation.ts';
import { onlyPartOf, rulesOf } from '../types/types.ts';
import { changeTyped, currentOf, type FoundTyped, findTyped } from './change.ts';
import { type CreatedKey, createTyped } from './create.ts';
import { requestHash } from './metadata.ts';
import { checkRotatable, type RotationRequest, rotationOf, rotationPatch } from './rotation.ts';
import { indexed } from './rotation-index.ts';
import { membershipOf, refsOf, type TypedSecret, titleOf } from './typed-secret.ts';
import { checkDescribed } from './unfinished.ts';

/** The fields of a request about a typed secret. */
export interface TypedRequest {
	readonly type: SecretTypeName;
	readonly name: string;
	readonly fields: unknown;
	readonly generate: unknown;
	readonly rotation?: RotationRequest | undefined;
}

/** The fields of a request for a new secret that say what it is. */
export interface NewRequest {
	readonly type: SecretTypeName;
	readonly key?: string | undefined;
	readonly value?: string | undefined;
	readonly name?: string | undefined;
	readonly fields?: unknown;
	readonly generate?: unknown;
	readonly rotation?: RotationRequest | undefined;
}

/** A new secret: one key with a value, or a typed one. */
export type NewSecretRequest =
	| { readonly kind: 'generic'; readonly key: string; readonly value: string }
	| ({ readonly kind: 'typed' } & TypedRequest);

/** Decodes what a new secret is. `key` and `value` are short for the name and the field of `generic`. */
export function readNewSecret(request: NewRequest): Result<NewSecretRequest, Problem> {
	const { type, key, value, name, fields, generate, rotation } = request;
	if (type === 'generic') {
		if ([name, fields, generate, rotation].some((field) => field !== undefined))
			return refuse(400, 'name, fields, generate and rotation need a type: without one send key and value');
		const absent = Object.entries({ key, value }).filter(([, text]) => text === undefined);
		if (key === undefined || value === undefined)
			return refuse(400, absent.map(([field]) => `${field} is required`).join('; '));
		return ok({ kind: 'generic', key, value });
	}
	if (key !== undefined || value !== undefined)
		return refuse(400, `key and value are for the type generic: for ${type} send name and fields`);
	if (!isTypedName(type, name ?? '')) return refuse(400, name === undefined ? 'name is required' : NAME);
	return ok({ kind: 'typed', type, name: name ?? '', fields, generate, rotation });
}

const NAME =
	'name must be letters, digits and "_", not starting with a digit, and each key made from it at most 255 characters';

/** The first key of a typed secret, for the audit of a call that may be refused. */
export function firstKeyOf({ type, name }: Pick<TypedRequest, 'type' | 'name'>): string {
	return typedKeys(type, name)[0]?.key ?? '';
}

/** Where a typed secret is created, and what else is known about it. */
export interface NewTypedOptions {
	readonly location: SecretLocation;
	readonly description: string;
	/** True when the caller confirms keys that make programs run code. */
	readonly force: boolean;
	readonly extra?: Readonly<Record<string, string | null>>;
	readonly isStillOwned?: () => Promise<Result<void, Problem>>;
}

type TypedCall = Pick<
	Call<unknown>,
	| 'store'
	| 'generators'
	| 'auditStamp'
	| 'note'
	| 'step'
	| 'requestId'
	| 'idempotencyKey'
	| 'overwritesPerHour'
>;

/** Creates a typed secret: all of its keys, or none. The caller of this function has authorized the call. */
export async function createTypedAt(
	call: TypedCall,
	{ type, name, fields, generate, rotation }: TypedRequest,
	{
		location,
		description,
		force,
		extra,
		isStillOwned = () => Promise.resolve(ok(undefined)),
	}: NewTypedOptions,
): Promise<Result<readonly CreatedKey[], Problem>> {
	const { store, generators, auditStamp, note } = call;
	const secret: TypedSecret = { location, type, name };
	const rotatable = rotation === undefined ? ok(undefined) : checkRotatable(type, location);
	if (!rotatable.ok) return rotatable;
	const context = { name: name || typeInfo(type).meaning, now: auditStamp.at, current: undefined };
	const plan = rulesOf(type)({ fields, generate }, context);
	if (!plan.ok) return refuse(400, plan.error);
	const values = await plan.value(generators);
	const keys = refsOf(secret, (part) => part in values.parts).map(({ ref }) => ref.key);
	note(...keys.map((key) => ({ scope: folderOf(location), key })));
	const checked = checkCodeKeys(keys, force);
	if (!checked.ok) return checked;
	const request = requestHash(auditStamp.subject, 'create', call.idempotencyKey);
	const { overwritesPerHour } = call;
	const input = { secret, values, description, request, overwritesPerHour, isStillOwned };
	const metadata = { ...extra, ...rotationPatch(rotation, generate) };
	const create = () => createTyped(store, { ...input, extra: metadata }, contextOf(call));
	return await (rotation === undefined ? create() : indexed(store, rotatedRef(secret), create));
}

/** The only key of a password. */
function rotatedRef({ location, type, name }: TypedSecret): SecretRef {
	return { location, key: firstKeyOf({ type, name }) };
}

function contextOf({ auditStamp, step, requestId }: TypedCall) {
	return { ...auditStamp, step, requestId, attempt: startAttempt(auditStamp.at) };
}

/** A change of a secret, as a caller sends it. */
export interface ChangeRequest {
	readonly value?: string | undefined;
	readonly fields?: unknown;
	readonly generate?: unknown;
	/** Null ends the rotation. */
	readonly rotation?: RotationRequest | null | undefined;
	readonly description?: string | undefined;
	readonly tags?: readonly string[] | undefined;
}

/**
 * Finds the typed secret that a key belongs to; undefined for a key of its own. Refuses a key that is not
 * there. The caller of this function has authorized the call.
 */
async function typedSecretOf(
	{ store }: Pick<TypedCall, 'store'>,
	ref: StampedSecretRef,
): Promise<Result<FoundTyped | undefined, Problem>> {
	const head = await store.head(pathOf(ref));
	if (!isSameSecret(ref, head) || !head.live) return refuse(404, NO_SUCH_SECRET);
	const membership = membershipOf(ref.key, withOwnMetadata(head));
	if (membership === undefined) {
		const described = await checkDescribed(store, ref, head);
		return described.ok ? ok(undefined) : described;
	}
	const { type, name } = membership;
	return ok(await findTyped(store, { location: ref.location, type, name }));
}

/** Changes a typed secret as a whole. */
async function changeTypedAt(
	call: TypedCall,
	found: FoundTyped,
	request: ChangeRequest,
): Promise<Result<void, Problem>> {
	const { store, generators, auditStamp, note } = call;
	const { secret, members } = found;
	note(...members.map(({ ref }) => ({ scope: folderOf(secret.location), key: ref.key })));
	const wanted = inputOf(found, request);
	if (!wanted.ok) return wanted;
	const { type, name } = secret;
	const { description, tags, rotation } = request;
	const rotatable = rotation === undefined ? ok(undefined) : checkRotatable(type, secret.location);
	if (!rotatable.ok) return rotatable;
	const context = { name: name || typeInfo(type).meaning, now: auditStamp.at, current: currentOf(found) };
	const plan = rulesOf(type)(wanted.value, context);
	if (!plan.ok) return refuse(400, plan.error);
	const values = await plan.value(generators);
	const hash = requestHash(auditStamp.subject, 'change', call.idempotencyKey);
	const patch = rotationPatch(rotation, request.generate, currentRotation(found));
	const { overwritesPerHour } = call;
	const input = { values, description, tags, rotation: patch, request: hash, overwritesPerHour };
	const change = () => changeTyped(store, found, input, contextOf(call));
	return await (rotation ? indexed(store, rotatedRef(secret), change) : change());
}

function currentRotation({ members: [member] }: FoundTyped): Rotation | undefined {
	return member && rotationOf(member.ref.key, member.head);
}

/** `value` stands for the only field of a type with one key. */
function inputOf(
	{ secret }: FoundTyped,
	{ value, fields, generate }: ChangeRequest,
): Result<{ readonly fields: unknown; readonly generate: unknown }, Problem> {
	const title = titleOf(secret);
	if (value === undefined)
		return fields === undefined && generate === undefined
			? refuse(400, `fields or generate is required: this key belongs to ${title}`)
			: ok({ fields, generate });
	if (fields !== undefined || generate !== undefined)
		return refuse(400, 'value excludes fields and generate');
	const part = onlyPartOf(secret.type);
	return part === undefined
		? refuse(
				409,
				`this key belongs to ${title}, which changes only as a whole: send fields or generate instead of value`,
			)
		: ok({ fields: { [part]: value }, generate });
}

/** Changes a key that belongs to a typed secret; undefined if it belongs to none. */
export async function updateTypedAt(
	call: TypedCall,
	ref: StampedSecretRef,
	request: ChangeRequest,
): Promise<Result<void, Problem> | undefined> {
	const found = await typedSecretOf(call, ref);
	if (!found.ok) return found;
	if (found.value === undefined) return undefined;
	const { value, description, tags } = request;
	return await changeTypedAt(call, found.value, { value, description, tags });
}

/**
 * Changes the value of a key, or the typed secret that it belongs to as a whole. The caller of this function
 * has authorized the call.
 */
export async function updateAt(
	call: TypedCall,
	ref: StampedSecretRef,
	request: ChangeRequest,
): Promise<Result<void, Problem>> {
	const found = await typedSecretOf(call, ref);
	if (!found.ok) return found;
	if (found.value !== undefined) return await changeTypedAt(call, found.value, request);
	const { value, fields, generate, rotation, description, tags } = request;
	const rotatable = rotation === undefined ? ok(undefined) : checkRotatable('generic', ref.location);
	if (!rotatable.ok) return rotatable;
	if (fields !== undefined || generate !== undefined)
		return refuse(400, 'fields and generate are for typed secrets: this one is generic and takes a value');
	if (value === undefined) return refuse(400, 'value is required');
	const { store, auditStamp, overwritesPerHour } = call;
	return await updateSecret(store, ref, { value, description, tags }, auditStamp, { overwritesPerHour });
}
