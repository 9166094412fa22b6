import type { Tier } from '../../contract/tiers.ts';
import { type Json, object } from '../../lib/json.ts';
import { folderOf, listPath } from '../kv.ts';
import type { ReadContext } from '../tiers.ts';

/**
 * The versions of a tier as one text: equal if no key was added, written, deleted, undeleted or destroyed.
 * Undefined if one request does not show them. The sidecar then lists and reads the tier.
 */
export type TierState = string | undefined;

/** The state of a tier without a key. */
const EMPTY = '[]';

/** Maximum number of keys to compare. A larger tier is listed and read. */
const LARGEST = 2_000;

/** The state of a tier from `key_info` (OpenBao's documentation, "KV v2 API: list secrets with metadata"). */
function stateOf(info: Json, now: number): TierState {
	const keys = Object.keys(info).filter((key) => !key.endsWith('/'));
	if (keys.length > LARGEST) return undefined;
	const lines: string[] = [];
	for (const key of keys.sort()) {
		const entry = object(info[key]);
		const current = entry?.['current_version'];
		const version = object(object(entry?.['versions'])?.[String(current)]);
		if (version === undefined) return undefined;
		const { created_time: created, deletion_time: deletion, destroyed } = version;
		// A version with a deletion time in the future will disappear without a new version.
		if (typeof deletion === 'string' && Date.parse(deletion) > now) return undefined;
		lines.push(JSON.stringify([key, current, created, deletion, destroyed]));
	}
	return JSON.stringify(lines);
}

/**
 * Requests the state of tiers, with one request each.
 *
 * @returns a state for each tier; all undefined on KV v1, and where the server or the policy does not allow
 * the request
 */
export async function tierStates(
	{ vault, kv, tierNames }: ReadContext,
	tiers: readonly Tier[],
): Promise<readonly TierState[]> {
	if (kv.version !== 2) return tiers.map(() => undefined);
	return await Promise.all(
		tiers.map(async (tier): Promise<TierState> => {
			const folder = folderOf(tier, tierNames);
			const found = await vault.listDetails(`${kv.mount}/detailed-metadata/${folder}`);
			if (found.kind === 'refused') return undefined;
			if (found.kind === 'found') {
				const info = object(found.value['key_info']);
				return info === undefined ? undefined : stateOf(info, Date.now());
			}
			// A server without this request answers like an empty tier.
			const names = await vault.list(listPath(kv, folder));
			return names.kind === 'absent' ? EMPTY : undefined;
		}),
	);
}
