import { isIP } from 'node:net';
import { generate } from 'selfsigned';

/** A certificate (with its chain) and its private key, as PEM text. */
export interface KeyPair {
	readonly certPem: string;
	readonly keyPem: string;
}

/** A key pair and the CA that clients must trust to accept it. */
export interface ServingPair extends KeyPair {
	readonly caPem: string;
}

const HOUR = 3_600_000;
const ECDSA = { keyType: 'ec', curve: 'P-256', algorithm: 'sha256' } as const;

/** Creates a CA and a certificate for this host and for `localhost`, both valid for 30 days. */
export async function makeServingPair(host: string): Promise<ServingPair> {
	// Backdated for clients whose clocks are slow.
	const dates = {
		notBeforeDate: new Date(Date.now() - HOUR),
		notAfterDate: new Date(Date.now() + 30 * 24 * HOUR),
	};
	const ca = await generate([{ name: 'commonName', value: 'Envtier development Vault CA' }], {
		...ECDSA,
		...dates,
		extensions: [
			{ name: 'basicConstraints', cA: true, critical: true },
			{ name: 'keyUsage', keyCertSign: true, cRLSign: true, critical: true },
		],
	});
	const names = [...new Set([host, 'localhost', '127.0.0.1', '::1'])];
	const leaf = await generate([{ name: 'commonName', value: 'localhost' }], {
		...ECDSA,
		...dates,
		ca: { cert: ca.cert, key: ca.private },
		extensions: [
			{ name: 'basicConstraints', cA: false, critical: true },
			{ name: 'keyUsage', digitalSignature: true, critical: true },
			{ name: 'extKeyUsage', serverAuth: true },
			{
				name: 'subjectAltName',
				altNames: names.map((name) => (isIP(name) === 0 ? { type: 2, value: name } : { type: 7, ip: name })),
			},
		],
	});
	return { certPem: leaf.cert, keyPem: leaf.private, caPem: `${ca.cert.trimEnd()}\n` };
}
