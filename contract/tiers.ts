import { err, ok, type Result } from './result.ts';

/** The tiers in the order in which they are merged: a later one overrides an earlier one, key by key. */
export const TIERS = ['org', 'deployment', 'service'] as const;

/** One layer of secrets. */
export type Tier = (typeof TIERS)[number];

/** Names of the organization, the deployment and the service. `parseName` has accepted each of them. */
export interface TierNames {
	readonly org?: string;
	readonly deployment?: string;
	readonly service?: string;
}

const RULE = `a comma-separated list of ${TIERS.map((tier) => `"${tier}"`).join(', ')}`;

/** Parses a comma-separated list of tiers in any order. Returns them in merge order. */
export function parseTiers(text: string): Result<readonly Tier[]> {
	const names = text.split(',').map((part) => part.trim());
	if (names.some((name) => !TIERS.some((tier) => tier === name))) return err(RULE);
	if (new Set(names).size !== names.length) return err(`${RULE}, each named once`);
	return ok(TIERS.filter((tier) => names.includes(tier)));
}

/**
 * The folder of a tier's secrets inside the KV mount, without leading and trailing slashes. Undefined when
 * `tierNames` lacks a name that the tier needs. The folder has one secret for each key, with the value in the
 * field `value`.
 */
export function tierPath(tier: Tier, tierNames: TierNames): string | undefined {
	const { org, deployment, service } = tierNames;
	switch (tier) {
		case 'org':
			return org === undefined ? undefined : `orgs/${org}/secrets`;
		case 'deployment':
			return deployment === undefined ? undefined : `deployments/${deployment}/secrets`;
		case 'service':
			return deployment === undefined || service === undefined
				? undefined
				: `deployments/${deployment}/services/${service}/secrets`;
		default:
			return tier satisfies never;
	}
}

/** The field of a KV secret that holds the value. */
export const VALUE_FIELD = 'value';
