import { createHash } from 'node:crypto';

/** One key of a pod and the version of its value. */
export interface Winner {
	/** The tier that the value comes from. */
	readonly origin: string;
	readonly key: string;
	/** Version and creation time in KV v2. Undefined for KV v1, which has no versions. */
	readonly version: string | undefined;
}

/**
 * The revision of a pod's secrets: equal if every key has the same origin and version. It does not depend on
 * values. KV v1 has no versions, so there the same keys have the same revision.
 */
export function revisionOf(winners: readonly Winner[]): string {
	const sorted = winners
		.map(({ origin, key, version }) => JSON.stringify([key, origin, version ?? null]))
		.sort();
	return `v1:${createHash('sha256').update(sorted.join('\n')).digest('hex').slice(0, 32)}`;
}
