import { parseName } from '../../contract/names.ts';
import { ok, type Result } from '../../contract/result.ts';
import { type Problem, refuse } from '../problem.ts';
import { authenticateKey, type FindKey, looksLikeKey } from './api-key.ts';
import type { Caller, KubernetesUser } from './caller.ts';
import { authenticateInCluster, authorizeInCluster, type Cluster } from './kubernetes.ts';
import type { AuthenticateSession, AuthFailure } from './oidc.ts';
import { checkRights, type Permission } from './permission.ts';

/** The enabled ways to sign in. */
export interface AccessDependencies {
	/** Undefined where API keys are not accepted. */
	readonly findKey: FindKey | undefined;
	/** If set, a token must be for this audience alone. */
	readonly onlyAudience: string | undefined;
	readonly sessions: { readonly issuer: string; readonly authenticate: AuthenticateSession } | undefined;
	readonly cluster: Cluster | undefined;
	/** The organization of Kubernetes callers that name none. */
	readonly clusterOrg: string | undefined;
	readonly now: () => Date;
}

/** The credentials of a call, and the organization that it names. */
export interface Credentials {
	readonly authorization: string | undefined;
	/** The header `Envtier-Org`. */
	readonly org: string | undefined;
}

/** Authenticates and authorizes callers. */
export interface Access {
	authenticate(given: Credentials): Promise<Result<Caller, Problem>>;
	/**
	 * Decides whether a caller has a permission. The error is a problem with the HTTP status.
	 *
	 * @param name the resourceName for RBAC; for organization roles it is the organization
	 */
	authorize(caller: Caller, permission: Permission, name?: string): Promise<Result<void, Problem>>;
}

const HOW = 'send "Authorization: Bearer …" with an API key, a session or a Kubernetes token';
/** One text for all cases, so that nobody learns whether a key was wrong, unknown or expired. */
const REFUSED = 'these credentials are not valid here, or no longer';

/** Composes the three kinds of caller. */
export function createAccess(parts: AccessDependencies): Access {
	return {
		authenticate: async ({ authorization, org }) => {
			if (authorization === undefined) return refuse(401, `no credentials: ${HOW}`);
			const credential = /^Bearer +([^\s]+)$/i.exec(authorization)?.[1];
			if (credential === undefined) return refuse(401, `no bearer token: ${HOW}`);
			if (org !== undefined && !parseName(org).ok)
				return refuse(400, 'the header Envtier-Org must hold the name of an organization');
			const authentication = await authenticateBy(parts, credential, org);
			if (!authentication.ok) return authentication;
			return checkOrg(parts, authentication.value, org);
		},
		authorize: async (caller, permission, name) => {
			if (permission.needs === 'credentials') return ok(undefined);
			if (permission.needs === 'org-role' && caller.org === undefined)
				return refuse(403, noOrganization(caller));
			if (caller.user !== undefined)
				return await authorizeUser(parts, caller, caller.user, { permission, name });
			const decision = checkRights(caller, permission);
			return decision.ok ? decision : refuse(403, decision.error);
		},
	};
}

/** Why a caller has no current organization. */
function noOrganization({ orgs = [] }: Caller): string {
	return orgs.length > 1
		? 'your session belongs to several organizations: name one with the header Envtier-Org'
		: 'your credentials belong to no organization';
}

async function authorizeUser(
	{ cluster }: AccessDependencies,
	{ org }: Caller,
	user: KubernetesUser,
	{ permission, name }: { readonly permission: Permission; readonly name: string | undefined },
): Promise<Result<void, Problem>> {
	if (permission.needs === 'session') return refuse(403, 'this needs the session of a person');
	// The operation asks again, with the deployment or for the caller.
	if (permission.needs === 'location' || permission.needs === 'recipient') return ok(undefined);
	if (cluster === undefined) return refuse(403, 'Kubernetes callers are not served');
	const resourceName = permission.needs === 'org-role' ? org : name;
	const allowed = await authorizeInCluster(cluster, user, permission, resourceName);
	return allowed.ok ? allowed : refuse(statusOf(allowed.error), allowed.error.problem);
}

async function authenticateByKey(
	{ findKey, now }: AccessDependencies,
	credential: string,
): Promise<Result<Caller, Problem>> {
	if (findKey === undefined) return refuse(401, 'API keys are not accepted here');
	const caller = await authenticateKey(credential, findKey, now());
	return caller === undefined ? refuse(401, REFUSED) : ok(caller);
}

async function authenticateBy(
	parts: AccessDependencies,
	credential: string,
	org: string | undefined,
): Promise<Result<Caller, Problem>> {
	if (looksLikeKey(credential)) return await authenticateByKey(parts, credential);
	const { iss: issuer, aud } = claimsOf(credential);
	const { sessions, cluster, onlyAudience } = parts;
	// Each program that a token is for could use it here.
	if (onlyAudience !== undefined && !isOnly(aud, onlyAudience))
		return refuse(401, `the token must be for the audience ${onlyAudience} alone`);
	const checked =
		sessions !== undefined && issuer === sessions.issuer
			? await sessions.authenticate(credential, org)
			: cluster === undefined || issuer === undefined
				? undefined
				: await authenticateInCluster(cluster, credential, org ?? parts.clusterOrg);
	if (checked === undefined) return refuse(401, REFUSED);
	if (checked.ok) return checked;
	const { kind, problem } = checked.error;
	return kind === 'refused' ? refuse(401, problem) : refuse(503, problem);
}

/**
 * The issuer and the audiences that a JWT claims. They only lead to the verifier, or to a refusal. The
 * verifier checks the signature before it trusts any claim.
 */
function claimsOf(token: string): { readonly iss: string | undefined; readonly aud: unknown } {
	try {
		const claims: unknown = JSON.parse(Buffer.from(token.split('.')[1] ?? '', 'base64url').toString('utf8'));
		const { iss, aud } = (claims ?? {}) as { iss?: unknown; aud?: unknown };
		return { iss: typeof iss === 'string' ? iss : undefined, aud };
	} catch {
		// Not a JWT.
		return { iss: undefined, aud: undefined };
	}
}

function isOnly(aud: unknown, audience: string): boolean {
	return Array.isArray(aud) ? aud.length === 1 && aud[0] === audience : aud === audience;
}

/**
 * Checks the organization that the call names. An API key, or a session of one organization, may only name
 * its own organization. A session of several organizations selects one of them with the header. A Kubernetes
 * caller may name every organization that RBAC allows.
 */
async function checkOrg(
	parts: AccessDependencies,
	caller: Caller,
	requestedOrg: string | undefined,
): Promise<Result<Caller, Problem>> {
	if (requestedOrg === undefined) return ok(caller);
	if (caller.user === undefined)
		return requestedOrg === caller.org
			? ok(caller)
			: refuse(403, `your credentials are not those of the organization ${requestedOrg}`);
	if (requestedOrg === parts.clusterOrg || parts.cluster === undefined) return ok(caller);
	const use = { resource: 'orgs', verb: 'use' } as const;
	const allowed = await authorizeInCluster(parts.cluster, caller.user, use, requestedOrg);
	return allowed.ok ? ok(caller) : refuse(statusOf(allowed.error), allowed.error.problem);
}

function statusOf(error: AuthFailure): 403 | 503 {
	return error.kind === 'refused' ? 403 : 503;
}
