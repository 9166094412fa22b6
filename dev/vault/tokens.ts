import { randomBytes, randomUUID } from 'node:crypto';

/** A token with its policies and lifetime. */
export interface Token {
	readonly id: string;
	readonly accessor: string;
	/** Path of the namespace it belongs to; its policies are that namespace's. */
	readonly namespace: string;
	readonly policies: readonly string[];
	readonly displayName: string;
	/** The path that issued it. */
	readonly path: string;
	readonly meta: Readonly<Record<string, string>> | null;
	readonly entityId: string;
	/** Milliseconds since 1970. */
	readonly issuedAt: number;
	/** 0: never expires. */
	readonly ttlSeconds: number;
	readonly expiresAt: number | null;
}

/** What the issuer of a token chooses. */
type NewToken = Pick<Token, 'namespace' | 'policies' | 'displayName' | 'path' | 'meta' | 'ttlSeconds'>;

/** The valid tokens. */
export interface Tokens {
	issue(token: NewToken, now: number): Token;
	/** Returns the token; undefined if it is unknown, revoked or expired. */
	find(id: string, now: number): Token | undefined;
	/** Restarts the TTL. */
	renew(token: Token, now: number): Token;
	revoke(token: Token): void;
}

/** The policy that allows everything. */
export const ROOT_POLICY = 'root';

/** Creates a token store with one root token. */
export function makeTokens(rootToken: string, now: number): Tokens {
	const tokens = new Map<string, Token>();
	const save = (token: Token): Token => {
		tokens.set(token.id, token);
		return token;
	};
	const expiry = (ttlSeconds: number, from: number): number | null =>
		ttlSeconds === 0 ? null : from + ttlSeconds * 1000;
	const removeExpired = (at: number): void => {
		for (const token of tokens.values()) if (isExpired(token, at)) tokens.delete(token.id);
	};
	const issue = (token: NewToken, at: number, id: string): Token =>
		save({
			...token,
			id,
			accessor: random(),
			entityId: token.policies.includes(ROOT_POLICY) ? '' : randomUUID(),
			issuedAt: at,
			expiresAt: expiry(token.ttlSeconds, at),
		});
	const root = { namespace: '', policies: [ROOT_POLICY], displayName: 'root', path: 'auth/token/root' };
	issue({ ...root, meta: null, ttlSeconds: 0 }, now, rootToken);
	return {
		issue: (token, at) => {
			removeExpired(at);
			return issue(token, at, `s.${random()}`);
		},
		find: (id, at) => {
			const token = tokens.get(id);
			return token === undefined || isExpired(token, at) ? undefined : token;
		},
		renew: (token, at) => save({ ...token, expiresAt: expiry(token.ttlSeconds, at) }),
		revoke: (token) => void tokens.delete(token.id),
	};
}

function isExpired(token: Token, at: number): boolean {
	return token.expiresAt !== null && token.expiresAt <= at;
}

function random(): string {
	return randomBytes(18).toString('base64url').replace(/[-_]/g, 'x');
}
