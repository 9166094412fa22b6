import type { ApiScope } from '../auth/caller.ts';
import type { Permission } from '../auth/permission.ts';

/** What a caller can do with a deployment and its secrets. */
export const DEPLOYMENT_OPERATIONS = [
	/** List its secrets, without values. */
	'list',
	/** Show a secret's metadata, the deployment itself, and its members. */
	'metadata',
	/** Show a value. Only the Reveal program does this. */
	'reveal',
	'create',
	'update',
	/** Soft-delete a secret. */
	'delete',
	'undelete',
	/** Write an old value as a new version. */
	'restore',
	/** Destroy all versions of a secret. */
	'destroy',
	/** Add, change and remove members. */
	'members',
	'transfer',
	'delete-deployment',
	/** Read the audit of the deployment. */
	'audit',
] as const;
export type DeploymentOperation = (typeof DEPLOYMENT_OPERATIONS)[number];

/** What an operation needs besides a role in the deployment or its organization. */
export interface Requirement {
	/** The scope of a key or session. */
	readonly scope: ApiScope;
	/** True when an API key is not enough: a session or a Kubernetes token is needed. */
	readonly person: boolean;
	/** What RBAC must allow a Kubernetes caller who is a member. */
	readonly member: Rule;
	/** What gives a Kubernetes caller the operation without membership, with the deployment as resourceName. */
	readonly direct: Rule;
}

/** A resource and a verb of the API group `envtier.dev`. */
export type Rule = Pick<Permission, 'resource' | 'verb'>;

/** The requirements of each operation. Rules of `direct` are new, so that existing roles gain nothing. */
export const REQUIREMENTS: Readonly<Record<DeploymentOperation, Requirement>> = {
	list: row('secrets:read', 'list', 'list'),
	metadata: row('secrets:read', 'get', 'get'),
	reveal: { ...row('secrets:read', 'reveal', 'reveal'), person: true },
	create: row('secrets:write', 'create', 'create'),
	update: row('secrets:write', 'update', 'update'),
	delete: row('secrets:delete', 'delete', 'delete'),
	undelete: row('secrets:write', 'update', 'update'),
	restore: row('secrets:write', 'update', 'update'),
	destroy: { ...row('secrets:destroy', 'destroy', 'destroy'), person: true },
	members: ofDeployment('secrets:write', 'members', true),
	transfer: ofDeployment('secrets:write', 'transfer', true),
	'delete-deployment': ofDeployment('secrets:delete', 'delete', false),
	audit: ofDeployment('audit', 'audit', false),
};

function row(scope: ApiScope, member: Permission['verb'], direct: Permission['verb']): Requirement {
	return {
		scope,
		person: false,
		member: { resource: 'secrets', verb: member },
		direct: { resource: 'deploymentsecrets', verb: direct },
	};
}

function ofDeployment(scope: ApiScope, verb: Permission['verb'], person: boolean): Requirement {
	return {
		scope,
		person,
		member: { resource: 'deployments', verb },
		direct: { resource: 'deploymentmembers', verb },
	};
}
