import type { Deadline } from './deadline.ts';
import { Failure } from './failure.ts';
import type { Log } from './log.ts';
import type { Vault } from './vault.ts';

/**
 * Revokes the token. An error is a warning only: the token expires at the end of its TTL.
 *
 * @returns whether it was revoked
 */
export async function revokeToken(vault: Vault, log: Log, until: Deadline): Promise<boolean> {
	try {
		await vault.revoke(until);
		return true;
	} catch (thrown) {
		if (!(thrown instanceof Failure)) throw thrown;
		log.warn(`the token could not be revoked and lives until its TTL ends: ${thrown.message}`);
		return false;
	}
}
