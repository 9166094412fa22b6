import { ANY, type ApiOptions, type MountOptions, type SetupOptions } from './options.ts';
import { type PolicyFields, policyName } from './policy-names.ts';
import { API_POLICY, POLICIES, ROLES } from './templates.ts';

/** The role and the policies to write to Vault. */
export interface RoleAndPolicies {
	/** In the order of their names in the role. */
	readonly policies: readonly { readonly name: string; readonly text: string }[];
	/** `auth/kubernetes/role/web` */
	readonly rolePath: string;
	/** JSON text. */
	readonly role: string;
}

type TemplateValues = Readonly<Record<string, string>>;

function fillTemplate(template: string, values: TemplateValues): string {
	return template.replace(/@([A-Z_]+)@/g, (whole, word: string) => values[word] ?? whole);
}

/** `"a", "b"`: the items of a JSON list, without its brackets. */
const quoted = (names: readonly string[]): string => names.map((name) => JSON.stringify(name)).join(', ');

/** A role: who may log in, which policies it grants, and the lifetime of its tokens. */
interface VaultRole extends MountOptions {
	readonly name: string;
	readonly namespaces: readonly string[];
	readonly accounts: readonly string[];
	readonly policies: RoleAndPolicies['policies'];
	/** Seconds. */
	readonly ttl: number;
	readonly maxTtl: number;
	/** Seconds; 0: tokens end at `maxTtl`. */
	readonly period: number;
}

function roleAndPolicies({ type, mount = type, name, policies, ...role }: VaultRole): RoleAndPolicies {
	return {
		policies,
		rolePath: `auth/${mount}/role/${name}`,
		role: fillTemplate(ROLES[type], {
			ACCOUNTS: quoted(role.accounts),
			NAMESPACES: quoted(role.namespaces),
			AUDIENCE: role.audience,
			POLICIES: quoted(policies.map((policy) => policy.name)),
			BOUND_CLAIMS: boundClaims(role),
			TTL: `${role.ttl}`,
			MAX_TTL: `${role.maxTtl}`,
			PERIOD: `${role.period}`,
		}),
	};
}

/**
 * Returns the policies and the role of a deployment, the same as deploy/vault/setup.sh.
 *
 * @param options options that `setupProblem` has accepted
 * @param accessor accessor of the auth method; only `own` and `sealed` need it
 */
export function deploymentRole(options: SetupOptions, accessor: string | undefined): RoleAndPolicies {
	const { org, deployment, own, type, mount = type, kv, kvVersion, transit } = options;
	const values: TemplateValues = {
		DATA: kvVersion === '2' ? `${kv}/data` : kv,
		METADATA: kvVersion === '2' ? `${kv}/metadata` : kv,
		DETAILED: `${kv}/detailed-metadata`,
		ORG: org ?? '',
		DEPLOYMENT: deployment ?? '',
		TRANSIT: transit,
		...(accessor === undefined ? {} : { ACCESSOR: accessor }),
	};
	const mounts = { auth: mount, kv, transit };
	const policy = (kind: keyof typeof POLICIES, fields: PolicyFields = {}) => ({
		name: policyName(kind, { ...mounts, ...fields }),
		text: fillTemplate(POLICIES[kind], {
			...values,
			...(fields.service && { SERVICE: fields.service }),
			...(fields.lease && { LEASE: fields.lease }),
		}),
	});
	const sealed = [
		policy('sealed'),
		...(deployment === undefined ? [] : [policy('sealed-deployment', { deployment })]),
		...(own === undefined ? [] : [policy(`sealed-own-${own}`)]),
	];
	const tiers = tierPolicies(options);
	const policies = [
		policy('session'),
		...tiers.map(([kind, fields]) => policy(kind, fields)),
		...(options.refresh ? tiers.map(([kind, fields]) => policy(`refresh-${kind}`, fields)) : []),
		...(options.lease.length === 0 ? [] : [policy('lease-session')]),
		...options.lease.map((lease) => policy(...leasePolicy(lease))),
		...(options.sealed ? sealed : []),
	];
	const { role: name, namespace: namespaces, serviceAccount: accounts } = options;
	const ttls = options.lease.length === 0 ? SHORT_TOKENS : PERIODIC_TOKENS;
	return roleAndPolicies({ ...options, name, namespaces, accounts, policies, ...ttls });
}

/** Tokens for one fetch. */
const SHORT_TOKENS = { ttl: 300, maxTtl: 600, period: 0 };
/**
 * A lease ends with its token. A periodic token has no maximum, and an hour outlives most outages of Vault.
 * Vault does not use the TTL of a role with a period.
 */
const PERIODIC_TOKENS = { ttl: 0, maxTtl: 0, period: 3600 };

type TierKind = 'org' | 'deployment' | 'service' | 'own-namespace' | 'own-account';

/** The policies of the tiers, and the fields of their names. */
function tierPolicies({
	org,
	deployment,
	service,
	own,
}: SetupOptions): readonly (readonly [TierKind, PolicyFields])[] {
	return [
		...(org === undefined ? [] : [['org', { org }] as const]),
		...(deployment === undefined ? [] : [['deployment', { deployment }] as const]),
		...(deployment === undefined
			? []
			: service.map((name) => ['service', { deployment, service: name }] as const)),
		...(own === undefined ? [] : [[`own-${own}`, {}] as const]),
	];
}

/** The policy of a lease, as in the annotation: with parameters it is a write. */
function leasePolicy(lease: string): readonly ['lease' | 'issue', PolicyFields] {
	const [path = '', parameters] = lease.split('?');
	return [parameters === undefined ? 'lease' : 'issue', { lease: path }];
}

/**
 * Returns the policy and the role of the secrets API, the same as deploy/vault/setup.sh.
 *
 * @param options options that `apiProblem` has accepted
 */
export function apiRole(options: ApiOptions): RoleAndPolicies {
	const { namespace, serviceAccount, kv } = options;
	const policy = {
		name: policyName('api', { kv }),
		text: API_POLICY.replaceAll('"secret/', `"${kv}/`),
	};
	// The API runs for a long time and renews its token. At the maximum lifetime it logs in again.
	const ttls = { ttl: 3600, maxTtl: 86_400, period: 0 };
	const bound = { namespaces: [namespace], accounts: [serviceAccount] };
	return roleAndPolicies({ ...options, ...bound, ...ttls, name: 'envtier-api', policies: [policy] });
}

function boundClaims({ namespaces, accounts }: Pick<VaultRole, 'namespaces' | 'accounts'>): string {
	const claims: string[] = [];
	if (!namespaces.includes(ANY)) claims.push(`"/kubernetes.io/namespace": [${quoted(namespaces)}]`);
	if (!accounts.includes(ANY)) claims.push(`"/kubernetes.io/serviceaccount/name": [${quoted(accounts)}]`);
	return claims.join(', ');
}
