import { generateKeyPairSync } from 'node:crypto';
import { generate } from 'selfsigned';
import type { KeyPair } from '../tls.ts';

/** Makes a client certificate that Kubernetes takes for user `user` of `groups` (its CN and its Os). */
export async function clientCertificate(
	authority: KeyPair,
	user: string,
	groups: readonly string[] = [],
): Promise<KeyPair> {
	const subject = [
		...groups.map((value) => ({ name: 'organizationName', value })),
		{ name: 'commonName', value: user },
	];
	const hour = 3_600_000;
	const made = await generate(subject, {
		keyType: 'ec',
		curve: 'P-256',
		algorithm: 'sha256',
		notBeforeDate: new Date(Date.now() - hour),
		notAfterDate: new Date(Date.now() + 48 * hour),
		ca: { cert: authority.certPem, key: authority.keyPem },
		extensions: [
			{ name: 'basicConstraints', cA: false, critical: true },
			{ name: 'keyUsage', digitalSignature: true, critical: true },
			{ name: 'extKeyUsage', clientAuth: true },
		],
	});
	return { certPem: made.cert, keyPem: made.private };
}

/** The key pair that signs service-account tokens. */
export function serviceAccountKeys(): { readonly privatePem: string; readonly publicPem: string } {
	const { privateKey, publicKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
	return {
		privatePem: privateKey.export({ type: 'pkcs8', format: 'pem' }).toString(),
		publicPem: publicKey.export({ type: 'spki', format: 'pem' }).toString(),
	};
}
