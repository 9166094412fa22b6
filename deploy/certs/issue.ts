import { isIP } from 'node:net';
import * as x509 from '@peculiar/x509';
import { err, ok, type Result } from '../../contract/result.ts';

/** A CA and the one certificate it ever signed. Its private key is not part of it: it is forgotten as soon as it has signed. */
export interface Issued {
	readonly caPem: string;
	readonly certPem: string;
	/** PKCS #8. */
	readonly keyPem: string;
	readonly notAfter: Date;
}

/** What to issue. */
export interface Order {
	/** The Service that serves with it: its name tells a person what they look at. */
	readonly service: string;
	/** DNS names and IP addresses, the name of the Service first. */
	readonly names: readonly string[];
	/** Both certificates' life. */
	readonly days: number;
	readonly now: Date;
}

const HOUR_MS = 3_600_000;
const DAY_MS = 24 * HOUR_MS;
const ECDSA = { name: 'ECDSA', namedCurve: 'P-256', hash: 'SHA-256' } as const;

/** The names by which API servers and people call a Service. */
export function serviceNames(service: string, namespace: string): readonly string[] {
	const inNamespace = `${service}.${namespace}`;
	return [`${inNamespace}.svc`, `${inNamespace}.svc.cluster.local`, inNamespace, service];
}

/** A name that a certificate can be issued for. */
export function parseCertificateName(text: string): Result<string> {
	const dns = /^(?:\*\.)?[a-z0-9](?:[-a-z0-9]{0,61}[a-z0-9])?(?:\.[a-z0-9](?:[-a-z0-9]{0,61}[a-z0-9])?)*$/i;
	if (isIP(text) !== 0 || (text.length <= 253 && dns.test(text))) return ok(text);
	return err('a DNS name or an IP address');
}

/**
 * Makes a CA and a serving certificate. Both have key identifiers (RFC 5280, 4.2.1.1 and 4.2.1.2): clients that check
 * strictly, such as Python from 3.13 on, refuse certificates without.
 */
export async function issue({ service, names, days, now }: Order): Promise<Issued> {
	// Clocks of API servers may be behind ours.
	const validity = {
		notBefore: new Date(now.getTime() - HOUR_MS),
		notAfter: new Date(now.getTime() + days * DAY_MS),
	};
	const caKeys = await crypto.subtle.generateKey(ECDSA, false, ['sign', 'verify']);
	const leafKeys = await crypto.subtle.generateKey(ECDSA, true, ['sign', 'verify']);
	const ca = await x509.X509CertificateGenerator.createSelfSigned({
		...validity,
		serialNumber: serial(),
		// Of two CAs in one bundle a person must be able to tell the newer one.
		name: `CN=${service} CA ${now.toISOString()}`,
		signingAlgorithm: ECDSA,
		keys: caKeys,
		extensions: [
			new x509.BasicConstraintsExtension(true, 0, true),
			new x509.KeyUsagesExtension(x509.KeyUsageFlags.keyCertSign | x509.KeyUsageFlags.cRLSign, true),
			await x509.SubjectKeyIdentifierExtension.create(caKeys.publicKey),
		],
	});
	const leaf = await x509.X509CertificateGenerator.create({
		...validity,
		serialNumber: serial(),
		subject: `CN=${service}`,
		issuer: ca.subject,
		signingAlgorithm: ECDSA,
		signingKey: caKeys.privateKey,
		publicKey: leafKeys.publicKey,
		extensions: [
			new x509.BasicConstraintsExtension(false, undefined, true),
			new x509.KeyUsagesExtension(x509.KeyUsageFlags.digitalSignature, true),
			new x509.ExtendedKeyUsageExtension([x509.ExtendedKeyUsage.serverAuth]),
			new x509.SubjectAlternativeNameExtension(names.map(alternative)),
			await x509.SubjectKeyIdentifierExtension.create(leafKeys.publicKey),
			await x509.AuthorityKeyIdentifierExtension.create(caKeys.publicKey),
		],
	});
	const key = await crypto.subtle.exportKey('pkcs8', leafKeys.privateKey);
	return {
		caPem: pem(ca.toString('pem')),
		certPem: pem(leaf.toString('pem')),
		keyPem: pem(x509.PemConverter.encode(key, 'PRIVATE KEY')),
		notAfter: leaf.notAfter,
	};
}

function alternative(name: string): x509.JsonGeneralName {
	return isIP(name) === 0 ? { type: 'dns', value: name } : { type: 'ip', value: name };
}

/** Positive and of 127 random bits (RFC 5280, 4.1.2.2). */
function serial(): string {
	const bytes = crypto.getRandomValues(new Uint8Array(16));
	bytes[0] = ((bytes[0] ?? 0) & 0x7f) | 0x40;
	return Buffer.from(bytes).toString('hex');
}

/** PEM blocks can be joined only if each ends its last line. */
function pem(text: string): string {
	return `${text.trimEnd()}\n`;
}
