import { Failure } from './failure.ts';
import { audienceText, type Identity, subjectText } from './identity.ts';

/** A login that Vault refused, and who tried. */
export interface RefusedLogin {
	readonly status: number;
	/** Vault's own sentences. */
	readonly errors: readonly string[];
	readonly mount: string;
	readonly role: string;
	readonly namespace: string | undefined;
	readonly identity: Identity;
}

type Cause = readonly [pattern: RegExp, words: (login: RefusedLogin) => string];

const role = ({ role, mount }: RefusedLogin): string => `role "${role}" of auth mount "${mount}"`;

const notBound = (login: RefusedLogin): string =>
	`${role(login)} is not bound to ${subjectText(login.identity)}: add it to the role’s bound service accounts and ` +
	'namespaces, or name another role in the annotation envtier.dev/role';

const wrongAudience = (login: RefusedLogin): string =>
	`${role(login)} does not accept ${audienceText(login.identity)} of the pod’s token: the role’s audience and the ` +
	'webhook’s ENVTIER_TOKEN_AUDIENCE must agree';

function expired({ identity }: RefusedLogin): string {
	const when =
		identity.expires === undefined ? '' : ` (at ${new Date(identity.expires * 1000).toISOString()})`;
	return `the pod’s token has expired${when} by Vault’s clock: a new pod gets a new one; if that fails too, compare the clocks of nodes and Vault`;
}

/** What the kubernetes and jwt auth methods of Vault and OpenBao say, and what it means. The first match counts. */
const CAUSES: readonly Cause[] = [
	[
		/invalid role name|role .*could not be found|role .*not found/i,
		(login) => `${role(login)} does not exist`,
	],
	[/audience|\(aud\)/i, wrongAudience],
	[/namespace not authorized|account name not authorized|bound service account/i, notBound],
	[/subject|\(sub\)|bound claim|claim .*does not match/i, notBound],
	[/expir|\(exp\)/i, expired],
	[
		/not before|\(nbf\)|\(iat\)|not yet valid/i,
		() => 'the pod’s token is not valid yet by Vault’s clock: compare the clocks of nodes and Vault',
	],
	[
		/signature|no known key/i,
		({ mount }) =>
			`auth mount "${mount}" does not know the key that signed the pod’s token: it must trust this cluster’s keys, not another’s`,
	],
	[
		/service account unauthorized|lookup failed/i,
		({ mount, identity }) =>
			`Kubernetes did not confirm the token of ${subjectText(identity)} to auth mount "${mount}": the service account or the pod is gone, or the mount asks another cluster`,
	],
	[/namespace not found/i, ({ namespace }) => `the Vault namespace "${namespace ?? ''}" does not exist`],
	[
		/no handler for route|unsupported path|route entry not found/i,
		({ mount }) => `no auth method is mounted at "${mount}"`,
	],
];

/** Vault gives a plain 403 for several reasons, so that nobody can probe for roles. */
function unsaid(login: RefusedLogin): string {
	const { mount, identity } = login;
	return (
		`Vault does not say why; one of: no auth method is mounted at "${mount}"; ${role(login)} is not bound to ` +
		`${subjectText(identity)}; it does not accept ${audienceText(identity)}; Vault could not have the token reviewed by Kubernetes`
	);
}

/** Says why a login was refused, as far as Vault's answer tells, and what to do about it. */
export function explainRefusal(login: RefusedLogin): Failure {
	const said = login.errors.join('; ');
	const cause = CAUSES.find(([pattern]) => pattern.test(said));
	const words = cause === undefined ? unsaid(login) : cause[1](login);
	return new Failure('login-refused', `${words} (Vault: ${login.status}${said === '' ? '' : ` ${said}`})`);
}
