import { deploymentsOf } from '../deployments/registry.ts';
import { NO_SUCH_SECRET, refuse } from '../problem.ts';
import { ChangedSecret, NewSecret, SecretId, SecretQuery } from '../schemas/secrets.ts';
import { checkCodeKeys } from '../secrets/code-keys.ts';
import { folderOf, type Place, refOfId, userSegment } from '../secrets/secret-location.ts';
import { createSecret, deleteSecret, type Known, listSecrets, updateSecret } from '../secrets/secrets.ts';
import { type Operation, operation, reply } from '../server/operation.ts';
import type { Store } from '../store/store.ts';
import { placesOf, templatesOf, type Viewer } from '../templates/templates.ts';
import { owned, placeMeant } from './ownership.ts';

const PATH = '/api/secrets';
const resource = 'secrets';
const needs = 'scope-alone';
const FORBIDDEN = {
	description: 'not your deployment, or none; or a scope is missing',
	schema: 'Problem',
} as const;
const ABSENT = { description: 'no such secret', schema: 'Problem' } as const;

function encode({ id, key, place, description }: Known): object {
	const service = 'service' in place ? (place.service ?? '') : '';
	return { id, key, deploymentName: deploymentNameOf(place), serviceName: service, description };
}

function deploymentNameOf(place: Place): string {
	if (place.kind === 'deployment') return place.deployment;
	return place.kind === 'template' ? `template:${place.template}` : '';
}

/** Every place that a list without a query covers: the caller's own, those of their deployments and of their templates. */
async function allPlaces(store: Store, caller: Viewer): Promise<readonly Place[]> {
	const places: Place[] = [{ kind: 'user', user: userSegment(caller.subject) }];
	// One after the other: each asks little, and a call must not take the whole store for itself.
	for (const { name } of await deploymentsOf(store, caller.subject))
		places.push(...(await placesOf(store, 'deployment', name)));
	for (const { name, owner } of await templatesOf(store, caller))
		if (owner === caller.subject) places.push(...(await placesOf(store, 'template', name)));
	return places;
}

const list = operation(
	{
		method: 'get',
		path: PATH,
		id: 'secrets.list',
		summary: 'List what is known of your secrets: your own, and those of your deployments and templates',
		permission: { resource, verb: 'list', needs },
		query: 'SecretQuery',
		answers: { 200: { description: 'the secrets, without values', schema: 'SecretList' }, 403: FORBIDDEN },
	},
	SecretQuery,
	async ({ store, identity, input, note }) => {
		if (input.deployment === undefined || input.deployment === '') {
			const own: Place = { kind: 'user', user: userSegment(identity.subject) };
			const places = input.deployment === '' ? [own] : await allPlaces(store, identity);
			note(...places.map((place) => ({ scope: folderOf(place) })));
			return reply(200, (await listSecrets(store, places)).map(encode));
		}
		const meant = placeMeant(identity, input.deployment, '');
		if (!meant.ok) return meant;
		const place = await owned({ store, identity, note }, { place: meant.value });
		if (!place.ok) return place;
		const name = input.deployment.replace(/^template:/, '');
		const kind = place.value.place.kind === 'template' ? 'template' : 'deployment';
		return reply(200, (await listSecrets(store, await placesOf(store, kind, name))).map(encode));
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
		answers: {
			201: { description: 'created', schema: 'Secret' },
			403: FORBIDDEN,
			409: { description: 'the key exists at this scope', schema: 'Problem' },
		},
	},
	NewSecret,
	async ({ store, identity, deed, input, note }) => {
		const { key, value, deploymentName, serviceName, description, force } = input;
		const meant = placeMeant(identity, deploymentName, serviceName);
		if (!meant.ok) return meant;
		const place = await owned({ store, identity, note }, { place: meant.value, key });
		if (!place.ok) return place;
		const checked = checkCodeKeys([key], force);
		if (!checked.ok) return checked;
		const spot = { place: place.value.place, key };
		const created = await createSecret(store, spot, { value, description }, deed, place.value.isStill);
		return created.ok ? reply(201, encode(created.value)) : created;
	},
);

const update = operation(
	{
		method: 'put',
		path: PATH,
		id: 'secrets.update',
		summary: 'Give a secret another value, and another description if one is sent',
		permission: { resource, verb: 'update', needs },
		body: 'ChangedSecret',
		answers: {
			200: { description: 'updated', schema: 'Updated' },
			403: FORBIDDEN,
			404: ABSENT,
		},
	},
	ChangedSecret,
	async ({ store, identity, deed, input, note }) => {
		const ref = refOfId(input.id);
		if (ref === undefined) return refuse(404, NO_SUCH_SECRET);
		const place = await owned({ store, identity, note }, ref);
		if (!place.ok) return place;
		const { value, description } = input;
		const updated = await updateSecret(store, ref, { value, description }, deed);
		return updated.ok ? reply(200, { status: 'updated' }) : updated;
	},
);

const remove = operation(
	{
		method: 'delete',
		path: PATH,
		id: 'secrets.delete',
		summary: 'Delete a secret with all its versions',
		permission: { resource, verb: 'delete', needs },
		body: 'SecretId',
		answers: {
			200: { description: 'deleted', schema: 'Deleted' },
			403: FORBIDDEN,
			404: ABSENT,
		},
	},
	SecretId,
	async ({ store, identity, input, note }) => {
		const ref = refOfId(input.id);
		if (ref === undefined) return refuse(404, NO_SUCH_SECRET);
		const place = await owned({ store, identity, note }, ref);
		if (!place.ok) return place;
		const deleted = await deleteSecret(store, ref);
		return deleted.ok ? reply(200, { status: 'deleted' }) : deleted;
	},
);

/** `/api/secrets` */
export const secretOperations: readonly Operation[] = [list, create, update, remove];
