import { isIP } from 'node:net';
import * as x509 from '@peculiar/x509';

/** A certificate and its private key (PKCS #8), both PEM text. */
export interface KeyPair {
	readonly certPem: string;
	readonly keyPem: string;
}

/** The end of a connection that presents a certificate. */
export type CertificateUse = 'server' | 'client';

/** Validity of a certificate. Certificates have no fractions of a second: both times are rounded down. */
export interface Validity {
	readonly notBefore: Date;
	readonly notAfter: Date;
}

/** A CA that can sign. */
export interface Authority {
	readonly certPem: string;
	/** Its private key as PEM text. Rejects for a CA whose key cannot be exported. */
	exportKey(): Promise<string>;
	/**
	 * Makes a certificate with a new key.
	 *
	 * @param names DNS names and IP addresses; none for a client
	 * @param use the end that presents it, `server` by default
	 */
	issue(names: readonly string[], validity: Validity, use?: CertificateUse): Promise<KeyPair>;
}

const HOUR_MS = 3_600_000;
const ECDSA = { name: 'ECDSA', namedCurve: 'P-256', hash: 'SHA-256' } as const;

const EXTENDED_KEY_USAGE: Readonly<Record<CertificateUse, x509.ExtendedKeyUsageType>> = {
	server: x509.ExtendedKeyUsage.serverAuth,
	client: x509.ExtendedKeyUsage.clientAuth,
};

/** Time by which the validity starts before the creation, in ms: the clock of an API server may be slow. */
export const BACKDATED_MS = HOUR_MS;

/** A validity of `lifeMs` ms from `now`, backdated by that time. */
export function validityFrom(now: Date, lifeMs: number): Validity {
	return {
		notBefore: new Date(now.getTime() - BACKDATED_MS),
		notAfter: new Date(now.getTime() + lifeMs),
	};
}

/**
 * Makes a CA with key identifiers (RFC 5280, 4.2.1.1 and 4.2.1.2). Strict clients, such as Python from 3.13
 * on, refuse certificates without them.
 *
 * @param service name of the Service, a readable part of the name of the CA and of its certificates
 * @param now part of the CA's name, so that people can tell the newer of two CAs in a bundle
 * @param keep true when its key can be exported
 */
export async function makeAuthority(
	service: string,
	now: Date,
	validity: Validity,
	keep: boolean,
): Promise<Authority> {
	const keys = await crypto.subtle.generateKey(ECDSA, keep, ['sign', 'verify']);
	const certificate = await x509.X509CertificateGenerator.createSelfSigned({
		...validity,
		serialNumber: serial(),
		name: `CN=${service} CA ${now.toISOString()}`,
		signingAlgorithm: ECDSA,
		keys,
		extensions: [
			new x509.BasicConstraintsExtension(true, 0, true),
			new x509.KeyUsagesExtension(x509.KeyUsageFlags.keyCertSign | x509.KeyUsageFlags.cRLSign, true),
			await x509.SubjectKeyIdentifierExtension.create(keys.publicKey),
		],
	});
	return authority(service, certificate, keys.privateKey);
}

/** Imports a CA that was exported. Rejects for texts that are not a CA and its key. */
export async function openAuthority(service: string, { certPem, keyPem }: KeyPair): Promise<Authority> {
	const der = x509.PemConverter.decodeFirst(keyPem);
	const key = await crypto.subtle.importKey('pkcs8', der, ECDSA, true, ['sign']);
	return authority(service, new x509.X509Certificate(certPem), key);
}

function authority(service: string, ca: x509.X509Certificate, signingKey: CryptoKey): Authority {
	return {
		certPem: pem(ca.toString('pem')),
		exportKey: () => exportKey(signingKey),
		issue: async (names, validity, use = 'server') => {
			const keys = await crypto.subtle.generateKey(ECDSA, true, ['sign', 'verify']);
			const certificate = await x509.X509CertificateGenerator.create({
				...validity,
				serialNumber: serial(),
				subject: use === 'server' ? `CN=${service}` : `CN=${service} client`,
				issuer: ca.subject,
				signingAlgorithm: ECDSA,
				signingKey,
				publicKey: keys.publicKey,
				extensions: [
					new x509.BasicConstraintsExtension(false, undefined, true),
					new x509.KeyUsagesExtension(x509.KeyUsageFlags.digitalSignature, true),
					new x509.ExtendedKeyUsageExtension([EXTENDED_KEY_USAGE[use]]),
					...(names.length === 0 ? [] : [new x509.SubjectAlternativeNameExtension(names.map(alternative))]),
					await x509.SubjectKeyIdentifierExtension.create(keys.publicKey),
					await x509.AuthorityKeyIdentifierExtension.create(ca.publicKey),
				],
			});
			return { certPem: pem(certificate.toString('pem')), keyPem: await exportKey(keys.privateKey) };
		},
	};
}

async function exportKey(key: CryptoKey): Promise<string> {
	return pem(x509.PemConverter.encode(await crypto.subtle.exportKey('pkcs8', key), 'PRIVATE KEY'));
}

function alternative(name: string): x509.JsonGeneralName {
	return isIP(name) === 0 ? { type: 'dns', value: name } : { type: 'ip', value: name };
}

/** A positive serial number of 127 random bits (RFC 5280, 4.1.2.2). */
function serial(): string {
	const bytes = crypto.getRandomValues(new Uint8Array(16));
	bytes[0] = ((bytes[0] ?? 0) & 0x7f) | 0x40;
	return Buffer.from(bytes).toString('hex');
}

/** Adds the final line break, so that PEM blocks can be joined. */
function pem(text: string): string {
	return `${text.trimEnd()}\n`;
}
