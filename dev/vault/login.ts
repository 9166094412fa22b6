import { err, ok, type Result } from '../../contract/result.ts';
import { type Claims, readClaims } from './jwt.ts';
import { envelope, type Reply, refuse } from './reply.ts';
import type { VaultRequest } from './request.ts';
import type { AuthMethod, Namespace, Role, VaultState } from './state.ts';
import type { Token } from './tokens.ts';

/** Allowed difference between clocks, as in OpenBao. */
const LEEWAY_SECONDS = 60;
/** Lifetime of a token without `exp`, from `nbf` or `iat`. */
const DEFAULT_LIFETIME_SECONDS = 150;

/**
 * Answers `auth/{mount}/login`. Role, times, audience and service account are checked as in OpenBao. The
 * signature is not checked and no API server is called: anybody can log in as anybody.
 */
export function answerLogin(
	state: VaultState,
	namespace: Namespace,
	mount: string,
	request: VaultRequest,
): Reply {
	if (request.verb !== 'write') return refuse(405, 'unsupported operation');
	const method = namespace.auth.get(mount) ?? 'jwt';
	const name = scalar(request.body['role']);
	const jwt = scalar(request.body['jwt']);
	if (name === '') return refuse(400, 'missing role');
	if (jwt === '') return refuse(400, method === 'jwt' ? 'missing token' : 'missing jwt');
	const role = namespace.role(name);
	if (role === undefined) return refuse(400, UNKNOWN_ROLE[method](name));
	const claims = readClaims(jwt);
	const claimsResult = CHECK[method](role, claims, Math.floor(state.now() / 1000));
	if (!claimsResult.ok) return claimsResult.error;
	const token = state.tokens.issue(
		{
			namespace: namespace.path,
			policies: ['default', ...role.policies.filter((policy) => policy !== 'default')].sort(),
			displayName: `${mount}-${claimsResult.value.serviceAccount ?? claimsResult.value.sub ?? 'nobody'}`,
			path: `auth/${mount}/login`,
			meta: metaOf(method, name, claimsResult.value),
			ttlSeconds: role.ttlSeconds,
		},
		state.now(),
	);
	return envelope({ auth: authView(token) });
}

/** The `auth` object of a response with a token. */
export function authView(token: Token): object {
	return {
		client_token: token.id,
		accessor: token.accessor,
		policies: token.policies,
		token_policies: token.policies,
		metadata: token.meta,
		lease_duration: token.ttlSeconds,
		renewable: true,
		entity_id: token.entityId,
		token_type: 'service',
		orphan: true,
		mfa_requirement: null,
		num_uses: 0,
	};
}

const UNKNOWN_ROLE: Readonly<Record<AuthMethod, (name: string) => string>> = {
	kubernetes: (name) => `invalid role name "${name}"`,
	jwt: (name) => `role "${name}" could not be found`,
};

type Check = (role: Role, claims: Claims | undefined, nowSeconds: number) => Result<Claims, Reply>;

const CHECK: Readonly<Record<AuthMethod, Check>> = { kubernetes: checkKubernetes, jwt: checkJwt };

function checkKubernetes(role: Role, claims: Claims | undefined, now: number): Result<Claims, Reply> {
	if (claims === undefined) return err(refuse(403, 'permission denied'));
	// OpenBao accepts a list only. API servers always send a list.
	if (claims.aud !== undefined && !Array.isArray(claims.aud)) {
		return err(refuse(500, `'aud' source data must be an array or slice`));
	}
	const fault = timeFault(claims, now) ?? audienceFault(role, claims);
	if (fault !== undefined) return err(refuse(403, fault));
	if (!binds(role.serviceAccounts, claims.serviceAccount)) {
		return err(refuse(403, 'service account name not authorized'));
	}
	if (!binds(role.namespaces, claims.namespace)) return err(refuse(403, 'namespace not authorized'));
	// Tokens of an API server always have `exp`; its TokenReview refuses others.
	if (claims.exp === undefined) return err(refuse(403, 'permission denied'));
	return ok(claims);
}

function checkJwt(role: Role, claims: Claims | undefined, now: number): Result<Claims, Reply> {
	if (claims === undefined) {
		return err(refuse(400, 'error validating token: error verifying token signature: not a JWT'));
	}
	const { exp, nbf, iat } = claims;
	const timeless = exp === undefined && nbf === undefined && iat === undefined;
	const fault = timeless
		? 'no issued at (iat), not before (nbf), or expiration time (exp) claims in token'
		: (timeFault(claims, now) ?? audienceFault(role, claims));
	if (fault !== undefined) return err(refuse(400, `error validating token: ${fault}`));
	const unbound = boundClaims(role, claims).find(([, patterns, value]) => !binds(patterns, value));
	if (unbound === undefined) return ok(claims);
	const [claim, , value] = unbound;
	const how = value === undefined ? 'is missing' : 'does not match any associated bound claim values';
	return err(refuse(400, `error validating claims: claim "${claim}" ${how}`));
}

/** The claims, as JSON pointers, that a role of a jwt mount checks for a service account. */
function boundClaims(role: Role, claims: Claims): [string, readonly string[], string | undefined][] {
	return [
		['/kubernetes.io/namespace', role.namespaces, claims.namespace],
		['/kubernetes.io/serviceaccount/name', role.serviceAccounts, claims.serviceAccount],
	];
}

function timeFault({ exp, nbf, iat }: Claims, now: number): string | undefined {
	const since = nbf ?? iat;
	const end = exp ?? (since === undefined ? undefined : since + DEFAULT_LIFETIME_SECONDS);
	if (end !== undefined && end + LEEWAY_SECONDS < now) {
		return 'invalid expiration time (exp) claim: token is expired';
	}
	if (nbf !== undefined && nbf - LEEWAY_SECONDS > now) {
		return 'invalid not before (nbf) claim: token not yet valid';
	}
	return undefined;
}

function audienceFault(role: Role, claims: Claims): string | undefined {
	const audiences: readonly unknown[] = Array.isArray(claims.aud) ? claims.aud : [claims.aud];
	if (role.audience === undefined || audiences.includes(role.audience)) return undefined;
	return 'invalid audience (aud) claim: audience claim does not match any expected audience';
}

function binds(patterns: readonly string[], name: string | undefined): boolean {
	return patterns.includes('*') || (name !== undefined && patterns.includes(name));
}

function metaOf(method: AuthMethod, role: string, claims: Claims): Readonly<Record<string, string>> {
	if (method === 'jwt') return { role };
	return {
		role,
		service_account_name: claims.serviceAccount ?? '',
		service_account_namespace: claims.namespace ?? '',
		service_account_secret_name: '',
		service_account_uid: claims.serviceAccountUid ?? '',
	};
}

function scalar(value: unknown): string {
	return typeof value === 'string' || typeof value === 'number' ? String(value) : '';
}
