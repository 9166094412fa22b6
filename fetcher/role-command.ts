import { TIERS, type Tier, type TierNames } from '../contract/tiers.ts';
import { VARIABLES } from '../contract/variables.ts';
import type { TokenClaims } from './token-claims.ts';

/** What a pod asks Vault for. */
export interface RequiredAccess {
	readonly tierNames: TierNames;
	readonly tiers: readonly Tier[];
	readonly kv: { readonly mount: string; readonly version: 1 | 2 };
	/** Mount of the transit engine; undefined when the pod has no sealed value. */
	readonly transit: string | undefined;
}

/** How a pod logs in. */
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
 * The command that creates the role. It has only the options that differ from the defaults of
 * deploy/vault/setup.sh. What the token does not tell is a word in capitals.
 */
export function roleCommand(
	{ role, mount, type, namespace, claims }: LoginRole,
	access: RequiredAccess,
): string {
	const [ofPod = 'NAMESPACE', account = 'ACCOUNT'] = claims.serviceAccount?.split('/') ?? [];
	const { tierNames, kv, transit } = access;
	const [audience = ''] = claims.audiences;
	const tiers = TIERS.filter((tier) => access.tiers.includes(tier));
	const options: readonly (readonly [option: string, value: string | undefined, unsaid?: string])[] = [
		['namespace', ofPod],
		['account', account],
		['org', tiers.includes('org') ? tierNames.org : undefined],
		// A service is part of a deployment: setup.sh takes the one with the other.
		['deployment', tiers.some((tier) => tier !== 'org') ? tierNames.deployment : undefined],
		['service', tiers.includes('service') ? tierNames.service : undefined],
		['type', type, 'kubernetes'],
		['mount', mount, type],
		['audience', PLAIN.test(audience) ? audience : undefined, VARIABLES.ENVTIER_TOKEN_AUDIENCE.default],
		['kv', kv.mount, VARIABLES.ENVTIER_VAULT_KV_MOUNT.default],
		['kv-version', `${kv.version}`, VARIABLES.ENVTIER_VAULT_KV_VERSION.default],
		['transit', transit, VARIABLES.ENVTIER_VAULT_TRANSIT_MOUNT.default],
	];
	const said = options.flatMap(([option, value, unsaid]) =>
		value === undefined || value === unsaid ? [] : [`--${option} ${value}`],
	);
	const sealed = transit === undefined ? [] : ['--sealed'];
	const within = namespace === undefined ? [] : [`VAULT_NAMESPACE=${namespace}`];
	return [...within, 'deploy/vault/setup.sh role', role, ...said, ...sealed].join(' ');
}
