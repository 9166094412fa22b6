import { X509Certificate } from 'node:crypto';
import { err, ok, type Result } from '../contract/result.ts';

/** Minimum length of a certificate in base64, in characters. Shorter blocks are ignored. */
const BLOCK = /-----BEGIN CERTIFICATE-----[^-]{200,}-----END CERTIFICATE-----/g;

/** The certificates in PEM text. Leaves out blocks that cannot be parsed. */
export function readable(pem: string): readonly X509Certificate[] {
	return [...pem.matchAll(BLOCK)].flatMap(([block]) => {
		try {
			return [new X509Certificate(block)];
		} catch {
			return [];
		}
	});
}

/** PEM text of the certificates in this order, without duplicates. */
export function formatBundle(certificates: readonly X509Certificate[]): string {
	const unique = new Map(certificates.map((one) => [one.fingerprint256, one]));
	return [...unique.values()].map((one) => one.toString()).join('');
}

/**
 * The trusted certificates while both the old and the new certificate are served: all trusted ones that have
 * not expired, and the new CA.
 */
export function overlap(
	trusted: readonly X509Certificate[],
	added: readonly X509Certificate[],
	now: Date,
): readonly X509Certificate[] {
	return [...trusted.filter((one) => now < one.validToDate), ...added];
}

/**
 * The trusted certificates after a rotation: `ca` alone. The error says that a newer CA is trusted: then
 * another rotation is in progress, and its certificate may be served at any moment.
 */
export function only(
	ca: X509Certificate,
	trusted: readonly X509Certificate[],
): Result<readonly X509Certificate[]> {
	const newer = trusted.some((one) => one.validFromDate > ca.validFromDate);
	return newer
		? err(
				'a CA newer than that of the Secret is trusted: another rotation is under way, or was cut off. Run the script again without --finish',
			)
		: ok([ca]);
}

/** True when `trusted` verifies `leaf`. */
export function isTrusted(leaf: X509Certificate, trusted: readonly X509Certificate[]): boolean {
	return trusted.some((ca) => leaf.checkIssued(ca) && leaf.verify(ca.publicKey));
}
