import { isObject } from './request.ts';

/** The claims that a login checks. The signature is not verified: this server is for development. */
export interface Claims {
	/** Not validated: a string, a list or absent. */
	readonly aud: unknown;
	readonly sub: string | undefined;
	/** Seconds since 1970. */
	readonly exp: number | undefined;
	readonly nbf: number | undefined;
	readonly iat: number | undefined;
	/** From the claim `kubernetes.io` of a projected token, else from the flat claims of a legacy token. */
	readonly namespace: string | undefined;
	readonly serviceAccount: string | undefined;
	readonly serviceAccountUid: string | undefined;
}

/** Reads the claims of a compact JWT without checking its signature; undefined if it is not a JWT. */
export function readClaims(jwt: string): Claims | undefined {
	const parts = jwt.split('.');
	if (parts.length !== 3 || parts.some((part) => !/^[\w-]+$/.test(part))) return undefined;
	const [header, claims] = parts.slice(0, 2).map(readPart);
	if (header === undefined || typeof header['alg'] !== 'string' || claims === undefined) return undefined;
	const projected = member(claims, 'kubernetes.io');
	const account = member(projected, 'serviceaccount');
	const legacy = 'kubernetes.io/serviceaccount/';
	return {
		aud: claims['aud'],
		sub: text(claims['sub']),
		exp: number(claims['exp']),
		nbf: number(claims['nbf']),
		iat: number(claims['iat']),
		namespace: text(projected['namespace']) ?? text(claims[`${legacy}namespace`]),
		serviceAccount: text(account['name']) ?? text(claims[`${legacy}service-account.name`]),
		serviceAccountUid: text(account['uid']) ?? text(claims[`${legacy}service-account.uid`]),
	};
}

function readPart(part: string): Readonly<Record<string, unknown>> | undefined {
	try {
		const value: unknown = JSON.parse(Buffer.from(part, 'base64url').toString('utf8'));
		return isObject(value) ? value : undefined;
	} catch {
		// The error is dropped: its message would quote the token.
		return undefined;
	}
}

function member(from: Readonly<Record<string, unknown>>, name: string): Readonly<Record<string, unknown>> {
	const value = from[name];
	return isObject(value) ? value : {};
}

function text(value: unknown): string | undefined {
	return typeof value === 'string' ? value : undefined;
}

function number(value: unknown): number | undefined {
	return typeof value === 'number' && Number.isFinite(value) ? value : undefined;
}
