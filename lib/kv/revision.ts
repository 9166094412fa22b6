import { createHash } from 'node:crypto';
import { revisionFormat, revisionInput, revisionOfDigest, type Winner } from '../../contract/revision.ts';

const digestOf = (text: string): string => createHash('sha256').update(text).digest('hex');

/** The revision of a pod's secrets (contract/revision.ts). */
export function revisionOf(winners: readonly Winner[]): string {
	return revisionOfDigest(digestOf(revisionInput(winners)));
}

/** The revision of a pod: that of its fetcher, or a hash of those of several. */
export function combinedRevision(revisions: readonly string[]): string {
	const [first = '', ...others] = revisions;
	if (others.length === 0) return first;
	return revisionOfDigest(digestOf(JSON.stringify(revisions)), revisionFormat(first));
}
