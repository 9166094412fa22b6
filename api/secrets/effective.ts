import { TIERS, type Tier } from '../../contract/tiers.ts';
import type { Store } from '../store/store.ts';
import { typeSummaries } from '../typed/summary.ts';
import type { Incomplete } from '../typed/typed-secret.ts';
import { markUnfinished } from '../typed/unfinished.ts';
import type { SecretLocation } from './secret-location.ts';
import { liveSecrets } from './secrets.ts';

const AT_ONCE = 12;

/** A key that pods get, and the tier that it comes from. */
export interface EffectiveSecret {
	readonly key: string;
	readonly tier: Tier;
	/** The tiers that have the key as well, nearest first. */
	readonly overrides: readonly Tier[];
	readonly version: number;
	/** When the version was written. */
	readonly updatedAt: Date;
	/** Undefined when all keys of its typed secret belong together. */
	readonly incomplete: Incomplete | undefined;
}

/** A live secret of a tier. */
type TierSecret = Omit<EffectiveSecret, 'overrides'>;

/** Merges tiers as pods do: of each key the highest tier wins. Sorted by key. */
function mergeTiers(secrets: readonly TierSecret[]): readonly EffectiveSecret[] {
	const byKey = Map.groupBy(secrets, ({ key }) => key);
	return [...byKey.values()]
		.flatMap((group) => {
			const [winner, ...others] = group.toSorted((a, b) => TIERS.indexOf(b.tier) - TIERS.indexOf(a.tier));
			return winner === undefined ? [] : [{ ...winner, overrides: others.map(({ tier }) => tier) }];
		})
		.sort((a, b) => (a.key < b.key ? -1 : 1));
}

/** The pods whose view is meant: of a deployment, and of one of its services if one is named. */
export interface ViewedPods {
	readonly org: string;
	readonly deployment: string;
	/** Empty for what every service gets. */
	readonly service: string;
}

/** The keys that pods get, each with its tier. Sends one request per tier if the store supports that. */
export async function effectiveSecrets(
	store: Store,
	{ org, deployment, service }: ViewedPods,
): Promise<readonly EffectiveSecret[]> {
	const tiers: readonly (readonly [Tier, SecretLocation])[] = [
		['org', { kind: 'org', org }],
		['deployment', { kind: 'deployment', deployment }],
		...(service === '' ? [] : [['service', { kind: 'deployment', deployment, service }] as const]),
	];
	const secrets: TierSecret[] = [];
	for (const [tier, location] of tiers) {
		const found = await markUnfinished(store, await liveSecrets(store, [location], AT_ONCE));
		const types = typeSummaries(found);
		for (const [i, { ref, head }] of found.entries()) {
			const { version, writtenAt } = head;
			const { incomplete } = types[i] ?? {};
			secrets.push({ key: ref.key, tier, version, updatedAt: writtenAt, incomplete });
		}
	}
	return mergeTiers(secrets);
}

/** What differs between the keys of two deployments. */
export interface Difference {
	readonly onlyHere: readonly EffectiveSecret[];
	readonly onlyThere: readonly EffectiveSecret[];
	/** Keys of both. Their values may differ unless both are the same secret. */
	readonly both: readonly { readonly here: EffectiveSecret; readonly there: EffectiveSecret }[];
}

/** Compares the views of two deployments. */
export function differenceOf(
	here: readonly EffectiveSecret[],
	there: readonly EffectiveSecret[],
): Difference {
	const others = new Map(there.map((secret) => [secret.key, secret]));
	const keys = new Set(here.map(({ key }) => key));
	return {
		onlyHere: here.filter(({ key }) => !others.has(key)),
		onlyThere: there.filter(({ key }) => !keys.has(key)),
		both: here.flatMap((secret) => {
			const other = others.get(secret.key);
			return other === undefined ? [] : [{ here: secret, there: other }];
		}),
	};
}
