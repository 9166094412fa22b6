import { newKey } from '../auth/api-key.ts';
import { deleteKey, deleteKeyOfOrg, keysOf, keysOfOrg, type StoredKey, saveKey } from '../auth/key-store.ts';
import { PERSON_NEEDED } from '../auth/permission.ts';
import { refuse } from '../problem.ts';
import { ApiKeyId, NewApiKey } from '../schemas/keys.ts';
import { Nothing } from '../schemas/named.ts';
import { type Operation, operation, reply } from '../server/operation.ts';

const PATH = '/api/keys';
const resource = 'keys';
/** A key cannot create keys: otherwise a leaked key could outlive its own expiry. */
const needs = 'session';
const DAY = 86_400_000;
/** Maximum lifetime of a key with roles of an organization, in days. */
const ROLE_DAYS = 90;

function encode({ id, label, org, scopes, roles, createdAt, expiresAt }: StoredKey): object {
	return { id, name: label, org: org ?? '', scopes, roles, createdAt, expiresAt: expiresAt.toISOString() };
}

const list = operation(
	{
		method: 'get',
		path: PATH,
		id: 'keys.list',
		summary: 'List your API keys, without the keys themselves',
		permission: { resource, verb: 'list', needs },
		responses: { 200: { description: 'the keys', schema: 'ApiKeyList' } },
	},
	Nothing,
	async ({ store, caller, note }) => {
		const keys = await keysOf(store, caller.subject);
		note({ scope: 'keys' }, ...keys.map(({ id }) => ({ scope: `keys/${id}` })));
		return reply(200, keys.map(encode));
	},
);

const create = operation(
	{
		method: 'post',
		path: PATH,
		id: 'keys.create',
		summary: 'Create an API key that acts for you, with scopes and roles that you have; it is shown once',
		permission: { resource, verb: 'create', needs },
		body: 'NewApiKey',
		responses: { 201: { description: 'made', schema: 'CreatedApiKey' } },
	},
	NewApiKey,
	async ({ store, caller, auditStamp, input, note }) => {
		const beyond = [
			...input.scopes.filter((scope) => !caller.scopes.has(scope)),
			...input.roles.filter((role) => !caller.roles.has(role)),
		];
		if (beyond.length > 0) return refuse(403, `you can't grant what you don't have: ${beyond.join(', ')}`);
		if (input.roles.length > 0 && input.expiresInDays > ROLE_DAYS)
			return refuse(400, `a key with roles of the organization lasts at most ${ROLE_DAYS} days`);
		const { text, id, hash } = newKey();
		note({ scope: `keys/${id}` });
		const key: StoredKey = {
			id,
			hash,
			subject: caller.subject,
			org: caller.org,
			label: input.name,
			roles: [...new Set(input.roles)],
			scopes: [...new Set(input.scopes)],
			createdAt: auditStamp.at.toISOString(),
			expiresAt: new Date(auditStamp.at.getTime() + input.expiresInDays * DAY),
		};
		await saveKey(store, key);
		return reply(201, { ...encode(key), key: text });
	},
);

const remove = operation(
	{
		method: 'delete',
		path: PATH,
		id: 'keys.delete',
		summary: 'Delete one of your API keys at once',
		permission: { resource, verb: 'delete', needs },
		body: 'ApiKeyId',
		responses: {
			200: { description: 'deleted', schema: 'Deleted' },
			404: { description: 'no such key of yours', schema: 'Problem' },
		},
	},
	ApiKeyId,
	async ({ store, caller, input, note }) => {
		if (/^[0-9a-f]{16}$/.test(input.id)) note({ scope: `keys/${input.id}` });
		if (!(await deleteKey(store, caller.subject, input.id))) return refuse(404, 'you have no such key');
		return reply(200, { status: 'deleted' });
	},
);

const ORG_PATH = '/api/org/keys';
/** A leaked key of an admin must not be able to revoke the keys of others. */
const ORG_FORBIDDEN = {
	description: 'an API key; or the role org_owner or org_admin, or a scope, is missing',
	schema: 'Problem',
} as const;

const listOfOrg = operation(
	{
		method: 'get',
		path: ORG_PATH,
		id: 'org.keys.list',
		summary: 'List all API keys of your organization, without the keys themselves, as an admin',
		permission: { resource: 'orgkeys', verb: 'list', needs: 'org-role' },
		responses: { 200: { description: 'the keys', schema: 'OrgApiKeyList' }, 403: ORG_FORBIDDEN },
	},
	Nothing,
	async ({ store, caller, note }) => {
		if (caller.kind === 'api-key') return refuse(403, PERSON_NEEDED);
		const keys = await keysOfOrg(store, caller.org ?? '');
		note({ scope: `orgs/${caller.org}/keys` }, ...keys.map(({ id }) => ({ scope: `keys/${id}` })));
		return reply(
			200,
			keys.map((key) => ({ ...encode(key), owner: key.subject })),
		);
	},
);

const removeOfOrg = operation(
	{
		method: 'delete',
		path: ORG_PATH,
		id: 'org.keys.delete',
		summary: 'Delete an API key of your organization at once, as an admin',
		permission: { resource: 'orgkeys', verb: 'delete', needs: 'org-role' },
		body: 'ApiKeyId',
		responses: {
			200: { description: 'deleted', schema: 'Deleted' },
			403: ORG_FORBIDDEN,
			404: { description: 'no such key of your organization', schema: 'Problem' },
		},
	},
	ApiKeyId,
	async ({ store, caller, input, note }) => {
		if (caller.kind === 'api-key') return refuse(403, PERSON_NEEDED);
		if (/^[0-9a-f]{16}$/.test(input.id)) note({ scope: `keys/${input.id}` });
		return (await deleteKeyOfOrg(store, caller.org ?? '', input.id))
			? reply(200, { status: 'deleted' })
			: refuse(404, 'your organization has no such key');
	},
);

/** `/api/keys` and `/api/org/keys` */
export const keyOperations: readonly Operation[] = [list, create, remove, listOfOrg, removeOfOrg];
