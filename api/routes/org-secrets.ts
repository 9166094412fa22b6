import { ok, type Result } from '../../contract/result.ts';
import type { Caller } from '../auth/caller.ts';
import { NO_SUCH_SECRET, type Problem, refuse } from '../problem.ts';
import { ChangedSecret, NewOrgSecret, OrgSecretQuery } from '../schemas/secrets.ts';
import { checkCodeKeys } from '../secrets/code-keys.ts';
import { encodeTags } from '../secrets/metadata.ts';
import { folderOf, type SecretLocation } from '../secrets/secret-location.ts';
import { createSecret, type SecretSummary } from '../secrets/secrets.ts';
import { type Operation, operation, reply } from '../server/operation.ts';
import { createTypedAt, firstKeyOf, readNewSecret, updateAt } from '../typed/requests.ts';
import { CHANGED, encodeTyped } from './encode-typed.ts';
import { findSecret, oneSecretOperations, restoreOperations, type SecretKind } from './one-secret.ts';
import { NEXT_PAGE, replyWithList } from './secret-list.ts';

const PATH = '/api/org/secrets';
const needs = 'org-role';
const resource = 'orgsecrets';
const ABSENT = { description: 'no such secret in your organization', schema: 'Problem' } as const;

const encode = ({ id, key, description, tags, typed }: Omit<SecretSummary, 'copied'>): object => ({
	...{ id, key, description, tags },
	...typed,
});

/** The location of the organization's secrets. Refuses a caller without an organization. */
function placeOf({ org }: Caller): Result<SecretLocation, Problem> {
	return org === undefined
		? refuse(403, 'your credentials belong to no organization')
		: ok({ kind: 'org', org });
}

const list = operation(
	{
		method: 'get',
		path: PATH,
		id: 'org.secrets.list',
		summary: 'List your organization’s secrets without values; all of its deployments receive them',
		permission: { resource, verb: 'list', needs },
		query: 'OrgSecretQuery',
		responses: {
			200: { description: 'the secrets, without values', schema: 'OrgSecretList', headers: NEXT_PAGE },
		},
	},
	OrgSecretQuery,
	async ({ store, caller, input, note, now }) => {
		const location = placeOf(caller);
		if (!location.ok) return location;
		note({ scope: folderOf(location.value) });
		return await replyWithList(store, [location.value], input, now(), encode);
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
		const { store, caller, auditStamp, input, note, overwritesPerHour } = call;
		const location = placeOf(caller);
		if (!location.ok) return location;
		const { description, tags, force } = input;
		const request = readNewSecret(input);
		if (!request.ok) return request;
		const secret = request.value;
		if (secret.kind === 'typed') {
			note({ scope: folderOf(location.value), key: firstKeyOf(secret) });
			const options = { location: location.value, description, force, extra: { tags: encodeTags(tags) } };
			const created = await createTypedAt(call, secret, options);
			const shown = { description, tags: [...tags].sort() };
			return created.ok ? reply(201, encodeTyped(secret, shown, created.value, encode)) : created;
		}
		const { key, value } = secret;
		note({ scope: folderOf(location.value), key });
		const checked = checkCodeKeys([key], force);
		if (!checked.ok) return checked;
		const created = await createSecret(
			store,
			{ location: location.value, key },
			{ value, description, tags },
			auditStamp,
			{ overwritesPerHour },
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
			'Give a secret of your organization another value, or a typed one other fields, and another description and tags if sent',
		permission: { resource, verb: 'update', needs },
		body: 'ChangedSecret',
		responses: { 200: { description: 'updated', schema: 'Updated' }, 404: ABSENT, 409: CHANGED },
		idempotent: true,
	},
	ChangedSecret,
	async (call) => {
		const ref = await findSecret(KIND, call, 'update', call.input.id);
		if (!ref.ok) return ref;
		const updated = await updateAt(call, ref.value, call.input);
		return updated.ok ? reply(200, { status: 'updated' }) : updated;
	},
);

/** Secrets of an organization. */
const KIND: SecretKind = {
	path: PATH,
	id: 'org.secrets',
	whose: 'of your organization',
	permission: (verb) => ({ resource, verb, needs }),
	authorize: async ({ caller, note, authorize }, action, { location, key }) => {
		note({ scope: folderOf(location), key });
		if (location.kind !== 'org' || location.org !== caller.org) return refuse(404, NO_SUCH_SECRET);
		return action === 'destroy' ? await authorize({ resource, verb: 'destroy', needs }) : ok(undefined);
	},
	encodeLocation: () => ({}),
	detailSchema: 'OrgSecretDetail',
	forbidden: undefined,
	absent: ABSENT,
};

/** `/api/org/secrets` */
export const orgSecretOperations: readonly Operation[] = [list, create, update, ...oneSecretOperations(KIND)];

/** Restores: the Reveal program has them too, and does them. */
export const orgSecretRestores: readonly Operation[] = restoreOperations(KIND);
