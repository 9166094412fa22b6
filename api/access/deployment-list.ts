import { ORG_ROLES } from '../auth/caller.ts';
import { mapAtMost } from '../concurrency.ts';
import { indexEntries } from '../deployments/registry.ts';
import { type AccessCall, type FoundDeployment, findWithAccess } from './authorize.ts';
import { type RoleInDeployment, roleOf } from './decide.ts';
import { identitiesOf, memberRole } from './record.ts';
import { indexedForMembers, indexedForOrg } from './record-store.ts';

const AT_ONCE = 12;

/** A deployment, and the role that the caller has there. */
export interface ListedDeployment extends FoundDeployment {
	readonly role: RoleInDeployment;
}

/** The parts of a call that a list needs. */
export type ListCall = Pick<AccessCall, 'store' | 'accessMode' | 'caller'>;

/** The deployments of which the caller is a member, sorted by name. Sends one request more for each. */
export async function memberDeployments(call: ListCall): Promise<readonly ListedDeployment[]> {
	const { store, caller } = call;
	const lists = await Promise.all([
		// Deployments from before there were members are in this index only.
		indexEntries(store, caller.subject, 'deployments'),
		indexedForMembers(store, identitiesOf(caller)),
	]);
	return await listed(call, lists.flat());
}

/** The deployments of the caller's current organization, if the caller has a role there. */
export async function orgDeployments(call: ListCall): Promise<readonly ListedDeployment[]> {
	const { org, roles } = call.caller;
	if (org === undefined || !(roles.has('org_admin') || roles.has('org_owner'))) return [];
	return await listed(call, await indexedForOrg(call.store, org));
}

async function listed(call: ListCall, names: readonly string[]): Promise<readonly ListedDeployment[]> {
	const found = await mapAtMost(AT_ONCE, [...new Set(names)].sort(), (name) => findWithAccess(call, name));
	return found.flatMap((one) => {
		const role = one && roleIn(call, one);
		return one === undefined || role === undefined ? [] : [{ ...one, role }];
	});
}

/** The role of a caller in a deployment; undefined for others. */
export function roleIn(
	{ caller }: Pick<ListCall, 'caller'>,
	{ access }: Pick<FoundDeployment, 'access'>,
): RoleInDeployment | undefined {
	const inOrg = caller.org !== undefined && caller.org === access.org;
	const org = ORG_ROLES.find((role) => inOrg && caller.roles.has(role));
	const role = roleOf({ org, member: memberRole(access, caller) });
	return role === 'outsider' ? undefined : role;
}
