import { err, ok, type Result } from './result.ts';

/** The tiers in the order in which they are merged: a later one overrides an earlier one, key by key. */
export const TIERS = ['org', 'deployment', 'service'] as const;

/** One layer of secrets. */
export type Tier = (typeof TIERS)[number];

/** Whose secrets are meant. Each name has passed `parseName`. */
export interface TierNames {
	readonly org?: string;
	readonly deployment?: string;
	readonly service?: string;
}

const RULE = `a comma-separated list of ${TIERS.map((tier) => `"${tier}"`).join(', ')}`;

/** Takes a comma-separated list of tiers; gives them in merge order, whatever order they were written in. */
export function parseTiers(text: string): Result<readonly Tier[]> {
	const named = text.split(',').map((part) => part.trim());
	if (named.some((name) => !TIERS.some((tier) => tier === name))) return err(RULE);
	if (new Set(named).size !== named.length) return err(`${RULE}, each named once`);
	return ok(TIERS.filter((tier) => named.includes(tier)));
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
