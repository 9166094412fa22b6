import type { Tier } from '../../contract/tiers.ts';

/** A key that pods get. */
export interface EffectiveKey {
	readonly key: string;
	readonly tier: Tier;
	readonly version: number;
	readonly updatedAt: string;
}

/** What pods of a deployment get. */
export interface EffectiveView {
	readonly org: string;
	readonly secrets: readonly EffectiveKey[];
}

/** How a key differs. `shared`: the same secret of the same organization, so also the same value. */
export type Difference = 'only-here' | 'only-there' | 'shared' | 'same-version' | 'other-version';

/** One key of two deployments. */
export interface Compared {
	readonly key: string;
	readonly difference: Difference;
	readonly here: EffectiveKey | undefined;
	readonly there: EffectiveKey | undefined;
}

/** Compares two deployments key by key, sorted by key. Values are not compared: nobody here can read them. */
export function compare(here: EffectiveView, there: EffectiveView): readonly Compared[] {
	const mine = new Map(here.secrets.map((one) => [one.key, one]));
	const theirs = new Map(there.secrets.map((one) => [one.key, one]));
	const keys = [...new Set([...mine.keys(), ...theirs.keys()])].sort();
	return keys.map((key) => {
		const pair = { key, here: mine.get(key), there: theirs.get(key) };
		return { ...pair, difference: differenceOf(pair, here.org === there.org) };
	});
}

function differenceOf({ here, there }: Pick<Compared, 'here' | 'there'>, sameOrg: boolean): Difference {
	if (there === undefined) return 'only-here';
	if (here === undefined) return 'only-there';
	if (sameOrg && here.tier === 'org' && there.tier === 'org') return 'shared';
	return here.version === there.version ? 'same-version' : 'other-version';
}

/** A difference in plain words. */
export const DIFFERENCE_TEXTS: Readonly<Record<Difference, string>> = {
	'only-here': 'missing there',
	'only-there': 'missing here',
	shared: 'the same secret of the organization',
	'same-version': 'set in both, version number the same',
	'other-version': 'set in both, other version',
};

/** The services of a deployment. */
export interface DeploymentServices {
	readonly deployment: string;
	readonly services: readonly string[];
}

/** A service that can be compared, and how the choice names it. */
export interface ServiceChoice {
	readonly service: string;
	readonly label: string;
}

/** The services of both deployments, sorted. The chosen one is among them, even if neither has it. */
export function serviceChoices(
	chosen: string,
	sides: readonly DeploymentServices[],
): readonly ServiceChoice[] {
	const names = new Set([...sides.flatMap(({ services }) => services), ...(chosen === '' ? [] : [chosen])]);
	return [...names].sort().map((service) => {
		const lacking = sides.filter(({ services }) => !services.includes(service));
		if (lacking.length === 0) return { service, label: service };
		const where = lacking.length === 1 ? `not in ${lacking[0]?.deployment}` : 'in neither';
		return { service, label: `${service} (${where})` };
	});
}
