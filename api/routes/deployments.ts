import { parseName } from '../../contract/names.ts';
import { err, type Result } from '../../contract/result.ts';
import { authorizeDeployment } from '../access/authorize.ts';
import { startAttempt } from '../deployments/attempt.ts';
import { createDeployment } from '../deployments/create-deployment.ts';
import { mayRegister } from '../deployments/name-rules.ts';
import { type Deployment, deploymentsOf } from '../deployments/registry.ts';
import { NOT_YOUR_DEPLOYMENT, type Problem, refuse } from '../problem.ts';
import { Nothing } from '../schemas/named.ts';
import { NewDeployment } from '../schemas/templates.ts';
import { type Operation, operation, reply } from '../server/operation.ts';
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
		summary: 'List your deployments',
		permission: { resource, verb: 'list', needs },
		responses: { 200: { description: 'the deployments', schema: 'DeploymentList' } },
	},
	Nothing,
	async ({ store, caller, note }) => {
		const deployments = await deploymentsOf(store, caller.subject);
		note({ scope: 'deployments' }, ...deployments.map(({ name }) => ({ scope: `deployments/${name}` })));
		return reply(200, deployments);
	},
);

const get = operation(
	{
		method: 'get',
		path: `${PATH}/{name}`,
		id: 'deployments.get',
		summary: 'Show a deployment of yours',
		permission: { resource, verb: 'get', needs: 'location' },
		responses: { 200: { description: 'the deployment', schema: 'Deployment' }, 403: FORBIDDEN },
	},
	Nothing,
	async (call) => {
		const { name, note } = call;
		if (!parseName(name).ok) return refuse(403, NOT_YOUR_DEPLOYMENT);
		note({ scope: `deployments/${name}` });
		const granted = await authorizeDeployment(call, 'metadata', name, { resource, verb: 'get' });
		return granted.ok ? reply(200, granted.value.deployment) : granted;
	},
);

/**
 * The right to take a name that has entries below it or is reserved. No role in an organization implies it.
 */
const ADOPT = { resource, verb: 'adopt', needs: 'platform-role' } as const;

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

const create = operation(
	{
		method: 'post',
		path: PATH,
		id: 'deployments.create',
		summary: 'Register a deployment as yours; with a template, copy the template’s secrets to it',
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
		const { note, step, requestId, authorize } = call;
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
		const deployment: Deployment = {
			name,
			owner: caller.subject,
			org,
			template: templateName ?? '',
			createdAt: auditStamp.at.toISOString(),
		};
		const deploymentRequest = { deployment, template: template?.value, adopt, generators };
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
		const { generated, copied, kept, missing } = creation.value;
		return reply(201, { ...deployment, generated, copied, kept, missing });
	},
	({ name }) => name,
);

/** `/api/deployments` */
export const deploymentOperations: readonly Operation[] = [list, get, create];
