import { parseName } from '../../contract/names.ts';
import { createDeployment } from '../copy.ts';
import { type Operation, operation, reply } from '../operation.ts';
import { NOT_YOUR_DEPLOYMENT, refuse } from '../problem.ts';
import { type Deployment, deploymentsOf, findDeployment } from '../registry.ts';
import { Nothing } from '../schemas/named.ts';
import { NewDeployment } from '../schemas/templates.ts';
import { usableTemplate } from '../templates.ts';

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
		answers: { 200: { description: 'the deployments', schema: 'DeploymentList' } },
	},
	Nothing,
	async ({ store, identity, note }) => {
		const deployments = await deploymentsOf(store, identity.subject);
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
		permission: { resource, verb: 'get', needs },
		answers: { 200: { description: 'the deployment', schema: 'Deployment' }, 403: FORBIDDEN },
	},
	Nothing,
	async ({ store, identity, name, note }) => {
		if (!parseName(name).ok) return refuse(403, NOT_YOUR_DEPLOYMENT);
		note({ scope: `deployments/${name}` });
		const deployment = await findDeployment(store, name);
		return deployment?.owner === identity.subject ? reply(200, deployment) : refuse(403, NOT_YOUR_DEPLOYMENT);
	},
);

const create = operation(
	{
		method: 'post',
		path: PATH,
		id: 'deployments.create',
		summary: 'Register a deployment as yours; with a template, copy the template’s secrets to it',
		permission: { resource, verb: 'create', needs },
		body: 'NewDeployment',
		answers: {
			201: { description: 'registered', schema: 'CreatedDeployment' },
			403: { description: 'not your organization or template; or a scope is missing', schema: 'Problem' },
			409: { description: 'the name is taken', schema: 'Problem' },
		},
	},
	NewDeployment,
	async ({ store, undoing, identity, deed, input, note, step, requestId }) => {
		const { name, org, template: templateName } = input;
		note({ scope: `deployments/${name}` });
		if (org !== identity.org)
			return refuse(403, 'this is not the organization that your credentials belong to');
		const template =
			templateName === undefined ? undefined : await usableTemplate(store, templateName, identity);
		if (template !== undefined && !template.ok) return template;
		const deployment: Deployment = {
			name,
			owner: identity.subject,
			org,
			template: templateName ?? '',
			createdAt: deed.at.toISOString(),
		};
		const made = await createDeployment(
			store,
			deployment,
			template?.value,
			{ ...deed, step, requestId },
			undoing,
		);
		if (!made.ok) return made;
		const { copied, kept, missing } = made.value;
		return reply(201, { ...deployment, copied, kept, missing });
	},
);

/** `/api/deployments` */
export const deploymentOperations: readonly Operation[] = [list, get, create];
