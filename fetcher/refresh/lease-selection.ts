import { dependentKeys } from '../../contract/compose.ts';
import { isKeyOfLease } from '../../contract/lease.ts';
import { isLeaseNeeded, mayMatchLease } from '../../contract/lease-keys.ts';
import type { Selection } from '../../contract/selection.ts';
import type { Settings } from '../settings.ts';
import type { Secret } from '../tiers.ts';

/**
 * The settings without the leases that this fetcher writes nothing of: those of other containers, whose
 * fetchers issue their own. What depends on their keys is left out too.
 */
export function withNeededLeases(settings: Settings): Settings {
	const delivered = { ...settings, selections: settings.volumes.map(({ selection }) => selection) };
	const leases = new Map([...settings.leases].filter(([name]) => isLeaseNeeded(name, delivered)));
	const others = [...settings.leases.keys()].filter((name) => !leases.has(name));
	if (others.length === 0) return settings;
	const foreign = (key: string): boolean => others.some((name) => isKeyOfLease(name, key));
	// No selection takes a key of these leases.
	return { ...without(settings, foreign), volumes: settings.volumes, leases };
}

/**
 * The settings for the checks before a lease is issued: without what depends on keys that only a lease can
 * give.
 *
 * @param found the secrets of the tiers
 */
export function withoutLeaseKeys(settings: Settings, found: readonly Secret[]): Settings {
	const names = [...settings.leases.keys()];
	if (names.length === 0) return settings;
	const have = new Set(found.map(({ key }) => key));
	return without(settings, (key) => !have.has(key) && names.some((name) => isKeyOfLease(name, key)));
}

/** The settings without the keys that `absent` accepts and without what is composed of them. */
function without(settings: Settings, absent: (key: string) => boolean): Settings {
	const { templates, volumes } = settings;
	const composed = dependentKeys(templates, absent);
	const kept = (key: string): boolean => !composed.has(key) && (templates.has(key) || !absent(key));
	return {
		...settings,
		templates: new Map([...templates].filter(([key]) => !composed.has(key))),
		require: settings.require.filter(kept),
		envKeys: settings.envKeys.filter(kept),
		volumes: volumes.map(({ out, selection }) => ({
			out,
			selection: selection === undefined ? undefined : selected(selection, kept, settings.leases),
		})),
	};
}

function selected(
	{ keys, prefixes }: Selection,
	kept: (key: string) => boolean,
	leases: Settings['leases'],
): Selection {
	const names = [...leases.keys()];
	return {
		keys: keys === 'all' ? keys : keys.filter(({ source }) => kept(source)),
		prefixes: prefixes.filter(({ source }) => !names.some((name) => mayMatchLease(name, source))),
	};
}

/** Secrets of the tiers with the keys of leases, which override them. Sorted by key. */
export function withLeases(
	found: readonly Secret[],
	values: Iterable<ReadonlyMap<string, string>>,
): readonly Secret[] {
	const all = new Map(found.map((secret) => [secret.key, secret]));
	for (const lease of values) for (const [key, value] of lease) all.set(key, { key, origin: 'lease', value });
	return [...all.values()].sort((a, b) => (a.key < b.key ? -1 : 1));
}
