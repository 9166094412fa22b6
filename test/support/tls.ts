import { isIP } from 'node:net';
import { generate } from 'selfsigned';

/** A certificate (with its chain, if any) and its private key, as PEM text. */
export interface KeyPair {
	readonly certPem: string;
	readonly keyPem: string;
}

/** When a certificate holds; unless given, from an hour ago to a day ahead. */
export interface Validity {
	readonly notBefore?: Date;
	readonly notAfter?: Date;
}

/** What to put into a leaf certificate. */
interface LeafOptions extends Validity {
	/** DNS names and IP addresses; `localhost`, `127.0.0.1` and `::1` unless given. */
	readonly names?: readonly string[];
	/** Makes a certificate that ended an hour ago. */
	readonly expired?: true;
}

/** A certificate authority for tests. */
export interface Authority extends KeyPair {
	/** Makes a server certificate with an ECDSA P-256 key. */
	issue(options?: LeafOptions): Promise<KeyPair>;
}

const HOUR = 3_600_000;
const ECDSA = { keyType: 'ec', curve: 'P-256', algorithm: 'sha256' } as const;

/**
 * Makes a CA. Two with the same name are different authorities: a client cannot tell the second one, the
 * "unknown CA" of a fault test, from the first by name.
 */
export async function makeAuthority(name = 'Envtier test CA', validity: Validity = {}): Promise<Authority> {
	const made = await generate([{ name: 'commonName', value: name }], {
		...ECDSA,
		...dates(validity),
		extensions: [
			{ name: 'basicConstraints', cA: true, critical: true },
			{ name: 'keyUsage', keyCertSign: true, cRLSign: true, critical: true },
		],
	});
	const ca = { cert: made.cert, key: made.private };
	return {
		certPem: pem(made.cert),
		keyPem: made.private,
		issue: async (options = {}) => {
			const names = options.names ?? ['localhost', '127.0.0.1', '::1'];
			const leaf = await generate([{ name: 'commonName', value: names[0] ?? 'nameless' }], {
				...ECDSA,
				...dates(options.expired ? { notBefore: ago(3 * HOUR), notAfter: ago(HOUR) } : options),
				ca,
				extensions: [
					{ name: 'basicConstraints', cA: false, critical: true },
					{ name: 'keyUsage', digitalSignature: true, critical: true },
					{ name: 'extKeyUsage', serverAuth: true },
					{ name: 'subjectAltName', altNames: names.map(alternative) },
				],
			});
			return { certPem: pem(leaf.cert), keyPem: leaf.private };
		},
	};
}

function alternative(name: string): { type: 7; ip: string } | { type: 2; value: string } {
	return isIP(name) === 0 ? { type: 2, value: name } : { type: 7, ip: name };
}

function dates(validity: Validity): { notBeforeDate: Date; notAfterDate: Date } {
	return {
		notBeforeDate: validity.notBefore ?? ago(HOUR),
		notAfterDate: validity.notAfter ?? ago(-24 * HOUR),
	};
}

function ago(ms: number): Date {
	return new Date(Date.now() - ms);
}

/** PEM blocks can be joined only if each ends its last line. */
function pem(text: string): string {
	return `${text.trimEnd()}\n`;
}
