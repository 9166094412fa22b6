import { createHmac, randomBytes, randomUUID } from 'node:crypto';

/** Claims of a service-account token. */
export interface TokenRequest {
	readonly namespace: string;
	readonly serviceAccount: string;
	readonly audience: string;
	/** Lifetime in seconds. */
	readonly seconds: number;
}

/**
 * A token with the claims of a projected token (Kubernetes docs, "Managing Service Accounts"). No API server
 * signed it: the development Vault does not check the signature.
 */
export function serviceAccountToken({ namespace, serviceAccount, audience, seconds }: TokenRequest): string {
	const now = Math.floor(Date.now() / 1000);
	const claims = {
		aud: [audience],
		iss: 'https://kubernetes.default.svc',
		iat: now,
		nbf: now,
		exp: now + seconds,
		sub: `system:serviceaccount:${namespace}:${serviceAccount}`,
		'kubernetes.io': { namespace, serviceaccount: { name: serviceAccount, uid: randomUUID() } },
	};
	const signed = `${part({ alg: 'HS256', typ: 'JWT' })}.${part(claims)}`;
	return `${signed}.${createHmac('sha256', randomBytes(32)).update(signed).digest('base64url')}`;
}

function part(value: object): string {
	return Buffer.from(JSON.stringify(value)).toString('base64url');
}
