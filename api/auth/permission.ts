import { err, ok, type Result } from '../../contract/result.ts';
import type { ApiScope, Caller } from './caller.ts';

/**
 * The rights that a call needs. Keys and sessions need the scope of the verb for every call. A role or a
 * session may be needed as well, and does not replace the scope. For Kubernetes callers the cluster's RBAC
 * decides on resource and verb.
 */
export interface Permission {
	/** The resource of the API group `envtier.dev` that RBAC rules name. */
	readonly resource: 'secrets' | 'orgsecrets' | 'templates' | 'deployments' | 'keys';
	readonly verb: 'list' | 'get' | 'create' | 'update' | 'delete' | 'adopt';
	/** The requirement besides the scope. */
	readonly needs: 'scope-alone' | 'org-role' | 'platform-role' | 'session';
}

/** The scope that a verb requires. */
function scopeOf(verb: Permission['verb']): ApiScope {
	return verb === 'list' || verb === 'get' ? 'secrets:read' : 'secrets:write';
}

/** Decides for callers whose credentials carry their rights. The error says which right is missing. */
export function checkRights({ kind, scopes, roles }: Caller, { needs, verb }: Permission): Result<void> {
	if (needs === 'session' && kind !== 'session') return err('this needs the session of a person');
	const scope = scopeOf(verb);
	if (!scopes.has(scope)) return err(`this needs the scope ${scope}, which your credentials don't have`);
	if (needs === 'org-role' && !roles.has('org_owner') && !roles.has('org_admin'))
		return err("this needs the role org_owner or org_admin, which your credentials don't have");
	if (needs === 'platform-role' && !roles.has('platform_admin'))
		return err("this needs the role platform_admin, which your credentials don't have");
	return ok(undefined);
}
