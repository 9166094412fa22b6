import { type KeyPair, makeAuthority, validityFrom } from '../../pki/authority.ts';

/** Options of the generated certificates. */
export interface CertificateOptions {
	/** A readable part of the subjects. */
	readonly name: string;
	readonly hosts: readonly string[];
	readonly days: number;
	readonly now: Date;
}

/** A CA, a certificate of a server and one of a client. The key of the CA is gone. */
export interface Certificates {
	readonly caPem: string;
	readonly server: KeyPair;
	readonly client: KeyPair;
	readonly notAfter: Date;
}

const DAY_MS = 24 * 3_600_000;
/** With the words around it, the name of the CA has at most 64 characters (RFC 5280, ub-common-name). */
const NAME_LENGTH = 32;

/** Makes a CA and signs two certificates with it. Its key is not exportable and is thrown away. */
export async function generateCertificates(options: CertificateOptions): Promise<Certificates> {
	const { name, hosts, days, now } = options;
	const validity = validityFrom(now, days * DAY_MS);
	const authority = await makeAuthority(name.slice(0, NAME_LENGTH), now, validity, false);
	const server = await authority.issue(hosts, validity);
	const client = await authority.issue([], validity, 'client');
	// Certificates have no fractions of a second.
	const notAfter = new Date(Math.floor(validity.notAfter.getTime() / 1000) * 1000);
	return { caPem: authority.certPem, server, client, notAfter };
}
