/**
 * The parts of each policy's name: all values that its text depends on, besides its template. Two values are
 * left out: the KV version and the auth method's accessor. A mount has only one of each at a time. If a mount
 * is recreated with others, the existing policy has other contents; it is shown and not overwritten.
 */
export const POLICY_FIELDS = {
	session: [],
	org: ['kv', 'org'],
	deployment: ['kv', 'deployment'],
	service: ['kv', 'deployment', 'service'],
	'own-namespace': ['auth', 'kv'],
	'own-account': ['auth', 'kv'],
	'refresh-org': ['kv', 'org'],
	'refresh-deployment': ['kv', 'deployment'],
	'refresh-service': ['kv', 'deployment', 'service'],
	'refresh-own-namespace': ['auth', 'kv'],
	'refresh-own-account': ['auth', 'kv'],
	'lease-session': [],
	lease: ['lease'],
	issue: ['lease'],
	sealed: ['auth', 'transit'],
	'sealed-deployment': ['auth', 'transit', 'deployment'],
	'sealed-own-namespace': ['auth', 'transit'],
	'sealed-own-account': ['auth', 'transit'],
	api: ['kv'],
	reveal: ['kv'],
	'reveal-value': ['kv'],
	'reveal-restore': ['kv'],
	controller: ['kv'],
	rotation: ['kv'],
} as const;

/**
 * The name of a policy's template in deploy/vault/policies. Those of programs are deploy/vault/*-policy.hcl.
 */
export type PolicyKind = keyof typeof POLICY_FIELDS;

/**
 * Mounts and leases are paths that `parseVaultPath` accepts; the other fields are names that `parseName`
 * accepts.
 */
export type PolicyFields = Readonly<Partial<Record<FieldName, string>>>;

type FieldName = (typeof POLICY_FIELDS)[PolicyKind][number];

const PATHS: ReadonlySet<string> = new Set<FieldName>(['auth', 'kv', 'transit', 'lease']);

/**
 * The name of a policy: `envtier_service_secret_shop_web`. Policies with different fields have different
 * names (ADR 33): "_" separates the fields, and no field contains one.
 *
 * @throws RangeError when a field of the kind is missing
 */
export function policyName(kind: PolicyKind, fields: PolicyFields): string {
	const parts = POLICY_FIELDS[kind].map((field) => {
		const value = fields[field];
		if (value === undefined) throw new RangeError(`the policy ${kind} needs ${field}`);
		return PATHS.has(field) ? encodePath(value) : value;
	});
	return ['envtier', kind, ...parts].join('_');
}

/**
 * A path as a part of a policy's name. Lower-case letters, digits and "-" stay, "/" becomes ".",
 * everything else "~" and two hexadecimal digits. Capitals are encoded because Vault and OpenBao store policy
 * names in lower case.
 */
function encodePath(path: string): string {
	return path.replace(/[^-a-z0-9]/g, (char) =>
		char === '/' ? '.' : `~${char.charCodeAt(0).toString(16).padStart(2, '0')}`,
	);
}
