import type { RoleInDeployment } from '../../../api/access/decide.ts';
import type { DeploymentOperation } from '../../../api/access/operations.ts';

/** The roles in the order of the letters of `ROLE_TABLE`. */
export const TABLE_ROLES = ['viewer', 'developer', 'manager', 'org_admin', 'org_owner', 'outsider'] as const;

/**
 * The table of docs/managed-secrets.md, written independently of the code: y yes, n no, e with elevation. One
 * letter for each role.
 */
const ROLE_TABLE: Readonly<Record<DeploymentOperation, string>> = {
	list: 'yyyyyn',
	metadata: 'yyyyyn',
	reveal: 'nyyeen',
	create: 'nyyyyn',
	update: 'nyyyyn',
	delete: 'nyyyyn',
	undelete: 'nyyyyn',
	restore: 'nyyyyn',
	destroy: 'nnnyyn',
	members: 'nnyyyn',
	transfer: 'nnyyyn',
	'delete-deployment': 'nnyyyn',
	audit: 'nnyyyn',
};

/** The cell of a role and an operation. */
export function cellOf(role: RoleInDeployment, operation: DeploymentOperation): string {
	return ROLE_TABLE[operation][TABLE_ROLES.indexOf(role)] ?? '';
}

/** Operations that an API key never does, whatever its roles and scopes are. */
export const FOR_PERSONS: readonly DeploymentOperation[] = ['reveal', 'destroy', 'members', 'transfer'];

/** A call that tries an operation. */
export interface Attempt {
	readonly method: string;
	readonly path: string;
	readonly body?: object;
	/** The status when it is allowed. A refusal is a 403. */
	readonly allowed: number;
}

/** What the calls of one deployment need. */
export interface AttemptTarget {
	readonly deployment: string;
	/** The id of a live secret of the deployment. */
	readonly id: string;
	/** Makes names that nobody has used. */
	readonly unique: () => string;
}

/** A call for each operation of the secrets API. It leaves the deployment and its members as they are. */
export const ATTEMPTS: Readonly<Partial<Record<DeploymentOperation, (target: AttemptTarget) => Attempt>>> = {
	list: ({ deployment }) => ({
		method: 'GET',
		path: `/api/secrets?deployment=${deployment}`,
		allowed: 200,
	}),
	metadata: ({ deployment }) => ({ method: 'GET', path: `/api/deployments/${deployment}`, allowed: 200 }),
	create: ({ deployment, unique }) => ({
		method: 'POST',
		path: '/api/secrets',
		body: { key: `K_${unique()}`, value: 'v', deploymentName: deployment },
		allowed: 201,
	}),
	update: ({ id }) => ({ method: 'PUT', path: '/api/secrets', body: { id, value: 'w' }, allowed: 200 }),
	// An id of a secret that is gone: who may delete it is told so.
	delete: ({ deployment }) => ({
		method: 'DELETE',
		path: '/api/secrets',
		body: { id: idOfNothing(deployment) },
		allowed: 404,
	}),
	undelete: ({ deployment }) => ({
		method: 'POST',
		path: '/api/secrets/undelete',
		body: { id: idOfNothing(deployment) },
		allowed: 404,
	}),
	// Only the Reveal program does it: who may is told that it is not there.
	restore: ({ id }) => ({
		method: 'POST',
		path: '/api/secrets/restore',
		body: { id, version: 1 },
		allowed: 503,
	}),
	destroy: ({ deployment }) => ({
		method: 'DELETE',
		path: '/api/secrets?destroy=true',
		body: { id: idOfNothing(deployment), confirm: 'GONE' },
		allowed: 404,
	}),
	// No audit store is configured: who may read it is told so.
	audit: ({ deployment }) => ({ method: 'GET', path: `/api/audit?deployment=${deployment}`, allowed: 503 }),
	members: ({ deployment, unique }) => ({
		method: 'POST',
		path: `/api/deployments/${deployment}/members`,
		body: { member: `user:${unique()}`, role: 'viewer' },
		allowed: 201,
	}),
	transfer: ({ deployment, unique }) => ({
		method: 'POST',
		path: `/api/deployments/${deployment}/transfer`,
		body: { to: `user:${unique()}` },
		allowed: 201,
	}),
	// Without the confirmation: who may delete it is told that it is missing.
	'delete-deployment': ({ deployment }) => ({
		method: 'DELETE',
		path: `/api/deployments/${deployment}`,
		body: { confirm: 'no' },
		allowed: 400,
	}),
};

/** Further calls that take one of the operations, by what they show or change. */
export const FURTHER_ATTEMPTS: Readonly<
	Record<string, readonly [DeploymentOperation, (target: AttemptTarget) => Attempt]>
> = {
	'the metadata of a secret': [
		'metadata',
		({ id }) => ({ method: 'GET', path: `/api/secrets/${id}`, allowed: 200 }),
	],
	'the versions of a secret': [
		'metadata',
		({ id }) => ({ method: 'GET', path: `/api/secrets/versions?id=${id}`, allowed: 200 }),
	],
	'tags and description': [
		'update',
		({ id }) => ({ method: 'PUT', path: `/api/secrets/${id}`, body: { tags: ['a'] }, allowed: 200 }),
	],
	'what pods get': [
		'list',
		({ deployment }) => ({
			method: 'GET',
			path: `/api/effective?deployment=${deployment}`,
			allowed: 200,
		}),
	],
	'a comparison with another deployment': [
		'list',
		({ deployment }) => ({
			method: 'GET',
			path: `/api/difference?deployment=${deployment}&with=${deployment}`,
			allowed: 200,
		}),
	],
	'the members': [
		'metadata',
		({ deployment }) => ({ method: 'GET', path: `/api/deployments/${deployment}/members`, allowed: 200 }),
	],
	'a typed secret': [
		'create',
		({ deployment, unique }) => ({
			method: 'POST',
			path: '/api/secrets',
			body: { type: 'password', name: `K_${unique()}`, deploymentName: deployment },
			allowed: 201,
		}),
	],
};

/** An id of a secret that is not there. */
export function idOfNothing(deployment: string): string {
	return `s2_${Buffer.from(`gone deployments/${deployment}/secrets/GONE`).toString('base64url')}`;
}
