import { err, ok, type Result } from '../../contract/result.ts';
import type { ApiScope, Caller } from './caller.ts';

/**
 * The rights that a call needs. Keys and sessions need the scope of the verb for every call. A role or a
 * session may be needed as well, and does not replace the scope. For Kubernetes callers the cluster's RBAC
 * decides on resource and verb.
 */
export interface Permission {
	/** The resource of the API group `envtier.dev` that RBAC rules name. */
	readonly resource:
		| 'secrets'
		| 'orgsecrets'
		| 'templates'
		| 'deployments'
		| 'keys'
		| 'orgkeys'
		| 'audit'
		| 'deploymentsecrets'
		| 'deploymentmembers';
	readonly verb:
		| 'list'
		| 'get'
		| 'create'
		| 'update'
		| 'delete'
		| 'destroy'
		| 'reveal'
		| 'members'
		| 'transfer'
		| 'audit'
		| 'adopt';
	/**
	 * The requirement besides the scope. `credentials`: valid ones, without any scope. `location`: the operation
	 * itself asks `requireOwned` or `authorizeDeployment`, because the right depends on the deployment.
	 * `recipient`: a scope of keys and sessions alone, for what is addressed to the caller.
	 */
	readonly needs:
		| 'credentials'
		| 'scope-alone'
		| 'org-role'
		| 'platform-role'
		| 'session'
		| 'location'
		| 'recipient';
}

/** The refusal of an API key where a person is needed. */
export const PERSON_NEEDED = 'this needs the session or the Kubernetes token of a person, not an API key';

/** The scope that a call requires. */
function scopeOf({ resource, verb }: Pick<Permission, 'resource' | 'verb'>): ApiScope {
	if (resource === 'audit') return 'audit';
	switch (verb) {
		case 'list':
		case 'get':
		case 'reveal':
			return 'secrets:read';
		case 'delete':
			// Whoever finds a leaked key must be able to delete it.
			return resource === 'keys' || resource === 'orgkeys' ? 'secrets:write' : 'secrets:delete';
		case 'destroy':
			return 'secrets:destroy';
		case 'audit':
			return 'audit';
		case 'create':
		case 'update':
		case 'members':
		case 'transfer':
		case 'adopt':
			return 'secrets:write';
		default:
			return verb satisfies never;
	}
}

/** Checks a scope of a key or session. The error names it. */
export function checkScope({ scopes }: Pick<Caller, 'scopes'>, scope: ApiScope): Result<void> {
	return scopes.has(scope)
		? ok(undefined)
		: err(`this needs the scope ${scope}, which your credentials don't have`);
}

/** Decides for callers whose credentials carry their rights. The error says which right is missing. */
export function checkRights(caller: Caller, permission: Permission): Result<void> {
	const { kind, roles } = caller;
	const { needs } = permission;
	if (needs === 'credentials') return ok(undefined);
	if (needs === 'session' && kind !== 'session') return err('this needs the session of a person');
	const scoped = checkScope(caller, scopeOf(permission));
	if (!scoped.ok) return scoped;
	if (needs === 'org-role' && !roles.has('org_owner') && !roles.has('org_admin'))
		return err("this needs the role org_owner or org_admin, which your credentials don't have");
	if (needs === 'platform-role' && !roles.has('platform_admin'))
		return err("this needs the role platform_admin, which your credentials don't have");
	return ok(undefined);
}
