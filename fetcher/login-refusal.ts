import { correctSetting } from './advice.ts';
import { Failure } from './failure.ts';
import { WRONG_ISSUER } from './responses.ts';
import { type RequiredAccess, roleCommand } from './role-command.ts';
import { quoted } from './text.ts';
import { audienceText, subjectText, type TokenClaims } from './token-claims.ts';

/** A login that Vault refused. */
export interface RefusedLogin {
	readonly status: number;
	/** Vault's error messages. */
	readonly errors: readonly string[];
	readonly mount: string;
	readonly role: string;
	readonly namespace: string | undefined;
	readonly claims: TokenClaims;
	/** The access that the role must grant. */
	readonly wanted: RequiredAccess;
}

/** The meaning of a refusal, and advice. Without `cure` the exit code's general advice applies. */
interface Explanation {
	readonly what: string;
	readonly cure?: string;
}

type Cause = readonly [pattern: RegExp, explain: (login: RefusedLogin) => Explanation];

const role = ({ role, mount }: RefusedLogin): string => `role "${role}" of auth mount "${mount}"`;

const notBound = (login: RefusedLogin): Explanation => ({
	what: `${role(login)} is not bound to ${subjectText(login.claims)}`,
	cure: 'add it to the role’s bound service accounts and namespaces, or name another role in the annotation envtier.dev/role',
});

const wrongAudience = (login: RefusedLogin): Explanation => ({
	what: `${role(login)} does not accept ${audienceText(login.claims)} of the pod’s token`,
	cure: 'make the role’s audience and the webhook’s ENVTIER_TOKEN_AUDIENCE agree',
});

/**
 * The kubernetes method of Vault before 1.9 compares issuers by default. A jwt mount compares them if its
 * configuration has one.
 */
function wrongIssuer({ mount, claims: { issuer } }: RefusedLogin): Explanation {
	const token =
		issuer === undefined ? 'the pod’s token names no issuer' : `the pod’s token has ${quoted(issuer)}`;
	return {
		what: `auth mount "${mount}" expects another issuer than the token’s: ${token}`,
		cure:
			`in auth/${mount}/config, of the method jwt set bound_issuer to the token’s issuer; ` +
			'of the method kubernetes set disable_iss_validation to true (the default since Vault 1.9), or issuer to the token’s',
	};
}

const expired = ({ claims: { expires } }: RefusedLogin): Explanation => ({
	what: `the pod’s token has expired${expires === undefined ? '' : ` (at ${new Date(expires * 1000).toISOString()})`} by Vault’s clock`,
	cure: 'create the pod again, which gives it a new token; if that fails too, compare the clocks of nodes and Vault',
});

/**
 * Errors of the kubernetes and jwt auth methods of Vault and OpenBao, and their meaning. The first match
 * counts.
 */
const CAUSES: readonly Cause[] = [
	[WRONG_ISSUER, wrongIssuer],
	[/invalid role name/i, (login) => noRole(login, 'kubernetes')],
	[/role .*could not be found|role .*not found/i, (login) => noRole(login, 'jwt')],
	[/audience|\(aud\)/i, wrongAudience],
	[/namespace not authorized|account name not authorized|bound service account/i, notBound],
	[/subject|\(sub\)|bound claim|claim .*does not match/i, notBound],
	[/expir|\(exp\)/i, expired],
	[
		/not before|\(nbf\)|\(iat\)|not yet valid/i,
		() => ({
			what: 'the pod’s token is not valid yet by Vault’s clock',
			cure: 'compare the clocks of nodes and Vault',
		}),
	],
	[
		/signature|no known key/i,
		({ mount }) => ({
			what: `auth mount "${mount}" does not know the key that signed the pod’s token`,
			cure: `give auth/${mount}/config this cluster’s keys or API server, not another’s`,
		}),
	],
	[
		/service account unauthorized|lookup failed/i,
		({ mount, claims }) => ({
			what: `Kubernetes did not confirm the token of ${subjectText(claims)} to auth mount "${mount}"`,
			cure: `check that the service account and the pod still exist, and that auth/${mount}/config names this cluster’s API server`,
		}),
	],
	[
		/namespace not found/i,
		({ namespace }) => ({
			what: `the Vault namespace "${namespace ?? ''}" does not exist`,
			cure: `${correctSetting('ENVTIER_VAULT_NAMESPACE')}; or create the namespace in Vault`,
		}),
	],
	[/no handler for route|unsupported path|route entry not found/i, noMount],
];

/** The kubernetes and the jwt method have different error messages, which show the type of the mount. */
const noRole = (login: RefusedLogin, type: 'kubernetes' | 'jwt'): Explanation => ({
	what: `${role(login)} does not exist`,
	cure: `create it with ${roleCommand({ ...login, type }, login.wanted)}, or name another role in the annotation envtier.dev/role`,
});

function noMount({ mount }: RefusedLogin): Explanation {
	return {
		what: `no auth method is mounted at "${mount}"`,
		cure: mount.startsWith(AUTH) ? withoutPrefix(mount) : `${SETTING}, or enable the method there`,
	};
}

const AUTH = 'auth/';
const SETTING = correctSetting('ENVTIER_VAULT_AUTH_MOUNT');

/** People copy a path with "auth/" from `vault auth list` or a URL. The fetcher adds "auth/" itself. */
const withoutPrefix = (mount: string): string =>
	correctSetting('ENVTIER_VAULT_AUTH_MOUNT', mount.slice(AUTH.length));

/** Vault returns 403 without a reason in several cases, so that clients cannot probe for roles. */
function withoutReason(login: RefusedLogin): Explanation {
	const { mount, claims } = login;
	if (mount.startsWith(AUTH))
		return {
			what: `Vault refuses the login at "auth/${mount}/login", most likely because no auth method is mounted at "${mount}"`,
			cure: withoutPrefix(mount),
		};
	return {
		what:
			`Vault does not say why; one of: no auth method is mounted at "${mount}"; ${role(login)} is not bound to ` +
			`${subjectText(claims)}; it does not accept ${audienceText(claims)}; Vault could not have the token reviewed by Kubernetes`,
	};
}

/** Creates the failure for a refused login, with its likely cause and advice. */
export function explainRefusal(login: RefusedLogin): Failure {
	const errors = login.errors.join('; ');
	const cause = CAUSES.find(([pattern]) => pattern.test(errors));
	const { what, cure } = (cause?.[1] ?? withoutReason)(login);
	return new Failure(
		'login-refused',
		`${what} (Vault: ${login.status}${errors === '' ? '' : ` ${errors}`})`,
		cure === undefined ? {} : { cure },
	);
}
