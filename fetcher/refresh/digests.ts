import { createHash } from 'node:crypto';
import { revisionOf } from '../../lib/kv/revision.ts';
import { winnersOf } from '../revision.ts';
import type { Secret } from '../tiers.ts';

/** SHA-256 of each value in base64, by key. */
export function digestsOf(secrets: readonly Secret[]): ReadonlyMap<string, string> {
	return new Map(secrets.map(({ key, value }) => [key, createHash('sha256').update(value).digest('base64')]));
}

/** The keys that were added, changed or removed, sorted. */
export function changedKeys(
	before: ReadonlyMap<string, string>,
	after: ReadonlyMap<string, string>,
): readonly string[] {
	const keys = new Set([...before.keys(), ...after.keys()]);
	return [...keys].filter((key) => before.get(key) !== after.get(key)).sort();
}

/** The revision of the secrets of the tiers, before composition. */
export function revisionOfSecrets(found: readonly Secret[]): string {
	return revisionOf(winnersOf(found));
}
