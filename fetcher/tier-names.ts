import type { Tier, TierNames } from '../contract/tiers.ts';
import { folderOf, type Kv, listPath } from './kv.ts';
import type { Listing } from './merge.ts';
import { enumerate, quoted } from './text.ts';

/** The annotation that sets the name of a tier's folder. */
const NAMED_BY: Readonly<Record<Tier, string>> = {
	org: 'the organization (envtier.dev/org)',
	deployment: 'envtier.dev/deployment',
	service: 'envtier.dev/service',
};

/** `the deployment tier of "shop"`. */
export function tierOf(tier: Tier, tierNames: TierNames): string {
	return `the ${tier} tier of ${quoted(tierNames[tier] ?? '')}`;
}

/** The question whether the names of these tiers are right. */
export function areNamesRight(tiers: readonly Tier[]): string {
	return `${tiers.length === 1 ? 'is' : 'are'} ${enumerate(tiers.map((tier) => NAMED_BY[tier]))} right?`;
}

/** The tiers without a secret. Folders do not count. */
export function emptyTiers(listings: readonly Listing[]): readonly Tier[] {
	return listings.filter(({ names }) => names.every((name) => name.endsWith('/'))).map(({ tier }) => tier);
}

/**
 * A sentence for a deployment and service without any secret: a name is probably wrong. Undefined if one of
 * the two tiers has secrets, or if neither was listed.
 *
 * @param listed all tiers that were listed
 */
export function suspectName(
	listed: readonly Tier[],
	empty: readonly Tier[],
	tierNames: TierNames,
): string | undefined {
	const own = listed.filter((tier) => tier !== 'org');
	if (own.length === 0 || own.some((tier) => !empty.includes(tier))) return undefined;
	const names = own.map((tier) => tierOf(tier, tierNames));
	return `${enumerate(names)} ${own.length === 1 ? 'is' : 'are'} empty: ${areNamesRight(own)}`;
}

/** Names the empty tiers and the paths that were listed. */
export function emptyPaths(
	empty: readonly Tier[],
	{ kv, tierNames }: { readonly kv: Kv; readonly tierNames: TierNames },
): string {
	return enumerate(
		empty.map((tier) => `${tierOf(tier, tierNames)} at ${quoted(listPath(kv, folderOf(tier, tierNames)))}`),
	);
}

/** Names of fields, never their values. */
export function fieldsText(names: readonly string[]): string {
	const shown = names.map((name) => quoted(name, 60));
	return `the ${names.length === 1 ? 'field' : 'fields'} ${enumerate(shown, 5)}`;
}
