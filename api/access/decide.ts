import { ORG_ROLES, type OrgRole } from '../auth/caller.ts';
import type { DeploymentOperation } from './operations.ts';

/** The roles of a deployment's members. */
export const MEMBER_ROLES = ['viewer', 'developer', 'manager'] as const;
export type MemberRole = (typeof MEMBER_ROLES)[number];

/** Everybody has at least one of these roles in a deployment. */
export const ROLES_IN_DEPLOYMENT = [
	...MEMBER_ROLES,
	'org_admin',
	'org_owner',
	'outsider',
] as const satisfies readonly (MemberRole | OrgRole | 'outsider')[];
export type RoleInDeployment = (typeof ROLES_IN_DEPLOYMENT)[number];

/** `elevation`: allowed only during an elevation. */
export type Decision = 'yes' | 'no' | 'elevation';

const VIEWER = ['list', 'metadata'] as const;
const DEVELOPER = [...VIEWER, 'reveal', 'create', 'update', 'delete', 'undelete', 'restore'] as const;
const MANAGER = [...DEVELOPER, 'members', 'transfer', 'delete-deployment', 'audit'] as const;
/** `reveal` is not among them: see `decide`. */
const ADMIN = [...MANAGER.filter((operation) => operation !== 'reveal'), 'destroy'] as const;

const ALLOWED: Readonly<Record<RoleInDeployment, readonly DeploymentOperation[]>> = {
	viewer: VIEWER,
	developer: DEVELOPER,
	manager: MANAGER,
	org_admin: ADMIN,
	org_owner: ADMIN,
	outsider: [],
};

/** The roles of one caller in one deployment. */
export interface Standing {
	/** The role as a member; undefined for others. */
	readonly member: MemberRole | undefined;
	/** The role in the deployment's organization, if the call is about that organization. */
	readonly org: OrgRole | undefined;
	/**
	 * True while the caller holds a role in the deployment's organization, whatever organization the call is
	 * about. For Kubernetes callers: RBAC lets them reveal without membership.
	 */
	readonly holdsOrgRole: boolean;
}

/**
 * Decides about one operation from the caller's roles. While a caller holds a role in the organization,
 * `reveal` needs an elevation, even for a member: otherwise admins would make each other members.
 */
export function decide({ member, org, holdsOrgRole }: Standing, operation: DeploymentOperation): Decision {
	if (operation === 'reveal' && (org !== undefined || holdsOrgRole)) return 'elevation';
	const roles: readonly RoleInDeployment[] = [member ?? 'outsider', ...(org === undefined ? [] : [org])];
	return roles.some((role) => ALLOWED[role].includes(operation)) ? 'yes' : 'no';
}

/** The role that a caller has before everybody else: one in the organization, else the one as a member. */
export function roleOf({ member, org }: Pick<Standing, 'member' | 'org'>): RoleInDeployment {
	return org ?? member ?? 'outsider';
}

/** The roles that an operation needs, in words: those of members, if any of them is enough. */
export function rolesFor(operation: DeploymentOperation): string {
	const members = MEMBER_ROLES.filter((role) => ALLOWED[role].includes(operation));
	return members.length > 0 ? members.join(' or ') : `${ORG_ROLES.join(' or ')} in its organization`;
}

/** The strongest of some member roles; undefined if there are none. */
export function strongest(roles: readonly MemberRole[]): MemberRole | undefined {
	return [...MEMBER_ROLES].reverse().find((role) => roles.includes(role));
}
