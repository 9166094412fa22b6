import type { Tier } from './tiers.ts';

/** One key of a pod, and the version of the value that the pod gets. */
export interface Winner {
	/** The tier that the value comes from. */
	readonly tier: Tier;
	readonly key: string;
	/** `VERSION CREATED_TIME` in KV v2. Undefined for KV v1, which has no versions. */
	readonly version: string | undefined;
}

/** The version of the format. A change of what is hashed must change it. */
const REVISION_FORMAT = 'v1';

/**
 * The text whose SHA-256 is the revision of a pod's secrets (`revisionOfDigest`): equal if every key has the
 * same tier and version. It does not depend on values. KV v1 has no versions, so there the same keys have the
 * same revision.
 */
export function revisionInput(winners: readonly Winner[]): string {
	return winners
		.map(({ tier, key, version }) => JSON.stringify([key, tier, version ?? null]))
		.sort()
		.join('\n');
}

/** The revision with this digest, in hexadecimal. */
export function revisionOfDigest(digest: string, format = REVISION_FORMAT): string {
	return `${format}:${digest.slice(0, 32)}`;
}

/** The format of a revision. Revisions of two formats cannot be compared. */
export function revisionFormat(revision: string): string {
	return revision.slice(0, revision.indexOf(':'));
}

/** Whether a text has the form of a revision. */
export function isRevision(text: string): boolean {
	return /^v[0-9]{1,4}:[0-9a-f]{32}$/.test(text);
}
