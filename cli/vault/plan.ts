import { parseName, parseRole } from '../../contract/names.ts';
import { err, ok, type Result } from '../../contract/result.ts';
import { parseVaultPath } from '../../contract/values.ts';
import { POLICIES, ROLES } from './templates.ts';

/** What the command line says. */
export interface SetupOptions {
	readonly role: string;
	readonly namespace: readonly string[];
	readonly serviceAccount: readonly string[];
	readonly org?: string | undefined;
	readonly deployment?: string | undefined;
	readonly service: readonly string[];
	readonly audience: string;
	readonly type: 'kubernetes' | 'jwt';
	readonly mount?: string | undefined;
	readonly kv: string;
	readonly kvVersion: '1' | '2';
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

/** Makes the policies and the role; the error says which option is wrong. Names follow deploy/vault/setup.sh. */
export function setupPlan(options: SetupOptions): Result<SetupPlan> {
	const problem = problemOf(options);
	if (problem !== undefined) return err(problem);
	const { org, deployment, service: services, type, mount = type, kv, kvVersion } = options;
	const words: Words = {
		DATA: kvVersion === '2' ? `${kv}/data` : kv,
		METADATA: kvVersion === '2' ? `${kv}/metadata` : kv,
		ORG: org ?? '',
		DEPLOYMENT: deployment ?? '',
	};
	const policy = (name: string, template: keyof typeof POLICIES, more: Words = {}) => ({
		name,
		text: filled(POLICIES[template], { ...words, ...more }),
	});
	const policies = [
		policy('envtier-session', 'session'),
		...(org === undefined ? [] : [policy(`envtier-org-${org}`, 'org')]),
		...(deployment === undefined ? [] : [policy(`envtier-deployment-${deployment}`, 'deployment')]),
		// No name holds an underscore, so "a-b" of "c" and "b" of "c-a" stay apart.
		...services.map((service) =>
			policy(`envtier-service-${deployment}_${service}`, 'service', { SERVICE: service }),
		),
	];
	return ok({
		policies,
		rolePath: `auth/${mount}/role/${options.role}`,
		role: filled(ROLES[type], {
			ACCOUNTS: quoted(options.serviceAccount),
			NAMESPACES: quoted(options.namespace),
			AUDIENCE: options.audience,
			POLICIES: quoted(policies.map(({ name }) => name)),
			BOUND_CLAIMS: boundClaims(options),
		}),
	});
}

const ANY = '*';

function boundClaims({ namespace, serviceAccount }: SetupOptions): string {
	const claims: string[] = [];
	if (!namespace.includes(ANY)) claims.push(`"/kubernetes.io/namespace": [${quoted(namespace)}]`);
	if (!serviceAccount.includes(ANY))
		claims.push(`"/kubernetes.io/serviceaccount/name": [${quoted(serviceAccount)}]`);
	return claims.join(', ');
}

function problemOf(options: SetupOptions): string | undefined {
	const { org, deployment, service, namespace, serviceAccount } = options;
	if (namespace.length === 0 || serviceAccount.length === 0)
		return 'whose pods may log in? --namespace and --service-account say it';
	const names: readonly (readonly [string, readonly string[]])[] = [
		['--org', org === undefined ? [] : [org]],
		['--deployment', deployment === undefined ? [] : [deployment]],
		['--service', service],
		['--namespace', onlyAny(namespace) ? [] : namespace],
		['--service-account', onlyAny(serviceAccount) ? [] : serviceAccount],
	];
	for (const [option, given] of names) {
		const wrong = given.map((name) => parseName(name)).find((parsed) => !parsed.ok);
		if (wrong?.ok === false) return `${option} must be ${wrong.error}`;
	}
	if (service.length > 0 && deployment === undefined)
		return '--service needs --deployment: a service is part of one';
	if (org === undefined && deployment === undefined)
		return 'the role would grant nothing: --deployment or --org says whose secrets';
	if (namespace.includes(ANY) && !serviceAccount.includes(ANY))
		return 'a service account’s name says nothing without its namespace: name the namespaces';
	return elsewhere(options);
}

function elsewhere({ role, mount, kv, audience }: SetupOptions): string | undefined {
	const named = parseRole(role);
	if (!named.ok) return `the role must be ${named.error}`;
	for (const [option, path] of Object.entries({ '--mount': mount, '--kv': kv })) {
		const parsed = path === undefined ? undefined : parseVaultPath(path);
		if (parsed?.ok === false) return `${option} must be ${parsed.error}`;
	}
	return /^[-A-Za-z0-9:/._@]+$/.test(audience)
		? undefined
		: '--audience holds characters that have no place there';
}

function onlyAny(names: readonly string[]): boolean {
	return names.length === 1 && names[0] === ANY;
}
