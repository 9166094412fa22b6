import { parseName, parseRole } from '../../contract/names.ts';
import { err, ok, type Result } from '../../contract/result.ts';
import { parseVaultPath } from '../../contract/values.ts';
import { API_POLICY, POLICIES, ROLES } from './templates.ts';

/** What the command line says of the auth method and the KV mount. */
export interface MountOptions {
	readonly audience: string;
	readonly type: 'kubernetes' | 'jwt';
	/** Its type unless given. */
	readonly mount?: string | undefined;
	readonly kv: string;
}

/** What the command line says. */
export interface SetupOptions extends MountOptions {
	readonly role: string;
	readonly namespace: readonly string[];
	readonly serviceAccount: readonly string[];
	readonly org?: string | undefined;
	readonly deployment?: string | undefined;
	readonly service: readonly string[];
	readonly kvVersion: '1' | '2';
	/** Grants opening what is sealed. */
	readonly sealed?: boolean | undefined;
	readonly transit: string;
}

/** What the command line says of the secrets API. */
export interface ApiOptions extends MountOptions {
	readonly namespace: string;
	readonly serviceAccount: string;
}

/** What is to be in Vault. */
export interface SetupPlan {
	/** In the order in which the role names them. */
	readonly policies: readonly { readonly name: string; readonly text: string }[];
	/** `auth/kubernetes/role/web` */
	readonly rolePath: string;
	/** JSON text. */
	readonly role: string;
}

type Words = Readonly<Record<string, string>>;

function filled(template: string, words: Words): string {
	return template.replace(/@([A-Z_]+)@/g, (whole, word: string) => words[word] ?? whole);
}

/** `"a", "b"`, what stands between the brackets of a JSON list. */
const quoted = (names: readonly string[]): string => names.map((name) => JSON.stringify(name)).join(', ');

/** Who may log in to a role, what it grants, and how long its tokens live. */
interface Role extends MountOptions {
	readonly name: string;
	readonly namespaces: readonly string[];
	readonly accounts: readonly string[];
	readonly policies: SetupPlan['policies'];
	readonly ttl: string;
	readonly maxTtl: string;
}

function planOf({ type, mount = type, name, policies, ...role }: Role): SetupPlan {
	return {
		policies,
		rolePath: `auth/${mount}/role/${name}`,
		role: filled(ROLES[type], {
			ACCOUNTS: quoted(role.accounts),
			NAMESPACES: quoted(role.namespaces),
			AUDIENCE: role.audience,
			POLICIES: quoted(policies.map((policy) => policy.name)),
			BOUND_CLAIMS: boundClaims(role),
			TTL: role.ttl,
			MAX_TTL: role.maxTtl,
		}),
	};
}

/**
 * Makes the policies and the role of a deployment. Names follow deploy/vault/setup.sh.
 *
 * @param options as `setupProblem` has found them in order
 * @param accessor of the auth method; needed for what is sealed alone
 */
export function setupPlan(options: SetupOptions, accessor: string | undefined): SetupPlan {
	const { org, deployment, service: services, type, mount = type, kv, kvVersion } = options;
	const words: Words = {
		DATA: kvVersion === '2' ? `${kv}/data` : kv,
		METADATA: kvVersion === '2' ? `${kv}/metadata` : kv,
		ORG: org ?? '',
		DEPLOYMENT: deployment ?? '',
		TRANSIT: options.transit,
		...(accessor === undefined ? {} : { ACCESSOR: accessor }),
	};
	const policy = (name: string, template: keyof typeof POLICIES, more: Words = {}) => ({
		name,
		text: filled(POLICIES[template], { ...words, ...more }),
	});
	// Such a policy belongs to one auth method.
	const on = mount.replaceAll('/', '_');
	const ofDeployment = deployment === undefined ? [] : [deployment];
	const sealed = options.sealed
		? [
				policy(`envtier-sealed-${on}`, 'sealed'),
				...ofDeployment.map((name) => policy(`envtier-sealed-${on}_${name}`, 'sealed-deployment')),
			]
		: [];
	const policies = [
		policy('envtier-session', 'session'),
		...(org === undefined ? [] : [policy(`envtier-org-${org}`, 'org')]),
		...ofDeployment.map((name) => policy(`envtier-deployment-${name}`, 'deployment')),
		// No name holds an underscore, so "a-b" of "c" and "b" of "c-a" stay apart.
		...services.map((service) =>
			policy(`envtier-service-${deployment}_${service}`, 'service', { SERVICE: service }),
		),
		...sealed,
	];
	const { role: name, namespace: namespaces, serviceAccount: accounts } = options;
	return planOf({ ...options, name, namespaces, accounts, policies, ttl: '5m', maxTtl: '10m' });
}

/** Makes the policy and the role of the secrets API; the error says which option is wrong. Names follow deploy/vault/setup.sh. */
export function apiPlan(options: ApiOptions): Result<SetupPlan> {
	const { namespace, serviceAccount, kv } = options;
	const names = { '--namespace': [namespace], '--service-account': [serviceAccount] };
	const problem = wrongName(names) ?? elsewhere(options);
	if (problem !== undefined) return err(problem);
	const name = 'envtier-api';
	const text = API_POLICY.replaceAll('"secret/', `"${kv}/`);
	// It lives long and keeps its token alive; when the maximum comes it logs in again.
	const lives = { ttl: '1h', maxTtl: '24h' };
	const who = { namespaces: [namespace], accounts: [serviceAccount] };
	return ok(planOf({ ...options, ...who, ...lives, name, policies: [{ name, text }] }));
}

const ANY = '*';

function boundClaims({ namespaces, accounts }: Pick<Role, 'namespaces' | 'accounts'>): string {
	const claims: string[] = [];
	if (!namespaces.includes(ANY)) claims.push(`"/kubernetes.io/namespace": [${quoted(namespaces)}]`);
	if (!accounts.includes(ANY)) claims.push(`"/kubernetes.io/serviceaccount/name": [${quoted(accounts)}]`);
	return claims.join(', ');
}

/** What is wrong with the options of `setupPlan`; undefined when nothing is. */
export function setupProblem(options: SetupOptions): string | undefined {
	const { org, deployment, service, namespace, serviceAccount } = options;
	if (namespace.length === 0 || serviceAccount.length === 0)
		return 'whose pods may log in? --namespace and --service-account say it';
	const wrong = wrongName({
		'--org': org === undefined ? [] : [org],
		'--deployment': deployment === undefined ? [] : [deployment],
		'--service': service,
		'--namespace': onlyAny(namespace) ? [] : namespace,
		'--service-account': onlyAny(serviceAccount) ? [] : serviceAccount,
	});
	if (wrong !== undefined) return wrong;
	if (service.length > 0 && deployment === undefined)
		return '--service needs --deployment: a service is part of one';
	if (org === undefined && deployment === undefined && !options.sealed)
		return 'the role would grant nothing: --deployment or --org says whose secrets';
	if (namespace.includes(ANY) && !serviceAccount.includes(ANY))
		return 'a service account’s name says nothing without its namespace: name the namespaces';
	const named = parseRole(options.role);
	if (!named.ok) return `the role must be ${named.error}`;
	return wrongPath({ '--transit': options.transit }) ?? elsewhere(options);
}

function wrongName(given: Readonly<Record<string, readonly string[]>>): string | undefined {
	for (const [option, names] of Object.entries(given)) {
		const wrong = names.map((name) => parseName(name)).find((parsed) => !parsed.ok);
		if (wrong?.ok === false) return `${option} must be ${wrong.error}`;
	}
	return undefined;
}

function wrongPath(given: Readonly<Record<string, string | undefined>>): string | undefined {
	for (const [option, path] of Object.entries(given)) {
		const parsed = path === undefined ? undefined : parseVaultPath(path);
		if (parsed?.ok === false) return `${option} must be ${parsed.error}`;
	}
	return undefined;
}

function elsewhere({ mount, kv, audience }: MountOptions): string | undefined {
	const wrong = wrongPath({ '--mount': mount, '--kv': kv });
	if (wrong !== undefined) return wrong;
	return /^[-A-Za-z0-9:/._@]+$/.test(audience)
		? undefined
		: '--audience holds characters that have no place there';
}

function onlyAny(names: readonly string[]): boolean {
	return names.length === 1 && names[0] === ANY;
}
