import { parseName } from '../../contract/names.ts';
import { ok, type Result } from '../../contract/result.ts';
import { authorizeDeployment } from '../access/authorize.ts';
import { type RoleInDeployment, roleOf } from '../access/decide.ts';
import type { Deployment } from '../deployments/registry.ts';
import { NOT_YOUR_DEPLOYMENT, type Problem, refuse } from '../problem.ts';
import { GridQuery } from '../schemas/grid.ts';
import { Nothing } from '../schemas/named.ts';
import { type Grid, gridOf, summaryOfGrid } from '../secrets/grid.ts';
import { type Call, type Operation, operation, reply } from '../server/operation.ts';
import { usableTemplate } from '../templates/templates.ts';

const permission = { resource: 'secrets', verb: 'list', needs: 'location' } as const;
const FORBIDDEN = {
	description: 'not your deployment, or none; or a scope is missing',
	schema: 'Problem',
} as const;

/** A deployment that the caller may list, with its grid. */
interface Viewed {
	readonly deployment: Deployment;
	readonly role: RoleInDeployment;
	readonly managesOrg: boolean;
	readonly grid: Grid;
}

async function viewOf(call: Call<unknown>): Promise<Result<Viewed, Problem>> {
	const { store, name, caller, note, authorize } = call;
	if (!parseName(name).ok) return refuse(403, NOT_YOUR_DEPLOYMENT);
	note({ scope: `deployments/${name}` });
	const granted = await authorizeDeployment(call, 'list', name);
	if (!granted.ok) return granted;
	const { deployment, standing } = granted.value;
	const sameOrg = caller.org === deployment.org;
	const manages =
		sameOrg && (await authorize({ resource: 'orgsecrets', verb: 'list', needs: 'org-role' })).ok;
	const { org, template: templateName } = deployment;
	const template = templateName === '' ? undefined : await usableTemplate(store, templateName, caller);
	const seen = template?.ok ? template.value : undefined;
	const grid = await gridOf(store, { org, deployment: name, template: seen, managesOrg: manages });
	return ok({ deployment, role: roleOf(standing), managesOrg: manages, grid });
}

const show = operation(
	{
		method: 'get',
		path: '/api/deployments/{name}/grid',
		id: 'grid.get',
		summary: 'Show every key of a deployment in every tier, also deleted ones; never values',
		permission,
		query: 'GridQuery',
		responses: { 200: { description: 'the grid', schema: 'DeploymentGrid' }, 403: FORBIDDEN },
	},
	GridQuery,
	async (call) => {
		const view = await viewOf(call);
		if (!view.ok) return view;
		const { deployment, role, managesOrg, grid } = view.value;
		const { name, org, owner, template } = deployment;
		const { key: wanted } = call.input;
		const isShown = ({ key }: { readonly key: string }) => wanted === undefined || key === wanted;
		const { columns, cells, declared } = grid;
		return reply(200, {
			...{ deployment: name, org, owner, role, template, managesOrg, columns },
			...{ cells: cells.filter(isShown), declared: declared.filter(isShown) },
		});
	},
);

const summary = operation(
	{
		method: 'get',
		path: '/api/deployments/{name}/summary',
		id: 'grid.summary',
		summary: 'Count the secrets of a deployment: all, missing, expiring and deleted ones',
		permission,
		responses: { 200: { description: 'the numbers', schema: 'DeploymentSummary' }, 403: FORBIDDEN },
	},
	Nothing,
	async (call) => {
		const view = await viewOf(call);
		return view.ok ? reply(200, summaryOfGrid(view.value.grid, call.now())) : view;
	},
);

/** `/api/deployments/{name}/grid` and `/api/deployments/{name}/summary` */
export const gridOperations: readonly Operation[] = [show, summary];
