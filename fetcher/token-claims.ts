import { object } from '../lib/json.ts';
import { enumerate, quoted } from './text.ts';

/**
 * Claims of a service-account token, for messages only. The fetcher does not verify them. They are not
 * secret, unlike the signature.
 */
export interface TokenClaims {
	/** `namespace/name` */
	readonly serviceAccount: string | undefined;
	readonly audiences: readonly string[];
	readonly issuer: string | undefined;
	/** Seconds since 1970. */
	readonly expires: number | undefined;
}

/** A JWS in compact form: header, payload and signature (RFC 7515, 7.1). */
const JWT = /^[\w-]+\.([\w-]+)\.[\w-]+$/;

/** True for text that has the form of a JWT. */
export function isJwt(text: string): boolean {
	return JWT.test(text);
}

/** `system:serviceaccount:NAMESPACE:NAME`, the subject that Kubernetes gives service-account tokens. */
const SUBJECT = /^system:serviceaccount:([a-z0-9.-]+):([a-z0-9.-]+)$/;

function claimsOf(jwt: string): Readonly<Record<string, unknown>> {
	try {
		return object(JSON.parse(Buffer.from(JWT.exec(jwt)?.[1] ?? '', 'base64url').toString())) ?? {};
	} catch {
		// Not a JWT with JSON claims. Vault refuses it too, and the claims only serve to explain that.
		return {};
	}
}

/** Reads the claims of a token. */
export function tokenClaimsOf(jwt: string): TokenClaims {
	const { sub, aud, iss, exp } = claimsOf(jwt);
	const subject = typeof sub === 'string' ? SUBJECT.exec(sub) : null;
	const audiences = (Array.isArray(aud) ? aud : [aud]).filter((one) => typeof one === 'string');
	return {
		serviceAccount: subject === null ? undefined : `${subject[1]}/${subject[2]}`,
		audiences,
		issuer: typeof iss === 'string' ? iss : undefined,
		expires: typeof exp === 'number' ? exp : undefined,
	};
}

/** `service account "shop/web"`, or a general text if the token does not contain it. */
export function subjectText({ serviceAccount }: TokenClaims): string {
	return serviceAccount === undefined ? 'the pod’s token' : `service account ${quoted(serviceAccount)}`;
}

/** The audiences, quoted. */
export function audienceText({ audiences }: TokenClaims): string {
	return audiences.length === 0
		? 'no audience'
		: `the audience ${enumerate(audiences.map((one) => quoted(one)))}`;
}
