import { TIERS, type Tier, type TierNames } from '../contract/tiers.ts';
import { VARIABLES } from '../contract/variables.ts';
import type { TokenClaims } from './token-claims.ts';

/** The access that a pod needs in Vault. */
export interface RequiredAccess {
	readonly tierNames: TierNames;
	readonly tiers: readonly Tier[];
	readonly kv: { readonly mount: string; readonly version: 1 | 2 };
	/** Mount of the transit engine; undefined when the pod has no sealed value. */
	readonly transit: string | undefined;
	/** The paths of dynamic secrets, with "?" if a write issues it. */
	readonly leases: readonly string[];
}

/** The login of a pod. */
export interface LoginRole {
	readonly role: string;
	readonly mount: string;
	readonly type: 'kubernetes' | 'jwt';
	/** The Vault namespace. */
	readonly namespace: string | undefined;
	readonly claims: TokenClaims;
}

/** Text that a shell takes as one word. */
const PLAIN = /^[-A-Za-z0-9:/._@]+$/;

/**
 * The command that creates the role. It contains only options that differ from the defaults of
 * deploy/vault/setup.sh. A word in capitals replaces each value that the token does not contain.
 */
export function roleCommand(
	{ role, mount, type, namespace, claims }: LoginRole,
	access: RequiredAccess,
): string {
	const [ofPod = 'NAMESPACE', account = 'ACCOUNT'] = claims.serviceAccount?.split('/') ?? [];
	const { tierNames, kv, transit, leases } = access;
	const [audience = ''] = claims.audiences;
	const tiers = TIERS.filter((tier) => access.tiers.includes(tier));
	const options: readonly (readonly [option: string, value: string | undefined, defaultValue?: string])[] = [
		['namespace', ofPod],
		['account', account],
		['org', tiers.includes('org') ? tierNames.org : undefined],
		// A service is part of a deployment, so setup.sh needs both options.
		['deployment', tiers.some((tier) => tier !== 'org') ? tierNames.deployment : undefined],
		['service', tiers.includes('service') ? tierNames.service : undefined],
		['type', type, 'kubernetes'],
		['mount', mount, type],
		['audience', PLAIN.test(audience) ? audience : undefined, VARIABLES.ENVTIER_TOKEN_AUDIENCE.default],
		['kv', kv.mount, VARIABLES.ENVTIER_VAULT_KV_MOUNT.default],
		['kv-version', `${kv.version}`, VARIABLES.ENVTIER_VAULT_KV_VERSION.default],
		['transit', transit, VARIABLES.ENVTIER_VAULT_TRANSIT_MOUNT.default],
	];
	const flags = options.flatMap(([option, value, defaultValue]) =>
		value === undefined || value === defaultValue ? [] : [`--${option} ${value}`],
	);
	const sealed = transit === undefined ? [] : ['--sealed'];
	const leaseFlags = leases.map((lease) => `--lease ${lease.includes('?') ? `'${lease}'` : lease}`);
	const within = namespace === undefined ? [] : [`VAULT_NAMESPACE=${namespace}`];
	return [...within, 'deploy/vault/setup.sh role', role, ...flags, ...sealed, ...leaseFlags].join(' ');
}
