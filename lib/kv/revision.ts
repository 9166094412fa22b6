import { createHash } from 'node:crypto';
import type { Tier } from '../../contract/tiers.ts';

/** One key of a pod, and the version of the value that the pod gets. */
export interface Winner {
	/** The tier that the value comes from. */
	readonly tier: Tier;
	readonly key: string;
	/** `VERSION CREATED_TIME` in KV v2. Undefined for KV v1, which has no versions. */
	readonly version: string | undefined;
}

/** The version of the format. A change of what is hashed must change it. */
export const REVISION_FORMAT = 'v1';

/**
 * The revision of a pod's secrets: equal if every key has the same tier and version. It does not depend on
 * values. KV v1 has no versions, so there the same keys have the same revision.
 */
export function revisionOf(winners: readonly Winner[]): string {
	const sorted = winners.map(({ tier, key, version }) => JSON.stringify([key, tier, version ?? null])).sort();
	return `${REVISION_FORMAT}:${createHash('sha256').update(sorted.join('\n')).digest('hex').slice(0, 32)}`;
}
