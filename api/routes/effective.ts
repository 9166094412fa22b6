import { ok, type Result } from '../../contract/result.ts';
import { type AccessCall, authorizeDeployment } from '../access/authorize.ts';
import type { Problem } from '../problem.ts';
import { DifferenceQuery, EffectiveQuery } from '../schemas/effective.ts';
import {
	differenceOf,
	type EffectiveSecret,
	effectiveSecrets,
	type ViewedPods,
} from '../secrets/effective.ts';
import { type Operation, operation, reply } from '../server/operation.ts';

const permission = { resource: 'secrets', verb: 'list', needs: 'location' } as const;
const FORBIDDEN = {
	description: 'not your deployment, or none; or a scope is missing',
	schema: 'Problem',
} as const;

/** What pods of a deployment get. */
interface View extends ViewedPods {
	readonly secrets: readonly EffectiveSecret[];
}

/** The view of a deployment that the caller may list. Its own organization's secrets are part of it. */
async function viewOf(call: AccessCall, deployment: string, service: string): Promise<Result<View, Problem>> {
	const granted = await authorizeDeployment(call, 'list', deployment);
	if (!granted.ok) return granted;
	const pods = { org: granted.value.deployment.org, deployment, service };
	return ok({ ...pods, secrets: await effectiveSecrets(call.store, pods) });
}

const effective = operation(
	{
		method: 'get',
		path: '/api/effective',
		id: 'effective.get',
		summary: 'Show the keys that pods of a deployment get, and the tier of each; never values',
		permission,
		query: 'EffectiveQuery',
		responses: { 200: { description: 'the keys', schema: 'EffectiveView' }, 403: FORBIDDEN },
	},
	EffectiveQuery,
	async (call) => {
		const { deployment, service } = call.input;
		call.note({ scope: `deployments/${deployment}` });
		const view = await viewOf(call, deployment, service);
		if (!view.ok) return view;
		const { org, secrets } = view.value;
		const shown = secrets.map(({ updatedAt, ...rest }) => ({ ...rest, updatedAt: updatedAt.toISOString() }));
		return reply(200, { deployment, service, org, secrets: shown });
	},
);

const difference = operation(
	{
		method: 'get',
		path: '/api/difference',
		id: 'difference.get',
		summary: 'Compare the keys of two deployments of yours; values are not compared',
		permission,
		query: 'DifferenceQuery',
		responses: { 200: { description: 'what differs', schema: 'DeploymentDifference' }, 403: FORBIDDEN },
	},
	DifferenceQuery,
	async (call) => {
		const { deployment, with: other, service } = call.input;
		call.note({ scope: `deployments/${deployment}` }, { scope: `deployments/${other}` });
		const here = await viewOf(call, deployment, service);
		if (!here.ok) return here;
		const there = await viewOf(call, other, service);
		if (!there.ok) return there;
		const { onlyHere, onlyThere, both } = differenceOf(here.value.secrets, there.value.secrets);
		const shown = ({ key, tier }: EffectiveSecret) => ({ key, tier });
		const sameOrg = here.value.org === there.value.org;
		return reply(200, {
			...{ deployment, with: other, service },
			onlyHere: onlyHere.map(shown),
			onlyThere: onlyThere.map(shown),
			both: both.map(({ here: mine, there: theirs }) => ({
				...shown(mine),
				otherTier: theirs.tier,
				shared: sameOrg && mine.tier === 'org' && theirs.tier === 'org',
			})),
		});
	},
);

/** `/api/effective` and `/api/difference` */
export const effectiveOperations: readonly Operation[] = [effective, difference];
