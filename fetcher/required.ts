import type { Tier } from '../contract/tiers.ts';
import { missingReferences } from './compose.ts';
import { Failure } from './failure.ts';
import type { Settings } from './settings.ts';
import { enumerate } from './text.ts';
import { areNamesRight, emptyPaths, suspectName } from './tier-names.ts';
import type { Secret } from './tiers.ts';

/** Keys that an annotation names and that do not exist. */
interface MissingKeys {
	/** The annotation. */
	readonly by: string;
	readonly keys: readonly string[];
}

/**
 * Finds the keys in the pod's annotations that do not exist.
 *
 * @param secrets the secrets before composition
 */
export function missingKeys(settings: Settings, secrets: readonly Secret[]): readonly MissingKeys[] {
	const { require, envKeys, templates, volumes } = settings;
	const keys = [...new Set([...secrets.map(({ key }) => key), ...templates.keys()])];
	const have = new Set(keys);
	const missing = (keys: readonly string[]) => keys.filter((key) => !have.has(key));
	const selections = volumes.flatMap(({ selection }) => selection ?? []);
	const chosen = selections.flatMap((one) =>
		one.keys === 'all' ? [] : one.keys.map(({ source }) => source),
	);
	const prefixes = selections.flatMap((one) => one.prefixes.map(({ source }) => source));
	const unmatched = prefixes.filter((prefix) => !keys.some((key) => key.startsWith(prefix)));
	const unresolved = [...missingReferences(templates, secrets)];
	return [
		...unresolved.map(([key, keys]) => ({ by: `envtier.dev/compose.${key}`, keys })),
		{ by: 'envtier.dev/require', keys: missing(require) },
		{ by: 'envtier.dev/env', keys: missing(envKeys) },
		{ by: 'envtier.dev/keys', keys: missing([...new Set(chosen)]) },
		{
			by: 'envtier.dev/prefix',
			keys: [...new Set(unmatched)].map((prefix) => `a key that begins with ${prefix}`),
		},
	].filter(({ keys }) => keys.length > 0);
}

/**
 * Checks that every key in the pod's annotations exists.
 *
 * @param secrets the secrets before composition
 * @param empty tiers without a secret. The message contains their paths, because a name may be wrong.
 * @throws Failure that names the keys and the annotations
 */
export function checkRequired(settings: Settings, secrets: readonly Secret[], empty: readonly Tier[]): void {
	const { tiers, tierNames } = settings;
	const complaints = missingKeys(settings, secrets);
	if (complaints.length === 0) return;
	const sentences = complaints.map(({ by, keys }) => `${enumerate(keys)} (asked for by ${by})`);
	const { kvMount: mount, kvVersion: version } = settings.vault;
	const suspect = suspectName(tiers, empty, tierNames) !== undefined;
	const question = suspect ? `; ${areNamesRight(tiers.filter((tier) => tier !== 'org'))}` : '';
	const nothing =
		empty.length === 0
			? ''
			: `; empty: ${emptyPaths(empty, { kv: { mount, version }, tierNames })}${question}`;
	throw new Failure(
		'required-missing',
		`none of the tiers read (${tiers.join(', ')}) has ${enumerate(sentences)}${nothing}`,
	);
}
