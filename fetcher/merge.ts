import { isKey } from '../contract/keys.ts';
import type { Tier } from '../contract/tiers.ts';

/** The names in one tier. */
export interface Listing {
	readonly tier: Tier;
	readonly names: readonly string[];
}

/** One key to read. */
export interface KeyTiers {
	readonly key: string;
	/** The tiers that list it; an earlier one overrides a later one. */
	readonly tiers: readonly Tier[];
}

/** The keys to read, and the names to warn about. */
export interface ReadPlan {
	/** Sorted by key in byte order. */
	readonly keys: readonly KeyTiers[];
	/** Names that no variable can have, by tier, in the order of the listing. */
	readonly unusable: readonly Listing[];
}

/**
 * Merges the names of tiers. They come in merge order: a later tier overrides an earlier one, key by key.
 * Ignores folders (names that end in "/").
 */
export function mergeNames(listings: readonly Listing[]): ReadPlan {
	const tiersOf = new Map<string, Tier[]>();
	const unusable: Listing[] = [];
	for (const { tier, names } of listings) {
		const secrets = names.filter((name) => !name.endsWith('/'));
		const bad = secrets.filter((name) => !isKey(name));
		if (bad.length > 0) unusable.push({ tier, names: bad });
		for (const key of secrets.filter(isKey)) {
			const tiers = tiersOf.get(key) ?? [];
			if (tiers[0] !== tier) tiersOf.set(key, [tier, ...tiers]);
		}
	}
	const keys = [...tiersOf].map(([key, tiers]) => ({ key, tiers })).sort((a, b) => byteOrder(a.key, b.key));
	return { keys, unusable };
}

/**
 * Keys are ASCII, so the order of UTF-16 units is the order of bytes. `localeCompare` depends on the machine.
 */
function byteOrder(a: string, b: string): number {
	return a < b ? -1 : a > b ? 1 : 0;
}
