import { X509Certificate } from 'node:crypto';
import { bad, type Check, good, warn } from './check.ts';

const DAY = 86_400_000;
const BLOCK = /-----BEGIN CERTIFICATE-----[^-]*-----END CERTIFICATE-----/g;

/** The certificates of a PEM text; undefined when one of them cannot be read. */
export function certificatesIn(pem: string): readonly X509Certificate[] | undefined {
	try {
		return (pem.match(BLOCK) ?? []).map((block) => new X509Certificate(block));
	} catch {
		return undefined;
	}
}

const day = (date: Date): string => date.toISOString().slice(0, 10);

/** `12 days` or, near the end, `3 hours`. */
function span(ms: number): string {
	if (ms >= 2 * DAY) return `${Math.floor(ms / DAY)} days`;
	const minutes = Math.floor(ms / 60_000);
	return minutes >= 120 ? `${Math.floor(minutes / 60)} hours` : `${minutes} minutes`;
}

const NEW_BUNDLE =
	'write the CA of the serving certificate into the webhook configuration’s caBundle (deploy/certs does; cert-manager does by its annotation)';

/**
 * Checks that the webhook configuration's caBundle (base64 of PEM) can be read and is valid now. Returns the
 * check and the certificates.
 */
export function bundleCheck(
	caBundle: string | undefined,
	now: Date,
): { readonly check: Check; readonly authorities: readonly X509Certificate[] } {
	const id = 'ca-bundle';
	const authorities = certificatesIn(Buffer.from(caBundle ?? '', 'base64').toString('utf8'));
	if (caBundle === undefined || caBundle === '')
		return {
			check: bad(id, 'the caBundle is empty: the API server trusts only its own system roots', NEW_BUNDLE),
			authorities: [],
		};
	if (authorities === undefined || authorities.length === 0)
		return {
			check: bad(id, 'the caBundle holds no certificate that can be read', NEW_BUNDLE),
			authorities: [],
		};
	const current = authorities.filter((one) => one.validFromDate <= now && now < one.validToDate);
	if (current.length === 0)
		return {
			check: bad(id, `the caBundle’s certificates have all expired or are not valid yet`, NEW_BUNDLE),
			authorities,
		};
	const last = new Date(Math.max(...current.map((one) => one.validToDate.getTime())));
	const many = authorities.length === 1 ? 'one CA' : `${authorities.length} CAs`;
	return { check: good(id, `the caBundle holds ${many}, valid until ${day(last)}`), authorities };
}

/**
 * Checks whether the API server will accept the webhook's certificate: signed by the bundle, for this name,
 * valid now.
 *
 * @param chain the certificate, then the others that its server sends
 * @param where where the certificate was found, for messages
 */
export function servingCheck(
	chain: readonly X509Certificate[],
	authorities: readonly X509Certificate[],
	name: string,
	now: Date,
	where: string,
): Check {
	const id = 'serving-certificate';
	const [leaf] = chain;
	if (leaf === undefined) return bad(id, `${where} holds no certificate`, 'issue one: deploy/certs does');
	if (!verifiedUpTo(chain, authorities))
		return bad(id, `${where} is not signed by a CA of the caBundle: every call fails`, NEW_BUNDLE);
	if (leaf.checkHost(name) === undefined && leaf.checkIP(name) === undefined)
		return bad(id, `${where} is not for the name ${name}`, `issue one whose subjectAltName holds ${name}`);
	const remaining = leaf.validToDate.getTime() - now.getTime();
	if (remaining <= 0)
		return bad(
			id,
			`${where} expired on ${day(leaf.validToDate)}`,
			'renew it, and find out why it was not renewed',
		);
	if (leaf.validFromDate > now)
		return bad(id, `${where} is valid only from ${leaf.validFromDate.toISOString()}`, 'compare the clocks');
	const life = leaf.validToDate.getTime() - leaf.validFromDate.getTime();
	// Certificates are usually renewed with a third of their life left. Half of that means: renewal has failed.
	if (remaining < life / 6)
		return warn(
			id,
			`${where} ends in ${span(remaining)}, on ${day(leaf.validToDate)}`,
			'renew it; if something should have done so by itself, look at its log',
		);
	return good(id, `${where} is signed by the caBundle, for ${name}, and valid for ${span(remaining)} more`);
}

/** Follows the chain from the first certificate to one that a trusted CA has signed. */
function verifiedUpTo(chain: readonly X509Certificate[], authorities: readonly X509Certificate[]): boolean {
	let current = chain[0];
	for (let steps = 0; current !== undefined && steps <= chain.length; steps++) {
		const child: X509Certificate = current;
		const signs = (one: X509Certificate): boolean => child.checkIssued(one) && child.verify(one.publicKey);
		if (authorities.some((one) => one.fingerprint256 === child.fingerprint256 || signs(one))) return true;
		current = chain.find((one) => one !== child && signs(one));
	}
	return false;
}
