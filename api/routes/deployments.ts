import { parseName } from '../../contract/names.ts';
import { err, ok, type Result } from '../../contract/result.ts';
import { authorizeDeployment } from '../access/authorize.ts';
import { roleOf } from '../access/decide.ts';
import { memberDeployments, orgDeployments, roleIn } from '../access/deployment-list.ts';
import { initialAccess, memberRole } from '../access/record.ts';
import { readAccess, recordAccess } from '../access/record-store.ts';
import { ADOPT } from '../deployments/adopt.ts';
import { startAttempt } from '../deployments/attempt.ts';
import { createDeployment } from '../deployments/create-deployment.ts';
import { deleteDeployment } from '../deployments/delete-deployment.ts';
import { mayRegister } from '../deployments/name-rules.ts';
import type { Deployment } from '../deployments/registry.ts';
import { NOT_YOUR_DEPLOYMENT, type Problem, refuse } from '../problem.ts';
import { Nothing } from '../schemas/named.ts';
import { DeploymentDeletion, NewDeployment } from '../schemas/templates.ts';
import { type Call, type Operation, operation, reply } from '../server/operation.ts';
import { mayCopyValues } from '../templates/copy-rights.ts';
import { usableTemplate } from '../templates/templates.ts';

const PATH = '/api/deployments';
const resource = 'deployments';
const needs = 'scope-alone';
const FORBIDDEN = { description: 'not yours, or none; or a scope is missing', schema: 'Problem' } as const;

const list = operation(
	{
		method: 'get',
		path: PATH,
		id: 'deployments.list',
		summary: 'List the deployments of which you are a member, and as an admin those of your organization',
		permission: { resource, verb: 'list', needs },
		responses: { 200: { description: 'the deployments', schema: 'DeploymentList' } },
	},
	Nothing,
	async (call) => {
		const { note } = call;
		const [own, ofOrg] = await Promise.all([memberDeployments(call), orgDeployments(call)]);
		const byName = new Map([...own, ...ofOrg].map((one) => [one.deployment.name, one]));
		const all = [...byName.values()].map(({ deployment, role }) => ({ ...deployment, role }));
		all.sort((a, b) => (a.name < b.name ? -1 : 1));
		note({ scope: 'deployments' }, ...all.map(({ name }) => ({ scope: `deployments/${name}` })));
		return reply(200, all);
	},
);

const get = operation(
	{
		method: 'get',
		path: `${PATH}/{name}`,
		id: 'deployments.get',
		summary: 'Show a deployment',
		permission: { resource, verb: 'get', needs: 'location' },
		responses: { 200: { description: 'the deployment', schema: 'Deployment' }, 403: FORBIDDEN },
	},
	Nothing,
	async (call) => {
		const { name, note } = call;
		if (!parseName(name).ok) return refuse(403, NOT_YOUR_DEPLOYMENT);
		note({ scope: `deployments/${name}` });
		const granted = await authorizeDeployment(call, 'metadata', name, { resource, verb: 'get' });
		if (!granted.ok) return granted;
		const { deployment, standing } = granted.value;
		return reply(200, { ...deployment, role: roleOf(standing) });
	},
);

const WHY = {
	registered: 'is registered already; adopting takes it from nobody',
	reserved: 'is reserved for another organization; send "adopt": true to register it all the same',
	occupied: 'has secrets or other entries in the store; send "adopt": true to take it with all of them',
} as const;

/**
 * One sentence for all reasons, so that it reveals nothing about the store. Only those who may adopt the name
 * get the reason.
 */
function unavailable(why: keyof typeof WHY, name: string, mayAdopt: boolean): Result<never, Problem> {
	return refuse(
		409,
		mayAdopt
			? `the deployment name ${name} ${WHY[why]}`
			: `the deployment name ${name} is not available to you; if it is your organization's, a platform administrator can adopt it`,
	);
}

/**
 * The creation time of a new deployment. Beside the Reveal program it is that of the access record, which the
 * caller must have made there: otherwise the API would decide who may see the values.
 */
async function creationTime({
	store,
	accessMode,
	revealUrl,
	caller,
	input: { name, org },
	auditStamp,
}: Call<{ readonly name: string; readonly org: string }>): Promise<Result<string, Problem>> {
	if (accessMode === 'api') return ok(auditStamp.at.toISOString());
	const access = await readAccess(store, name);
	return access?.org === org && memberRole(access, caller) === 'manager'
		? ok(access.createdAt)
		: refuse(409, `register the name at the Reveal program first: POST ${revealUrl}/api/access`);
}

const create = operation(
	{
		method: 'post',
		path: PATH,
		id: 'deployments.create',
		summary: 'Register a deployment as yours; with a template, copy its secrets if you could reveal them',
		permission: { resource, verb: 'create', needs },
		body: 'NewDeployment',
		responses: {
			201: { description: 'registered', schema: 'CreatedDeployment' },
			403: { description: 'not your organization or template; or a scope is missing', schema: 'Problem' },
			409: { description: 'the name is not available', schema: 'Problem' },
		},
	},
	NewDeployment,
	async (call) => {
		const { store, undoQueue, nameRules, generators, caller, auditStamp, input } = call;
		const { note, step, requestId, authorize, accessMode } = call;
		const attempt = startAttempt(auditStamp.at);
		const { name, org, template: templateName, adopt } = input;
		note({ scope: `deployments/${name}` });
		if (org !== caller.org)
			return refuse(403, 'this is not the organization that your credentials belong to');
		const mayAdopt = await authorize(ADOPT, name);
		if (adopt && !mayAdopt.ok) return mayAdopt;
		if (!adopt && !mayRegister(nameRules, name, org)) return unavailable('reserved', name, mayAdopt.ok);
		const template =
			templateName === undefined ? undefined : await usableTemplate(store, templateName, caller);
		if (template !== undefined && !template.ok) return template;
		const createdAt = await creationTime(call);
		if (!createdAt.ok) return createdAt;
		const deployment: Deployment = {
			name,
			owner: caller.subject,
			org,
			template: templateName ?? '',
			createdAt: createdAt.value,
		};
		const copiesValues = await mayCopyValues(call, template?.value);
		const deploymentRequest = { deployment, template: template?.value, copiesValues, adopt, generators };
		const context = { ...auditStamp, step, requestId, attempt };
		const make = () => createDeployment(store, deploymentRequest, context, undoQueue);
		const statusOf = ({ ok }: { readonly ok: boolean }): number => (ok ? 201 : 409);
		const creation = adopt
			? await step('deployments.adopt', { scope: `deployments/${name}` }, make, statusOf)
			: await make();
		if (!creation.ok) {
			const { error } = creation;
			return 'unavailable' in error ? unavailable(error.unavailable, name, mayAdopt.ok) : err(error);
		}
		// If this fails, the backfill writes it later. Until then the registration says the same.
		if (accessMode === 'api') await recordAccess(store, name, initialAccess(deployment)).catch(() => false);
		const { generated, copied, kept, missing } = creation.value;
		const role = roleIn(call, { access: initialAccess(deployment) });
		return reply(201, { ...deployment, role, generated, copied, kept, missing });
	},
	({ name }) => name,
);

const remove = operation(
	{
		method: 'delete',
		path: `${PATH}/{name}`,
		id: 'deployments.delete',
		summary: 'Delete a deployment: its secrets are soft-deleted, and its name stays with its organization',
		permission: { resource, verb: 'delete', needs: 'location' },
		body: 'DeploymentDeletion',
		responses: { 200: { description: 'deleted', schema: 'Deleted' }, 403: FORBIDDEN },
	},
	DeploymentDeletion,
	async (call) => {
		const { store, name, note, input, auditStamp, requestId, step } = call;
		if (!parseName(name).ok) return refuse(403, NOT_YOUR_DEPLOYMENT);
		note({ scope: `deployments/${name}` });
		const granted = await authorizeDeployment(call, 'delete-deployment', name);
		if (!granted.ok) return granted;
		if (input.confirm !== name) return refuse(400, 'confirm must be the name of the deployment');
		const { createdAt } = granted.value.deployment;
		await deleteDeployment(store, { name, createdAt }, { ...auditStamp, requestId, step });
		return reply(200, { status: 'deleted' });
	},
);

/** `/api/deployments` */
export const deploymentOperations: readonly Operation[] = [list, get, create, remove];
