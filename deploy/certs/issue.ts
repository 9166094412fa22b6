import { X509Certificate } from 'node:crypto';
import { makeAuthority, validityFrom } from '../../pki/authority.ts';

/** A CA and the only certificate that it signed. The CA's private key is not kept. */
export interface IssuedCertificate {
	readonly caPem: string;
	readonly certPem: string;
	/** PKCS #8. */
	readonly keyPem: string;
	readonly notAfter: Date;
}

/** The certificate to issue. */
export interface IssueOptions {
	/** The Service, for the readable name of the CA. */
	readonly service: string;
	/** DNS names and IP addresses, the name of the Service first. */
	readonly names: readonly string[];
	/** Lifetime of both certificates, in days. */
	readonly days: number;
	readonly now: Date;
}

const DAY_MS = 24 * 3_600_000;

/** Makes a CA and a serving certificate with the same lifetime. */
export async function issue({ service, names, days, now }: IssueOptions): Promise<IssuedCertificate> {
	const validity = validityFrom(now, days * DAY_MS);
	const authority = await makeAuthority(service, now, validity, false);
	const leaf = await authority.issue(names, validity);
	return { caPem: authority.certPem, ...leaf, notAfter: new X509Certificate(leaf.certPem).validToDate };
}
