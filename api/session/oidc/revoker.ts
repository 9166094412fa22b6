import pLimit from 'p-limit';
import type { Logger } from 'pino';
import type { IssuerAccess } from './client.ts';

/** Revocations at the same time. */
const AT_ONCE = 2;

/** Revokes the refresh token of a session that has ended. Resolves in any case: the log tells what failed. */
export type Revoke = (refreshToken: string) => Promise<void>;

/** Revokes refresh tokens at the issuer, a few at a time. */
export function createRevoker(issuer: Pick<IssuerAccess, 'revoke'>, log: Logger): Revoke {
	const queue = pLimit(AT_ONCE);
	const failed = (): void => log.warn('the token of an ended session was not revoked');
	return (refreshToken) => queue(() => issuer.revoke(refreshToken)).catch(failed);
}
