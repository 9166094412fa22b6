import { type ListCall, memberDeployments } from '../access/deployment-list.ts';
import { NO_SUCH_SECRET, refuse } from '../problem.ts';
import { ChangedSecret, NewSecret, SecretId, SecretQuery } from '../schemas/secrets.ts';
import { checkCodeKeys } from '../secrets/code-keys.ts';
import { folderOf, parseSecretId, type SecretLocation, userSegment } from '../secrets/secret-location.ts';
import { createSecret, listSecrets, type SecretSummary } from '../secrets/secrets.ts';
import { type Operation, operation, reply } from '../server/operation.ts';
import { locationsOf, templatesOf } from '../templates/templates.ts';
import { createTypedAt, deleteAt, firstKeyOf, readNewSecret, updateAt } from '../typed/requests.ts';
import { CHANGED, encodeTyped } from './encode-typed.ts';
import { locationFor, requireOwned } from './ownership.ts';

const PATH = '/api/secrets';
const resource = 'secrets';
const needs = 'location';
const FORBIDDEN = {
	description: 'not your deployment, or none; or a scope is missing',
	schema: 'Problem',
} as const;
const ABSENT = { description: 'no such secret', schema: 'Problem' } as const;

type Encoded = Omit<SecretSummary, 'copied'>;

function encode({ id, key, location, description, typed }: Encoded): object {
	const service = 'service' in location ? (location.service ?? '') : '';
	const where = { deploymentName: deploymentNameOf(location), serviceName: service };
	return { id, key, ...where, description, ...typed };
}

function deploymentNameOf(location: SecretLocation): string {
	if (location.kind === 'deployment') return location.deployment;
	return location.kind === 'template' ? `template:${location.template}` : '';
}

/**
 * Every location of a list without a query: the caller's own, those of their deployments and of their
 * templates.
 */
async function allLocations(call: ListCall): Promise<readonly SecretLocation[]> {
	const { store, caller } = call;
	const locations: SecretLocation[] = [{ kind: 'user', user: userSegment(caller.subject) }];
	// One after the other: each needs few requests, and one call must not use the whole store.
	for (const { deployment } of await memberDeployments(call))
		locations.push(...(await locationsOf(store, 'deployment', deployment.name)));
	for (const { name, owner } of await templatesOf(store, caller))
		if (owner === caller.subject) locations.push(...(await locationsOf(store, 'template', name)));
	return locations;
}

const list = operation(
	{
		method: 'get',
		path: PATH,
		id: 'secrets.list',
		summary: 'List your secrets without values: your own, and those of your deployments and templates',
		permission: { resource, verb: 'list', needs },
		query: 'SecretQuery',
		responses: { 200: { description: 'the secrets, without values', schema: 'SecretList' }, 403: FORBIDDEN },
	},
	SecretQuery,
	async (call) => {
		const { store, caller, input, note, authorize } = call;
		if (input.deployment === undefined || input.deployment === '') {
			const allowed = await authorize({ resource, verb: 'list', needs: 'scope-alone' });
			if (!allowed.ok) return allowed;
			const own: SecretLocation = { kind: 'user', user: userSegment(caller.subject) };
			const locations = input.deployment === '' ? [own] : await allLocations(call);
			note(...locations.map((location) => ({ scope: folderOf(location) })));
			return reply(200, (await listSecrets(store, locations)).map(encode));
		}
		const meant = locationFor(caller, input.deployment, '');
		if (!meant.ok) return meant;
		const location = await requireOwned(call, 'list', { location: meant.value });
		if (!location.ok) return location;
		const name = input.deployment.replace(/^template:/, '');
		const kind = location.value.location.kind === 'template' ? 'template' : 'deployment';
		return reply(200, (await listSecrets(store, await locationsOf(store, kind, name))).map(encode));
	},
);

const create = operation(
	{
		method: 'post',
		path: PATH,
		id: 'secrets.create',
		summary: 'Create a secret of a deployment, of one of its services, of a template, or of your own',
		permission: { resource, verb: 'create', needs },
		body: 'NewSecret',
		responses: {
			201: { description: 'created', schema: 'CreatedSecret' },
			403: FORBIDDEN,
			409: { description: 'a key exists at this scope', schema: 'Problem' },
		},
		idempotent: true,
	},
	NewSecret,
	async (call) => {
		const { store, caller, auditStamp, input } = call;
		const { deploymentName, serviceName, description, force } = input;
		const meant = locationFor(caller, deploymentName, serviceName);
		if (!meant.ok) return meant;
		const request = readNewSecret(input);
		if (!request.ok) return request;
		const secret = request.value;
		const key = secret.kind === 'typed' ? firstKeyOf(secret) : secret.key;
		const location = await requireOwned(call, 'create', { location: meant.value, key });
		if (!location.ok) return location;
		if (secret.kind === 'typed') {
			const created = await createTypedAt(call, secret, { ...location.value, description, force });
			return created.ok ? reply(201, encodeTyped(secret, description, created.value, encode)) : created;
		}
		const checked = checkCodeKeys([key], force);
		if (!checked.ok) return checked;
		const created = await createSecret(
			store,
			{ location: location.value.location, key },
			{ value: secret.value, description },
			auditStamp,
			location.value.isStillOwned,
		);
		return created.ok ? reply(201, encode(created.value)) : created;
	},
);

const update = operation(
	{
		method: 'put',
		path: PATH,
		id: 'secrets.update',
		summary:
			'Give a secret another value, or a typed secret other fields, and another description if one is sent',
		permission: { resource, verb: 'update', needs },
		body: 'ChangedSecret',
		responses: {
			200: { description: 'updated', schema: 'Updated' },
			403: FORBIDDEN,
			404: ABSENT,
			409: CHANGED,
		},
		idempotent: true,
	},
	ChangedSecret,
	async (call) => {
		const { input } = call;
		const ref = parseSecretId(input.id);
		if (ref === undefined) return refuse(404, NO_SUCH_SECRET);
		const location = await requireOwned(call, 'update', ref);
		if (!location.ok) return location;
		const updated = await updateAt(call, ref, input);
		return updated.ok ? reply(200, { status: 'updated' }) : updated;
	},
);

const remove = operation(
	{
		method: 'delete',
		path: PATH,
		id: 'secrets.delete',
		summary: 'Delete a secret with all its versions; a typed one with all its keys',
		permission: { resource, verb: 'delete', needs },
		body: 'SecretId',
		responses: {
			200: { description: 'deleted', schema: 'Deleted' },
			403: FORBIDDEN,
			404: ABSENT,
		},
	},
	SecretId,
	async (call) => {
		const { input } = call;
		const ref = parseSecretId(input.id);
		if (ref === undefined) return refuse(404, NO_SUCH_SECRET);
		const location = await requireOwned(call, 'delete', ref);
		if (!location.ok) return location;
		const deleted = await deleteAt(call, ref);
		return deleted.ok ? reply(200, { status: 'deleted' }) : deleted;
	},
);

/** `/api/secrets` */
export const secretOperations: readonly Operation[] = [list, create, update, remove];
