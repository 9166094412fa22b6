import { createRemoteJWKSet, customFetch, errors, type JWTPayload, jwtVerify } from 'jose';
import { z } from 'zod';
import { parseName } from '../../contract/names.ts';
import { err, ok, type Result } from '../../contract/result.ts';
import {
	type ApiScope,
	type Caller,
	type CallerRole,
	isSubject,
	ORG_ROLES,
	ROLES,
	SCOPES,
} from './caller.ts';
import { fetchOver, getJson } from './json-fetch.ts';

/** Settings of the check of sessions from an OIDC issuer. */
export interface OidcSettings {
	readonly issuer: string;
	readonly audience: string;
	/** PEM text; undefined: the system's roots. */
	readonly ca: string | undefined;
	/** Names of claims; a dot leads into an object (`realm_access.roles`). */
	readonly claims: Readonly<Record<'org' | 'roles' | 'scopes' | 'groups', string>>;
	/** Scopes that every session has, for issuers without Envtier's scopes. */
	readonly scopes: readonly ApiScope[];
}

/** Why a token identifies nobody: it is invalid, or it cannot be checked now. */
export type AuthFailure = { readonly kind: 'refused' | 'unavailable'; readonly problem: string };

/**
 * Identifies the bearer of a session JWT.
 *
 * @param org the organization that the call names, if any
 */
export type AuthenticateSession = (
	token: string,
	org: string | undefined,
) => Promise<Result<Caller, AuthFailure>>;

/** Asymmetric algorithms only: with a shared secret, everybody who can check a token can also sign one. */
const ALGORITHMS = [
	'ES256',
	'ES384',
	'ES512',
	'RS256',
	'RS384',
	'RS512',
	'PS256',
	'PS384',
	'PS512',
	'EdDSA',
	'Ed25519',
];
const CLOCK_SKEW = 30;
const TIMEOUT = 5_000;
/**
 * Minimum time between two fetches of the key set, in ms. It keeps tokens with unknown key ids from causing a
 * flood of requests to the issuer. A new key is still found soon.
 */
const COOLDOWN = 5_000;

const DISCOVERY = z.object({ issuer: z.string(), jwks_uri: z.url({ protocol: /^https$/ }) });

/** Creates the check of sessions: that of their tokens, and who their claims identify. */
export function createSessionCheck(settings: OidcSettings): AuthenticateSession {
	const verify = createTokenCheck(settings);
	return async (token, org) => {
		const payload = await verify(token);
		return payload.ok ? callerOf(payload.value, settings, org) : payload;
	};
}

/** Verifies a token of the issuer, and gives its claims. */
export type VerifyToken = (token: string) => Promise<Result<JWTPayload, AuthFailure>>;

/**
 * Creates the check of tokens. It fetches the keys for the first token and caches them. It detects new
 * keys of the issuer.
 */
export function createTokenCheck(settings: Pick<OidcSettings, 'issuer' | 'audience' | 'ca'>): VerifyToken {
	const fetch = fetchOver(settings.ca, TIMEOUT);
	let keys: Promise<ReturnType<typeof createRemoteJWKSet>> | undefined;
	const loadKeySet = (): NonNullable<typeof keys> => {
		keys ??= discover(settings).then(
			(url) =>
				createRemoteJWKSet(url, {
					[customFetch]: fetch,
					timeoutDuration: TIMEOUT,
					cooldownDuration: COOLDOWN,
				}),
			(thrown: unknown) => {
				keys = undefined;
				throw thrown;
			},
		);
		return keys;
	};
	return async (token) => {
		try {
			const { payload } = await jwtVerify(token, await loadKeySet(), {
				issuer: settings.issuer,
				audience: settings.audience,
				algorithms: ALGORITHMS,
				clockTolerance: CLOCK_SKEW,
				requiredClaims: ['exp', 'sub'],
			});
			return ok(payload);
		} catch (thrown) {
			return err(authFailureOf(thrown));
		}
	};
}

async function discover({ issuer, ca }: Pick<OidcSettings, 'issuer' | 'ca'>): Promise<URL> {
	const base = issuer.endsWith('/') ? issuer : `${issuer}/`;
	const document = DISCOVERY.safeParse(
		await getJson(new URL('.well-known/openid-configuration', base), ca, TIMEOUT),
	);
	if (!document.success) throw new Error('the issuer’s discovery document names no https jwks_uri');
	if (document.data.issuer !== issuer) throw new Error('the discovery document is another issuer’s');
	return new URL(document.data.jwks_uri);
}

function authFailureOf(thrown: unknown): AuthFailure {
	if (thrown instanceof errors.JWTExpired) return { kind: 'refused', problem: 'the session has expired' };
	if (thrown instanceof errors.JWTClaimValidationFailed)
		return { kind: 'refused', problem: `the session’s claim "${thrown.claim}" is not what it must be` };
	const remote = thrown instanceof errors.JWKSTimeout || !(thrown instanceof errors.JOSEError);
	// jose throws a plain JOSEError when the issuer's response is not a key set.
	const unavailable = remote || thrown.code === 'ERR_JOSE_GENERIC';
	return unavailable
		? { kind: 'unavailable', problem: `the issuer's keys are not available now (${nameOf(thrown)})` }
		: { kind: 'refused', problem: `the session is not valid (${thrown.code})` };
}

function nameOf(thrown: unknown): string {
	if (!(thrown instanceof Error)) return 'unknown';
	return 'code' in thrown && typeof thrown.code === 'string' ? thrown.code : thrown.message;
}

/** Who the claims of a verified token identify. */
export function callerOf(
	payload: JWTPayload,
	{ claims, scopes }: OidcSettings,
	requestedOrg: string | undefined,
): Result<Caller, AuthFailure> {
	const subject = `user:${payload.sub ?? ''}`;
	if (!isSubject(subject))
		return err({ kind: 'refused', problem: 'the session’s subject is too long or not printable' });
	const orgs = orgsIn(claimAt(payload, claims.org));
	const org = orgs.length === 1 ? orgs[0] : orgs.find((one) => one === requestedOrg);
	const roles = listClaim(claimAt(payload, claims.roles));
	const granted = listClaim(claimAt(payload, claims.scopes));
	const hasRole = (one: string): boolean =>
		ORG_ROLES.some((role) => roles.includes(role) || roles.includes(`${one}:${role}`));
	return ok({
		kind: 'session',
		subject,
		org,
		orgs,
		adminOrgs: orgs.filter(hasRole),
		groups: groupsIn(claimAt(payload, claims.groups)),
		email: emailOf(payload),
		roles: new Set<CallerRole>([
			...ROLES.filter((role) => roles.includes(role)),
			// `ORG:ROLE` is valid in that organization only. An issuer that grants roles of one organization cannot
			// grant platform_admin.
			...ORG_ROLES.filter((role) => org !== undefined && roles.includes(`${org}:${role}`)),
		]),
		scopes: new Set(SCOPES.filter((scope) => granted.includes(scope) || scopes.includes(scope))),
	});
}

/**
 * The organizations in a claim: one name, a list of names, or an object with the names as its keys (as in
 * Keycloak).
 */
function orgsIn(claim: unknown): readonly string[] {
	const names =
		typeof claim === 'object' && claim !== null && !Array.isArray(claim) ? Object.keys(claim) : claim;
	const all: readonly unknown[] = Array.isArray(names) ? names : [names];
	return [...new Set(all.filter((name) => typeof name === 'string' && parseName(name).ok))] as string[];
}

/** Maximum number of groups of a session. Real issuers send fewer, and each is compared with each member. */
const MAX_GROUPS = 1_000;

/** The groups in a claim: a list of names. Not split at blanks, because a group's name may have some. */
function groupsIn(claim: unknown): readonly string[] {
	const names: readonly unknown[] = Array.isArray(claim) ? claim.slice(0, MAX_GROUPS) : [];
	return names.flatMap((name) => (typeof name === 'string' ? [`group:${name}`] : []));
}

/** The e-mail address, in lower case, if the issuer says that it has verified it. */
function emailOf(payload: JWTPayload): string | undefined {
	const { email, email_verified: verified } = payload;
	return typeof email === 'string' && verified === true ? email.toLowerCase() : undefined;
}

/**
 * The claims of a token that `callerOf` reads, at their places. A session holds these and no others,
 * because a cookie has little room.
 */
export function usedClaims(payload: JWTPayload, { claims }: Pick<OidcSettings, 'claims'>): JWTPayload {
	const names = Object.values(claims).flatMap((name) => [name, name.split('.')[0] ?? name]);
	const used = new Set(['sub', 'email', 'email_verified', ...names]);
	return Object.fromEntries(Object.entries(payload).filter(([name]) => used.has(name)));
}

/** The claim with this name; else the value at the path that the name describes. */
function claimAt(payload: JWTPayload, name: string): unknown {
	if (Object.hasOwn(payload, name)) return payload[name];
	let at: unknown = payload;
	for (const part of name.split('.')) {
		if (typeof at !== 'object' || at === null || !Object.hasOwn(at, part)) return undefined;
		at = (at as Record<string, unknown>)[part];
	}
	return at;
}

/** A list of texts; one text is split at blanks (as RFC 8693 defines it for `scope`). */
function listClaim(claim: unknown): readonly string[] {
	if (typeof claim === 'string') return claim.split(' ');
	return Array.isArray(claim) ? claim.filter((word) => typeof word === 'string') : [];
}
