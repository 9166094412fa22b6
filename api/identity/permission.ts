import { err, ok, type Result } from '../../contract/result.ts';
import type { Identity, Scope } from './identity.ts';

/** What a call needs. Keys and sessions carry scopes and roles; for Kubernetes callers the cluster's RBAC is asked about resource and verb. */
export interface Permission {
	/** The resource of the API group `envtier.dev` that RBAC rules name. */
	readonly resource: 'secrets' | 'orgsecrets' | 'templates' | 'deployments' | 'keys';
	readonly verb: 'list' | 'get' | 'create' | 'update' | 'delete';
	readonly needs: Scope | 'org-role' | 'signed-in' | 'session';
}

/** Decides for callers whose rights came with their credentials. The error says what is missing. */
export function decide(identity: Identity, permission: Permission): Result<void> {
	const { needs, verb } = permission;
	switch (needs) {
		case 'secrets:read':
		case 'secrets:write':
			return identity.scopes.has(needs)
				? ok(undefined)
				: err(`this needs the scope ${needs}, which your credentials don't have`);
		case 'org-role':
			return identity.roles.has('org_owner') || identity.roles.has('org_admin')
				? ok(undefined)
				: err("this needs the role org_owner or org_admin, which your credentials don't have");
		case 'session':
			return identity.kind === 'session' ? ok(undefined) : err('this needs the session of a person');
		case 'signed-in': {
			// A key does no more than its scopes say: one that may only read creates nothing.
			const reads = verb === 'list' || verb === 'get';
			const keyMay = reads || identity.scopes.has('secrets:write');
			return identity.kind !== 'api-key' || keyMay
				? ok(undefined)
				: err("this needs the scope secrets:write, which your key doesn't have");
		}
		default:
			return needs satisfies never;
	}
}
