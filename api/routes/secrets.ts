import { ok } from '../../contract/result.ts';
import { type ListCall, memberDeployments, orgDeployments } from '../access/deployment-list.ts';
import { ChangedSecret, NewSecret, SecretQuery } from '../schemas/secrets.ts';
import { checkCodeKeys } from '../secrets/code-keys.ts';
import { encodeTags } from '../secrets/metadata.ts';
import { folderOf, type SecretLocation, userSegment } from '../secrets/secret-location.ts';
import { createSecret, type SecretSummary } from '../secrets/secrets.ts';
import { type Operation, operation, reply } from '../server/operation.ts';
import { locationsOf, templatesOf } from '../templates/templates.ts';
import { createTypedAt, firstKeyOf, readNewSecret, updateAt } from '../typed/requests.ts';
import { CHANGED, encodeTyped } from './encode-typed.ts';
import { findSecret, oneSecretOperations, restoreOperations, type SecretKind } from './one-secret.ts';
import { locationFor, requireOwned } from './ownership.ts';
import { NEXT_PAGE, replyWithList } from './secret-list.ts';

const PATH = '/api/secrets';
const resource = 'secrets';
const needs = 'location';
const FORBIDDEN = {
	description: 'not your deployment, or none; or a scope is missing',
	schema: 'Problem',
} as const;
const ABSENT = { description: 'no such secret', schema: 'Problem' } as const;

function encode({ id, key, location, description, tags, typed }: Omit<SecretSummary, 'copied'>): object {
	return { id, key, ...encodeLocation(location), description, tags, ...typed };
}

function encodeLocation(location: SecretLocation): object {
	const service = 'service' in location ? (location.service ?? '') : '';
	return { deploymentName: deploymentNameOf(location), serviceName: service };
}

function deploymentNameOf(location: SecretLocation): string {
	if (location.kind === 'deployment') return location.deployment;
	return location.kind === 'template' ? `template:${location.template}` : '';
}

/**
 * Every location of a list without a query: the caller's own, those of their deployments and of their
 * templates. With `ofOrg` also those of the organization's deployments, for its admins.
 */
async function allLocations(call: ListCall, ofOrg: boolean): Promise<readonly SecretLocation[]> {
	const { store, caller } = call;
	const locations: SecretLocation[] = [{ kind: 'user', user: userSegment(caller.subject) }];
	// One after the other: each needs few requests, and one call must not use the whole store.
	const listed = [...(await memberDeployments(call)), ...(ofOrg ? await orgDeployments(call) : [])];
	for (const name of new Set(listed.map(({ deployment }) => deployment.name)))
		locations.push(...(await locationsOf(store, 'deployment', name)));
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
		responses: {
			200: { description: 'the secrets, without values', schema: 'SecretList', headers: NEXT_PAGE },
			403: FORBIDDEN,
		},
	},
	SecretQuery,
	async (call) => {
		const { store, caller, input, note, authorize, now } = call;
		if (input.deployment === undefined || input.deployment === '') {
			const allowed = await authorize({ resource, verb: 'list', needs: 'scope-alone' });
			if (!allowed.ok) return allowed;
			const own: SecretLocation = { kind: 'user', user: userSegment(caller.subject) };
			const locations = input.deployment === '' ? [own] : await allLocations(call, input.all === 'true');
			note(...locations.map((location) => ({ scope: folderOf(location) })));
			return await replyWithList(store, locations, input, now(), encode);
		}
		const meant = locationFor(caller, input.deployment, '');
		if (!meant.ok) return meant;
		const location = await requireOwned(call, 'list', { location: meant.value });
		if (!location.ok) return location;
		const name = input.deployment.replace(/^template:/, '');
		const kind = location.value.location.kind === 'template' ? 'template' : 'deployment';
		return await replyWithList(store, await locationsOf(store, kind, name), input, now(), encode);
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
		const { store, caller, auditStamp, input, overwritesPerHour } = call;
		const { deploymentName, serviceName, description, tags, force } = input;
		const meant = locationFor(caller, deploymentName, serviceName);
		if (!meant.ok) return meant;
		const request = readNewSecret(input);
		if (!request.ok) return request;
		const secret = request.value;
		const key = secret.kind === 'typed' ? firstKeyOf(secret) : secret.key;
		const location = await requireOwned(call, 'create', { location: meant.value, key });
		if (!location.ok) return location;
		if (secret.kind === 'typed') {
			const extra = { tags: encodeTags(tags) };
			const created = await createTypedAt(call, secret, { ...location.value, description, force, extra });
			const shown = { description, tags: [...tags].sort() };
			return created.ok ? reply(201, encodeTyped(secret, shown, created.value, encode)) : created;
		}
		const checked = checkCodeKeys([key], force);
		if (!checked.ok) return checked;
		const ref = { location: location.value.location, key };
		const rules = { overwritesPerHour, isStillOwned: location.value.isStillOwned };
		const created = await createSecret(
			store,
			ref,
			{ value: secret.value, description, tags },
			auditStamp,
			rules,
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
			'Give a secret another value, or a typed secret other fields, and another description and tags if sent',
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
		const ref = await findSecret(KIND, call, 'update', call.input.id);
		if (!ref.ok) return ref;
		const updated = await updateAt(call, ref.value, call.input);
		return updated.ok ? reply(200, { status: 'updated' }) : updated;
	},
);

/** Secrets of deployments, templates and users. */
const KIND: SecretKind = {
	path: PATH,
	id: 'secrets',
	whose: 'of a deployment, of a template, or of your own',
	permission: (verb) => ({ resource, verb, needs }),
	authorize: async (call, action, ref) => {
		const location = await requireOwned(call, action, ref);
		return location.ok ? ok(undefined) : location;
	},
	encodeLocation,
	detailSchema: 'SecretDetail',
	forbidden: FORBIDDEN,
	absent: ABSENT,
};

/** `/api/secrets` */
export const secretOperations: readonly Operation[] = [list, create, update, ...oneSecretOperations(KIND)];

/** Restores: the Reveal program has them too, and does them. */
export const secretRestores: readonly Operation[] = restoreOperations(KIND);
