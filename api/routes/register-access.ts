import { initialAccess } from '../access/record.ts';
import { recordAccess } from '../access/record-store.ts';
import { ADOPT } from '../deployments/adopt.ts';
import { mayRegister } from '../deployments/name-rules.ts';
import { isOccupied } from '../deployments/registry.ts';
import { refuse } from '../problem.ts';
import { NewAccess } from '../schemas/reveal.ts';
import { type Operation, operation, reply } from '../server/operation.ts';
import { encodeMembers } from './members.ts';

const register = operation(
	{
		method: 'post',
		path: '/api/access',
		id: 'access.register',
		summary: 'Become the first manager of a new deployment, before its registration at the secrets API',
		permission: { resource: 'deployments', verb: 'create', needs: 'scope-alone' },
		body: 'NewAccess',
		responses: {
			201: { description: 'you are its manager', schema: 'Members' },
			403: {
				description: 'not your organization; or a scope, or for adopt a right, is missing',
				schema: 'Problem',
			},
			409: { description: 'the name is not available', schema: 'Problem' },
		},
	},
	NewAccess,
	async ({ store, caller, input: { name, org, adopt }, auditStamp, nameRules, note, authorize }) => {
		note({ scope: `deployments/${name}` });
		if (org !== caller.org)
			return refuse(403, 'this is not the organization that your credentials belong to');
		const conflict = refuse(409, `the deployment name ${name} is not available to you`);
		// Values that exist already must not become visible to whoever registers first.
		const mayAdopt = adopt ? await authorize(ADOPT, name) : undefined;
		if (mayAdopt?.ok === false) return mayAdopt;
		if (!adopt && (!mayRegister(nameRules, name, org) || (await isOccupied(store, name)))) return conflict;
		const createdAt = auditStamp.at.toISOString();
		const access = initialAccess({ name, owner: caller.subject, org, template: '', createdAt });
		return (await recordAccess(store, name, access)) ? reply(201, encodeMembers(access)) : conflict;
	},
	({ name }) => name,
);

/** `/api/access` */
export const accessOperations: readonly Operation[] = [register];
