import { createPrivateKey, type X509Certificate } from 'node:crypto';
import { isIP } from 'node:net';
import type { ServingCertificate } from '../../../lib/tls/certificate-source.ts';
import { readKeyPair } from '../../../lib/tls/key-pair.ts';
import type { KeyPair } from '../../../pki/authority.ts';
import { readable } from '../../../pki/bundle.ts';
import type { CertificateInfo, CertificateState, RetiredCa, SigningCa } from './state.ts';

/** The content of the Secret by key, as PEM text. */
export type Data = Readonly<Record<string, string>>;

/** The keys of the Secret. The first three have the names of a TLS Secret, for people and for Prometheus. */
export const KEYS = {
	leaf: 'tls.crt',
	leafKey: 'tls.key',
	ca: 'ca.crt',
	caKey: 'ca.key',
	next: 'next-ca.crt',
	nextKey: 'next-ca.key',
	/** CAs that no longer sign, and the last certificate of each. */
	retired: 'old-ca.crt',
	lastLeaves: 'old-tls.crt',
} as const;

/** The decoded Secret, and its texts. */
export interface DecodedSecret {
	readonly state: CertificateState;
	/** Present if `state.leaf` is. */
	readonly pair: ServingCertificate | undefined;
	/** Names of `pair`, or of an unusable certificate in its place. */
	readonly names: readonly string[];
	/** Present if `state.current` or `state.next` has its key. */
	readonly current: KeyPair | undefined;
	readonly next: KeyPair | undefined;
	/** PEM text of the CAs by id. */
	readonly pems: ReadonlyMap<string, string>;
	/** Problems of the Secret, for the log. */
	readonly problems: readonly string[];
}

/** The facts about a certificate that decisions use. */
export function certificateInfo(certificate: X509Certificate): CertificateInfo {
	return {
		id: certificate.fingerprint256,
		from: certificate.validFromDate.getTime(),
		until: certificate.validToDate.getTime(),
	};
}

/**
 * Reads what the Secret holds. Whatever somebody wrote into it, the outcome holds only what can be used.
 *
 * @param names names that the serving certificate must be for
 */
export function decodeSecret(data: Data, names: readonly string[]): DecodedSecret {
	const problems: string[] = [];
	const current = decodeCa(data, KEYS.ca, KEYS.caKey, problems);
	const next = decodeCa(data, KEYS.next, KEYS.nextKey, problems);
	const certificate = readable(data[KEYS.leaf] ?? '')[0];
	const pair =
		current === undefined || certificate === undefined
			? undefined
			: decodeLeaf(data, certificate, current.certificate, names, problems);
	const retired = decodeRetired(data);
	const cas = [...[current, next].flatMap((one) => one?.certificate ?? []), ...retired.cas];
	return {
		state: {
			current: current?.info,
			next: next?.info,
			leaf: pair === undefined || certificate === undefined ? undefined : certificateInfo(certificate),
			retired: retired.state,
		},
		pair,
		names: certificate === undefined ? [] : namesOf(certificate),
		current: current?.pair,
		next: next?.pair,
		pems: new Map(cas.map((ca) => [ca.fingerprint256, ca.toString()])),
		problems,
	};
}

interface DecodedCa {
	readonly info: SigningCa;
	readonly certificate: X509Certificate;
	readonly pair: KeyPair | undefined;
}

function decodeCa(data: Data, name: string, keyName: string, problems: string[]): DecodedCa | undefined {
	const [certPem, keyPem] = [data[name] ?? '', data[keyName] ?? ''];
	if (certPem === '' && keyPem === '') return undefined;
	const certificate = readable(certPem)[0];
	if (certificate === undefined || !certificate.ca) {
		problems.push(`${name} holds no CA certificate`);
		return undefined;
	}
	const key = keyOf(certificate, keyPem);
	if (key === undefined) problems.push(`${keyName} does not hold the private key of ${name}`);
	return {
		info: { ...certificateInfo(certificate), hasKey: key !== undefined },
		certificate,
		pair: key === undefined ? undefined : { certPem: certificate.toString(), keyPem: key },
	};
}

/** The private key of one of our CAs, PKCS #8; undefined for any other. */
function keyOf(certificate: X509Certificate, keyPem: string): string | undefined {
	try {
		const key = createPrivateKey(keyPem);
		const ours = key.asymmetricKeyDetails?.namedCurve === 'prime256v1';
		if (!ours || !certificate.checkPrivateKey(key)) return undefined;
		return String(key.export({ type: 'pkcs8', format: 'pem' }));
	} catch {
		return undefined;
	}
}

function decodeLeaf(
	data: Data,
	certificate: X509Certificate,
	ca: X509Certificate,
	names: readonly string[],
	problems: string[],
): ServingCertificate | undefined {
	const pair = readKeyPair(data[KEYS.leaf] ?? '', data[KEYS.leafKey] ?? '');
	const missing = names.filter((name) => !isFor(certificate, name));
	if (!pair.ok) problems.push(`${KEYS.leaf} and ${KEYS.leafKey}: ${pair.error}`);
	else if (!certificate.checkIssued(ca) || !certificate.verify(ca.publicKey))
		problems.push(`${KEYS.leaf} was not signed by ${KEYS.ca}`);
	else if (missing.length > 0) problems.push(`${KEYS.leaf} is not for ${missing.join(', ')}`);
	else return pair.value;
	return undefined;
}

function isFor(certificate: X509Certificate, name: string): boolean {
	const found = isIP(name) === 0 ? certificate.checkHost(name) : certificate.checkIP(name);
	return found !== undefined;
}

/** DNS names and addresses of a certificate, in Node's notation: `DNS:a, IP Address:1.2.3.4`. */
function namesOf({ subjectAltName = '' }: X509Certificate): readonly string[] {
	return [...subjectAltName.matchAll(/(?:DNS|IP Address):([^,\s"]+)/g)].flatMap(([, name]) => name ?? []);
}

function decodeRetired(data: Data): {
	readonly state: readonly RetiredCa[];
	readonly cas: readonly X509Certificate[];
} {
	const cas = readable(data[KEYS.retired] ?? '').filter(({ ca }) => ca);
	const leaves = readable(data[KEYS.lastLeaves] ?? '');
	const state = cas.map((ca) => {
		const ends = leaves.filter((leaf) => leaf.checkIssued(ca)).map((leaf) => leaf.validToDate.getTime());
		const known = certificateInfo(ca);
		// If its certificates are unknown, one may be valid until the end of the CA.
		return {
			...known,
			neededUntil: Math.min(known.until, ends.length > 0 ? Math.max(...ends) : known.until),
		};
	});
	return { state, cas };
}

/** The Secret with a CA that does not sign yet. */
export function withNext(data: Data, { certPem, keyPem }: KeyPair): Data {
	return { ...data, [KEYS.next]: certPem, [KEYS.nextKey]: keyPem };
}

/** The Secret with another certificate of the current CA. */
export function withLeaf(data: Data, { certPem, keyPem }: KeyPair): Data {
	return { ...data, [KEYS.leaf]: certPem, [KEYS.leafKey]: keyPem };
}

/**
 * The Secret with the next CA and its certificate in place of the current ones. Retired CAs are kept without
 * keys.
 */
export function withPromoted(data: Data, next: KeyPair, leaf: KeyPair, now: Date): Data {
	const { [KEYS.next]: _, [KEYS.nextKey]: __, ...rest } = data;
	const old = (data[KEYS.ca] ?? '').trim() === '' ? {} : retiring(data);
	const promoted = { ...rest, ...old, [KEYS.ca]: next.certPem, [KEYS.caKey]: next.keyPem };
	return withoutEnded(withLeaf(promoted, leaf), now);
}

function retiring(data: Data): Data {
	const joined = (...names: readonly string[]): string =>
		names.flatMap((name) => readable(data[name] ?? '').map(String)).join('');
	return {
		[KEYS.retired]: joined(KEYS.ca, KEYS.retired),
		[KEYS.lastLeaves]: joined(KEYS.leaf, KEYS.lastLeaves),
	};
}

/** The Secret without CAs whose last certificate has expired. */
export function withoutEnded(data: Data, now: Date): Data {
	const { state, cas } = decodeRetired(data);
	const { [KEYS.retired]: _, [KEYS.lastLeaves]: __, ...rest } = data;
	const kept = cas.filter((_, position) => (state[position]?.neededUntil ?? 0) > now.getTime());
	if (kept.length === 0) return rest;
	const leaves = readable(data[KEYS.lastLeaves] ?? '').filter((leaf) =>
		kept.some((ca) => leaf.checkIssued(ca)),
	);
	return {
		...rest,
		[KEYS.retired]: kept.map(String).join(''),
		[KEYS.lastLeaves]: leaves.map(String).join(''),
	};
}
