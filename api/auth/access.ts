import { parseName } from '../../contract/names.ts';
import { ok, type Result } from '../../contract/result.ts';
import { type Problem, refuse } from '../problem.ts';
import { type FindKey, identifyKey, looksLikeKey } from './api-key.ts';
import type { Identity, KubernetesUser } from './caller.ts';
import { type Cluster, decideInCluster, identifyInCluster } from './kubernetes.ts';
import type { IdentifySession, Unidentified } from './oidc.ts';
import { decide, type Permission } from './permission.ts';

/** The ways to sign in that are switched on. */
export interface AccessParts {
	readonly findKey: FindKey;
	readonly sessions: { readonly issuer: string; readonly identify: IdentifySession } | undefined;
	readonly cluster: Cluster | undefined;
	/** The organization of Kubernetes callers that name none. */
	readonly clusterOrg: string | undefined;
	readonly now: () => Date;
}

/** What a call brought along. */
export interface Credentials {
	readonly authorization: string | undefined;
	/** The header `Envtier-Org`. */
	readonly org: string | undefined;
}

/** Finds out who calls, and whether they may. */
export interface Access {
	identify(given: Credentials): Promise<Result<Identity, Problem>>;
	/**
	 * Decides whether a caller may do something.
	 *
	 * @param name the resourceName that RBAC is asked about; for organization roles it is the organization
	 */
	authorize(identity: Identity, permission: Permission, name?: string): Promise<Result<void, Problem>>;
}

const HOW = 'send "Authorization: Bearer …" with an API key, a session or a Kubernetes token';
/** One text for all, so that nobody learns whether a key was wrong, unknown or too old. */
const REFUSED = 'these credentials are not valid here, or no longer';

/** Composes the three kinds of caller. */
export function createAccess(parts: AccessParts): Access {
	return {
		identify: async ({ authorization, org }) => {
			if (authorization === undefined) return refuse(401, `no credentials: ${HOW}`);
			const credential = /^Bearer +([^\s]+)$/i.exec(authorization)?.[1];
			if (credential === undefined) return refuse(401, `no bearer token: ${HOW}`);
			if (org !== undefined && !parseName(org).ok)
				return refuse(400, 'the header Envtier-Org must hold the name of an organization');
			const found = await identifyBy(parts, credential, org);
			if (!found.ok) return found;
			return sameOrg(parts, found.value, org);
		},
		authorize: async (identity, permission, name) => {
			if (permission.needs === 'org-role' && identity.org === undefined)
				return refuse(403, noOrganization(identity));
			if (identity.user !== undefined)
				return await authorizeInCluster(parts, identity, identity.user, { permission, name });
			const decision = decide(identity, permission);
			return decision.ok ? decision : refuse(403, decision.error);
		},
	};
}

/** Why a caller has no current organization. */
function noOrganization({ orgs = [] }: Identity): string {
	return orgs.length > 1
		? 'your session belongs to several organizations: name one with the header Envtier-Org'
		: 'your credentials belong to no organization';
}

async function authorizeInCluster(
	{ cluster }: AccessParts,
	{ org }: Identity,
	user: KubernetesUser,
	{ permission, name }: { readonly permission: Permission; readonly name: string | undefined },
): Promise<Result<void, Problem>> {
	if (permission.needs === 'session') return refuse(403, 'this needs the session of a person');
	if (cluster === undefined) return refuse(403, 'Kubernetes callers are not served');
	const resourceName = permission.needs === 'org-role' ? org : name;
	const allowed = await decideInCluster(cluster, user, permission, resourceName);
	return allowed.ok ? allowed : refuse(statusOf(allowed.error), allowed.error.problem);
}

async function identifyBy(
	parts: AccessParts,
	credential: string,
	org: string | undefined,
): Promise<Result<Identity, Problem>> {
	if (looksLikeKey(credential)) {
		const identity = await identifyKey(credential, parts.findKey, parts.now());
		return identity === undefined ? refuse(401, REFUSED) : ok(identity);
	}
	const issuer = issuerOf(credential);
	const { sessions, cluster } = parts;
	const checked =
		sessions !== undefined && issuer === sessions.issuer
			? await sessions.identify(credential, org)
			: cluster === undefined || issuer === undefined
				? undefined
				: await identifyInCluster(cluster, credential, org ?? parts.clusterOrg);
	if (checked === undefined) return refuse(401, REFUSED);
	if (checked.ok) return checked;
	const { kind, problem } = checked.error;
	return kind === 'refused' ? refuse(401, problem) : refuse(503, problem);
}

/** Who says to have issued a JWT. Only a choice of whom to ask: nothing is believed before its signature is checked. */
function issuerOf(token: string): string | undefined {
	try {
		const claims: unknown = JSON.parse(Buffer.from(token.split('.')[1] ?? '', 'base64url').toString('utf8'));
		if (typeof claims !== 'object' || claims === null) return undefined;
		const issuer = 'iss' in claims ? claims.iss : undefined;
		return typeof issuer === 'string' ? issuer : undefined;
	} catch {
		// No JWT.
		return undefined;
	}
}

/**
 * A key says its organization itself, and so does a session of one organization: the header may repeat it. A session of several chooses one
 * of its claim with the header. A Kubernetes caller names any, which RBAC must allow.
 */
async function sameOrg(
	parts: AccessParts,
	identity: Identity,
	asked: string | undefined,
): Promise<Result<Identity, Problem>> {
	if (asked === undefined) return ok(identity);
	if (identity.user === undefined)
		return asked === identity.org
			? ok(identity)
			: refuse(403, `your credentials are not those of the organization ${asked}`);
	if (asked === parts.clusterOrg || parts.cluster === undefined) return ok(identity);
	const use = { resource: 'orgs', verb: 'use' } as const;
	const allowed = await decideInCluster(parts.cluster, identity.user, use, asked);
	return allowed.ok ? ok(identity) : refuse(statusOf(allowed.error), allowed.error.problem);
}

function statusOf(error: Unidentified): 403 | 503 {
	return error.kind === 'refused' ? 403 : 503;
}
