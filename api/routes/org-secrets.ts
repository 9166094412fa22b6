import { ok, type Result } from '../../contract/result.ts';
import type { AuditNote } from '../audit/lines.ts';
import type { Caller } from '../auth/caller.ts';
import { NO_SUCH_SECRET, type Problem, refuse } from '../problem.ts';
import { Nothing } from '../schemas/named.ts';
import { ChangedSecret, NewOrgSecret, SecretId } from '../schemas/secrets.ts';
import { checkCodeKeys } from '../secrets/code-keys.ts';
import {
	folderOf,
	parseSecretId,
	type SecretLocation,
	type StampedSecretRef,
} from '../secrets/secret-location.ts';
import { createSecret, listSecrets, type SecretSummary } from '../secrets/secrets.ts';
import { type Operation, operation, reply } from '../server/operation.ts';
import { createTypedAt, deleteAt, firstKeyOf, readNewSecret, updateAt } from '../typed/requests.ts';
import { CHANGED, encodeTyped } from './encode-typed.ts';

const PATH = '/api/org/secrets';
const needs = 'org-role';
const resource = 'orgsecrets';
const ABSENT = { description: 'no such secret in your organization', schema: 'Problem' } as const;

const encode = ({ id, key, description, typed }: Omit<SecretSummary, 'copied'>): object => ({
	id,
	key,
	description,
	...typed,
});

/** The location of the organization's secrets. Refuses a caller without an organization. */
function placeOf({ org }: Caller): Result<SecretLocation, Problem> {
	return org === undefined
		? refuse(403, 'your credentials belong to no organization')
		: ok({ kind: 'org', org });
}

/**
 * The secret of an id, if it belongs to the caller's organization. Notes the secret before the check, because
 * a refusal is audited as well.
 */
function refIn(
	caller: Caller,
	id: string,
	note: (note: AuditNote) => void,
): Result<StampedSecretRef, Problem> {
	const ref = parseSecretId(id);
	if (ref !== undefined) note({ scope: folderOf(ref.location), key: ref.key });
	return ref?.location.kind === 'org' && ref.location.org === caller.org
		? ok(ref)
		: refuse(404, NO_SUCH_SECRET);
}

const list = operation(
	{
		method: 'get',
		path: PATH,
		id: 'org.secrets.list',
		summary: 'List your organization’s secrets without values; all of its deployments receive them',
		permission: { resource, verb: 'list', needs },
		responses: { 200: { description: 'the secrets, without values', schema: 'OrgSecretList' } },
	},
	Nothing,
	async ({ store, caller, note }) => {
		const location = placeOf(caller);
		if (!location.ok) return location;
		note({ scope: folderOf(location.value) });
		return reply(200, (await listSecrets(store, [location.value])).map(encode));
	},
);

const create = operation(
	{
		method: 'post',
		path: PATH,
		id: 'org.secrets.create',
		summary: 'Create a secret of your organization',
		permission: { resource, verb: 'create', needs },
		body: 'NewOrgSecret',
		responses: {
			201: { description: 'created', schema: 'CreatedOrgSecret' },
			409: { description: 'a key exists in the organization', schema: 'Problem' },
		},
		idempotent: true,
	},
	NewOrgSecret,
	async (call) => {
		const { store, caller, auditStamp, input, note } = call;
		const location = placeOf(caller);
		if (!location.ok) return location;
		const { description, force } = input;
		const request = readNewSecret(input);
		if (!request.ok) return request;
		const secret = request.value;
		if (secret.kind === 'typed') {
			note({ scope: folderOf(location.value), key: firstKeyOf(secret) });
			const created = await createTypedAt(call, secret, { location: location.value, description, force });
			return created.ok ? reply(201, encodeTyped(secret, description, created.value, encode)) : created;
		}
		const { key, value } = secret;
		note({ scope: folderOf(location.value), key });
		const checked = checkCodeKeys([key], force);
		if (!checked.ok) return checked;
		const created = await createSecret(
			store,
			{ location: location.value, key },
			{ value, description },
			auditStamp,
		);
		return created.ok ? reply(201, encode(created.value)) : created;
	},
);

const update = operation(
	{
		method: 'put',
		path: PATH,
		id: 'org.secrets.update',
		summary:
			'Give a secret of your organization another value, or a typed one other fields, and another description if one is sent',
		permission: { resource, verb: 'update', needs },
		body: 'ChangedSecret',
		responses: { 200: { description: 'updated', schema: 'Updated' }, 404: ABSENT, 409: CHANGED },
		idempotent: true,
	},
	ChangedSecret,
	async (call) => {
		const { caller, input, note } = call;
		const ref = refIn(caller, input.id, note);
		if (!ref.ok) return ref;
		const updated = await updateAt(call, ref.value, input);
		return updated.ok ? reply(200, { status: 'updated' }) : updated;
	},
);

const remove = operation(
	{
		method: 'delete',
		path: PATH,
		id: 'org.secrets.delete',
		summary: 'Delete a secret of your organization with all its versions; a typed one with all its keys',
		permission: { resource, verb: 'delete', needs },
		body: 'SecretId',
		responses: { 200: { description: 'deleted', schema: 'Deleted' }, 404: ABSENT },
	},
	SecretId,
	async (call) => {
		const { caller, input, note } = call;
		const ref = refIn(caller, input.id, note);
		if (!ref.ok) return ref;
		const deleted = await deleteAt(call, ref.value);
		return deleted.ok ? reply(200, { status: 'deleted' }) : deleted;
	},
);

/** `/api/org/secrets` */
export const orgSecretOperations: readonly Operation[] = [list, create, update, remove];
