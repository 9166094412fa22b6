import { API_POLICY, besideReveal } from './api-policy.ts';
import { CONTROLLER_POLICIES } from './controller-policies.ts';
import {
	ANY,
	type ApiOptions,
	type MountOptions,
	type ProgramOptions,
	type SetupOptions,
} from './options.ts';
import { type PolicyFields, policyName } from './policy-names.ts';
import { REVEAL_POLICIES } from './reveal-policies.ts';
import { POLICIES, ROLES } from './templates.ts';

/** The policies and roles to write to Vault, in this order. */
export interface RolesAndPolicies {
	/** Those of one role are in the order of their names in the role. */
	readonly policies: readonly { readonly name: string; readonly text: string }[];
	readonly roles: readonly JsonAtPath[];
	/** Settings of Vault itself. */
	readonly settings: readonly JsonAtPath[];
}

/** What to write to a path. */
export interface JsonAtPath {
	/** `auth/kubernetes/role/web` */
	readonly path: string;
	/** JSON text. */
	readonly json: string;
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
	readonly policies: RolesAndPolicies['policies'];
	/** Seconds. */
	readonly ttl: number;
	readonly maxTtl: number;
	/** Seconds; 0: tokens end at `maxTtl`. */
	readonly period: number;
	/** Maximum number of requests with one token; 0: any number, or what an administrator has set. */
	readonly uses: number;
}

function roleOf({ type, mount = type, name, policies, ...role }: VaultRole): JsonAtPath {
	return {
		path: `auth/${mount}/role/${name}`,
		json: fillTemplate(ROLES[type], {
			ACCOUNTS: quoted(role.accounts),
			NAMESPACES: quoted(role.namespaces),
			AUDIENCE: role.audience,
			POLICIES: quoted(policies.map((policy) => policy.name)),
			BOUND_CLAIMS: boundClaims(role),
			TTL: `${role.ttl}`,
			MAX_TTL: `${role.maxTtl}`,
			PERIOD: `${role.period}`,
			USES: `${role.uses}`,
		}).replace(/^ *"token_num_uses": 0,\n/m, ''),
	};
}

/**
 * Returns the policies and the role of a deployment, the same as deploy/vault/setup.sh.
 *
 * @param options options that `setupProblem` has accepted
 * @param accessor accessor of the auth method; only `own` and `sealed` need it
 */
export function deploymentRole(options: SetupOptions, accessor: string | undefined): RolesAndPolicies {
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
	const role = roleOf({ ...options, name, namespaces, accounts, policies, ...ttls, uses: 0 });
	return { policies, roles: [role], settings: [] };
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
export function apiRole({ besideReveal: isBeside, ...options }: ApiOptions): RolesAndPolicies {
	const text = isBeside ? besideReveal(API_POLICY) : API_POLICY;
	return programRoles(options, [{ ...LONG, kind: 'api', text }]);
}

/**
 * Returns the policies and the roles of the Reveal program, the same as deploy/vault/setup.sh: its own, one
 * for a value and one for a restore.
 *
 * @param options options that `programProblem` has accepted
 */
export function revealRoles(options: ProgramOptions): RolesAndPolicies {
	const once = { ttl: 60, maxTtl: 60 };
	const roles = programRoles(options, [
		{ ...LONG, kind: 'reveal', text: REVEAL_POLICIES.reveal },
		// The read, and giving the token back. A restore writes as well.
		{ ...once, uses: 2, kind: 'reveal-value', text: REVEAL_POLICIES['reveal-value'] },
		{ ...once, uses: 3, kind: 'reveal-restore', text: REVEAL_POLICIES['reveal-restore'] },
	]);
	// Who sees a value, and why, in Vault's own audit.
	const settings = ['actor', 'reason', 'elevation', 'request'].map((header) => ({
		path: `sys/config/auditing/request-headers/x-envtier-${header}`,
		json: '{ "hmac": false }\n',
	}));
	return { ...roles, settings };
}

/** A role of the controller. The rotation has one of its own, because it may write. */
export type ControllerRole = keyof typeof CONTROLLER_POLICIES;

/**
 * Returns the policy and the role of a task of the controller, the same as deploy/vault/setup.sh.
 *
 * @param options options that `programProblem` has accepted
 */
export function controllerRole(kind: ControllerRole, options: ProgramOptions): RolesAndPolicies {
	return programRoles(options, [{ ...LONG, kind, text: CONTROLLER_POLICIES[kind] }]);
}

/** A program runs for a long time and renews its token. At the maximum lifetime it logs in again. */
const LONG = { ttl: 3600, maxTtl: 86_400, uses: 0 };

/** A role of a program and its policy, for the KV v2 mount `secret`. */
interface ProgramRole {
	readonly kind: 'api' | 'reveal' | 'reveal-value' | 'reveal-restore' | ControllerRole;
	readonly text: string;
	/** Seconds. */
	readonly ttl: number;
	readonly maxTtl: number;
	readonly uses: number;
}

function programRoles(options: ProgramOptions, parts: readonly ProgramRole[]): RolesAndPolicies {
	const { namespace, serviceAccount, kv } = options;
	const bound = { namespaces: [namespace], accounts: [serviceAccount], period: 0 };
	const planned = parts.map(({ kind, text, ...limits }) => {
		const policy = { name: policyName(kind, { kv }), text: text.replaceAll('"secret/', `"${kv}/`) };
		const role = roleOf({ ...options, ...bound, ...limits, name: `envtier-${kind}`, policies: [policy] });
		return { policy, role };
	});
	return {
		policies: planned.map(({ policy }) => policy),
		roles: planned.map(({ role }) => role),
		settings: [],
	};
}

function boundClaims({ namespaces, accounts }: Pick<VaultRole, 'namespaces' | 'accounts'>): string {
	const claims: string[] = [];
	if (!namespaces.includes(ANY)) claims.push(`"/kubernetes.io/namespace": [${quoted(namespaces)}]`);
	if (!accounts.includes(ANY)) claims.push(`"/kubernetes.io/serviceaccount/name": [${quoted(accounts)}]`);
	return claims.join(', ');
}
