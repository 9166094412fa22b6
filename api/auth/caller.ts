/** Scopes: the rights of an API key or a session, independent of its roles. */
export const SCOPES = [
	'secrets:read',
	'secrets:write',
	'secrets:delete',
	'secrets:destroy',
	'audit',
] as const;
export type ApiScope = (typeof SCOPES)[number];

/**
 * Roles in an organization. Each of them may manage the organization's secrets, within the caller's scopes.
 */
export const ORG_ROLES = ['org_owner', 'org_admin'] as const;
export type OrgRole = (typeof ORG_ROLES)[number];

/**
 * The roles of the operator's key file and of sessions. `platform_admin` may adopt deployment names. No role
 * in an organization implies it, and no key that the API creates has it.
 */
export const ROLES = [...ORG_ROLES, 'platform_admin'] as const;
export type CallerRole = (typeof ROLES)[number];

/** The identity of a caller at the API server, which decides about the caller's rights. */
export interface KubernetesUser {
	readonly username: string;
	readonly uid: string | undefined;
	readonly groups: readonly string[];
	readonly extra: Readonly<Record<string, readonly string[]>>;
}

/** An authenticated caller. */
export interface Caller {
	readonly kind: 'api-key' | 'session' | 'kubernetes';
	/** The owner of what this caller creates: `user:…`, `kubernetes:…`, or the subject in the key file. */
	readonly subject: string;
	/** The current organization. */
	readonly org: string | undefined;
	/** All organizations of a session; undefined for other callers. */
	readonly orgs?: readonly string[];
	/** The organizations in which a session has a role, also those that the call is not about. */
	readonly adminOrgs?: readonly string[];
	/** Groups as members of deployments: `group:NAME` of an issuer, `kubernetes-group:NAME` of the cluster. */
	readonly groups?: readonly string[];
	/** The e-mail address of a session, if the issuer has verified it. */
	readonly email?: string | undefined;
	readonly roles: ReadonlySet<CallerRole>;
	readonly scopes: ReadonlySet<ApiScope>;
	/** Set for the kind `kubernetes` only. */
	readonly user?: KubernetesUser;
}

/** Vault's limit for one value of custom_metadata, in bytes. */
export const SUBJECT_BYTES = 512;

/**
 * True when a subject can be stored in Vault's custom_metadata: printable, and at most `SUBJECT_BYTES` long.
 */
export function isSubject(text: string): boolean {
	return (
		text !== '' && Buffer.byteLength(text) <= SUBJECT_BYTES && /^[\p{L}\p{M}\p{N}\p{P}\p{S} ]+$/u.test(text)
	);
}
