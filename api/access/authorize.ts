import { ok, type Result } from '../../contract/result.ts';
import { type Caller, ORG_ROLES } from '../auth/caller.ts';
import { checkScope, PERSON_NEEDED, type Permission } from '../auth/permission.ts';
import { type Deployment, findDeployment } from '../deployments/registry.ts';
import { NOT_YOUR_DEPLOYMENT, type Problem, refuse } from '../problem.ts';
import type { Store } from '../store/store.ts';
import { type Decision, decide, roleOf, rolesFor, type Standing } from './decide.ts';
import { type DeploymentOperation, REQUIREMENTS, type Rule } from './operations.ts';
import { type AccessRecord, initialAccess, memberRole } from './record.ts';
import { readAccess } from './record-store.ts';

/**
 * Which program decides, and what it trusts. `api`: the registration and the access record, which it also
 * writes. `api-beside-reveal`: the same, but only the Reveal program writes records. `reveal`: the access
 * record alone, because the API can write registrations.
 */
export type AccessMode = 'api' | 'api-beside-reveal' | 'reveal';

/** The parts of a call that the decision needs. */
export interface AccessCall {
	readonly store: Store;
	readonly accessMode: AccessMode;
	readonly caller: Caller;
	/** Asks RBAC for Kubernetes callers, and checks the scope of others. */
	readonly authorize: (permission: Permission, name: string) => Promise<Result<void, Problem>>;
}

/** A deployment on which the caller may do the requested operation. */
export interface GrantedDeployment {
	/** With the organization and owner of the access record. */
	readonly deployment: Deployment;
	readonly access: AccessRecord;
	readonly standing: Standing;
	readonly decision: Exclude<Decision, 'no'>;
	/** Decides again, from a record that was read later. */
	readonly decideOn: (access: AccessRecord) => Decision;
	/** Reads everything again: whether it is still the same deployment, and the caller still has the right. */
	readonly isStillGranted: () => Promise<Result<void, Problem>>;
}

/** A registered deployment, and who has access to it. */
export interface FoundDeployment {
	readonly deployment: Deployment;
	readonly access: AccessRecord;
}

/** Finds a deployment with its access record. */
export async function findWithAccess(
	{ store, accessMode }: Pick<AccessCall, 'store' | 'accessMode'>,
	name: string,
): Promise<FoundDeployment | undefined> {
	if (accessMode === 'reveal') {
		const access = await readAccess(store, name);
		return access && { deployment: { name, template: '', ...ownershipOf(access) }, access };
	}
	const [registered, stored] = await Promise.all([findDeployment(store, name), readAccess(store, name)]);
	if (registered === undefined) return undefined;
	const access = currentAccess(registered, stored);
	return { deployment: { ...registered, ...ownershipOf(access) }, access };
}

/**
 * The record of a registered deployment. Without one, and with one of an earlier deployment of the same name,
 * the owner is the only manager.
 */
export function currentAccess(registered: Deployment, stored: AccessRecord | undefined): AccessRecord {
	return stored?.createdAt === registered.createdAt ? stored : initialAccess(registered);
}

function ownershipOf({
	owner,
	org,
	createdAt,
}: AccessRecord): Pick<Deployment, 'owner' | 'org' | 'createdAt'> {
	return { owner, org, createdAt };
}

/**
 * Decides whether the caller may do an operation on a deployment. Every route that works on a deployment asks
 * here. A refusal is the same for a deployment of others and for one that does not exist; a member is told
 * which role it needs.
 *
 * @param member the RBAC rule for Kubernetes callers who are members, if it is not the usual one
 */
export async function authorizeDeployment(
	call: AccessCall,
	operation: DeploymentOperation,
	name: string,
	member: Rule = REQUIREMENTS[operation].member,
): Promise<Result<GrantedDeployment, Problem>> {
	const { caller } = call;
	const { scope, person } = REQUIREMENTS[operation];
	if (person && caller.kind === 'api-key') return refuse(403, PERSON_NEEDED);
	const scoped = caller.user === undefined ? checkScope(caller, scope) : ok(undefined);
	if (!scoped.ok) return refuse(403, scoped.error);
	const found = await findWithAccess(call, name);
	const rights = await rightsOf(call, operation, { name, member, found });
	if (!rights.ok) return rights;
	const decideOn = (access: AccessRecord): Decision =>
		decide(standingIn(caller, access, rights.value), operation);
	if (found === undefined) return refuse(403, NOT_YOUR_DEPLOYMENT);
	const standing = standingIn(caller, found.access, rights.value);
	const decision = decide(standing, operation);
	if (decision === 'no') return refuse(403, whyNot(call.accessMode, standing, operation));
	const isStillGranted = async (): Promise<Result<void, Problem>> => {
		const now = await findWithAccess(call, name);
		const same = now?.access.createdAt === found.access.createdAt;
		return now !== undefined && same && decideOn(now.access) !== 'no'
			? ok(undefined)
			: refuse(403, NOT_YOUR_DEPLOYMENT);
	};
	return ok({
		...found,
		standing,
		decision,
		decideOn,
		isStillGranted,
	});
}

/**
 * Why a caller may not do it. Who may not see the deployment does not learn that it exists. The Reveal
 * program tells nobody more than that.
 */
function whyNot(mode: AccessMode, standing: Standing, operation: DeploymentOperation): string {
	if (mode === 'reveal' || decide(standing, 'metadata') === 'no') return NOT_YOUR_DEPLOYMENT;
	return `your role in this deployment is ${roleOf(standing)}, and this needs ${rolesFor(operation)}`;
}

/** What RBAC allows a Kubernetes caller: as a member, and without membership. Others are not asked about. */
interface ClusterRights {
	readonly member: boolean;
	readonly direct: boolean;
}

async function rightsOf(
	{ caller, authorize }: AccessCall,
	operation: DeploymentOperation,
	{
		name,
		member,
		found,
	}: { readonly name: string; readonly member: Rule; readonly found?: FoundDeployment | undefined },
): Promise<Result<ClusterRights, Problem>> {
	if (caller.user === undefined) return ok({ member: true, direct: false });
	const asMember = await authorize({ ...member, needs: 'scope-alone' }, name);
	if (!asMember.ok && asMember.error.status !== 403) return asMember;
	const role = found === undefined ? undefined : memberRole(found.access, caller);
	const standing = { member: role, org: undefined, holdsOrgRole: false };
	// Reveal asks for both, because who may reveal without membership needs an elevation.
	if (operation !== 'reveal' && asMember.ok && decide(standing, operation) === 'yes')
		return ok({ member: true, direct: false });
	const direct = await authorize({ ...REQUIREMENTS[operation].direct, needs: 'scope-alone' }, name);
	if (!direct.ok && direct.error.status !== 403) return direct;
	// The text of RBAC does not depend on the deployment, so it reveals nothing.
	if (!asMember.ok && !direct.ok) return asMember;
	return ok({ member: asMember.ok, direct: direct.ok });
}

/** The roles of a caller in a deployment. Without the RBAC rule for members, membership gives nothing. */
function standingIn(caller: Caller, access: AccessRecord, rights: ClusterRights): Standing {
	const member = rights.member ? memberRole(access, caller) : undefined;
	if (caller.user !== undefined)
		return { member, org: rights.direct ? 'org_admin' : undefined, holdsOrgRole: rights.direct };
	const role = ORG_ROLES.find((one) => caller.roles.has(one));
	const org = caller.org === access.org ? role : undefined;
	return { member, org, holdsOrgRole: org !== undefined || caller.adminOrgs?.includes(access.org) === true };
}
