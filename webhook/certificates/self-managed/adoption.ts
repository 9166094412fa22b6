import { type CertificateInfo, isValid, type Trust, trusts } from './state.ts';

/** A serving certificate and the CA that signed it. */
export interface SignedLeaf {
	readonly leaf: CertificateInfo;
	/** Of the CA. */
	readonly caId: string;
}

/**
 * Whether a replica that serves `shown` must serve `stored` from now on. A valid certificate is replaced only
 * by one that API servers trust. Without a valid certificate, any valid one is better.
 */
export function shouldAdopt(
	shown: SignedLeaf | undefined,
	stored: SignedLeaf,
	trust: Trust | undefined,
	now: number,
): boolean {
	if (stored.leaf.id === shown?.leaf.id || !isValid(stored.leaf, now)) return false;
	if (shown === undefined || !isValid(shown.leaf, now) || trust === undefined) return true;
	return trusts(trust, stored.caId) || !trusts(trust, shown.caId);
}
