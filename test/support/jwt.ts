import { generateKeyPairSync, sign } from 'node:crypto';

/** Signs JWTs as an API server does with its service-account key. */
export interface JwtSigner {
	/**
	 * PEM text of the public key, for `jwt_validation_pubkeys` of a jwt mount or `pem_keys` of a kubernetes
	 * mount.
	 */
	readonly publicKeyPem: string;
	sign(claims: object): string;
}

/** Makes a signer with a key of its own (ES256). */
export function makeJwtSigner(): JwtSigner {
	const { publicKey, privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
	return {
		publicKeyPem: publicKey.export({ type: 'spki', format: 'pem' }).toString(),
		sign: (claims) => {
			const message = `${encode({ alg: 'ES256', typ: 'JWT' })}.${encode(claims)}`;
			const key = { key: privateKey, dsaEncoding: 'ieee-p1363' } as const;
			return `${message}.${sign('sha256', Buffer.from(message), key).toString('base64url')}`;
		},
	};
}

/**
 * The claims of a projected service-account token for `vault`, valid for ten minutes. `overrides` replace
 * claims.
 */
export function serviceAccountClaims(
	namespace: string,
	name: string,
	overrides: Readonly<Record<string, unknown>> = {},
): Readonly<Record<string, unknown>> {
	const now = Math.floor(Date.now() / 1000);
	return {
		iss: 'https://kubernetes.default.svc.cluster.local',
		sub: `system:serviceaccount:${namespace}:${name}`,
		aud: ['vault'],
		iat: now,
		nbf: now,
		exp: now + 600,
		'kubernetes.io': {
			namespace,
			serviceaccount: { name, uid: '11111111-1111-4111-8111-111111111111' },
			pod: { name: `${name}-0`, uid: '22222222-2222-4222-8222-222222222222' },
		},
		...overrides,
	};
}

function encode(part: object): string {
	return Buffer.from(JSON.stringify(part)).toString('base64url');
}
