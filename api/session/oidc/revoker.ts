import pLimit from 'p-limit';
import type { Logger } from 'pino';
import type { IssuerAccess } from './client.ts';

/** Revocations at the same time. */
const AT_ONCE = 2;

/** Revokes refresh tokens of sessions that have ended. Nobody waits for it; the log tells what failed. */
export function createRevoker(
	issuer: Pick<IssuerAccess, 'revoke'>,
	log: Logger,
): (refreshToken: string) => void {
	const queue = pLimit(AT_ONCE);
	const failed = (): void => log.warn('the token of an ended session was not revoked');
	return (refreshToken) => void queue(() => issuer.revoke(refreshToken)).catch(failed);
}
