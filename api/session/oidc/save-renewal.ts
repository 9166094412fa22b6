import { setTimeout as sleep } from 'node:timers/promises';
import type { Logger } from 'pino';
import { RequestFailure } from '../../../lib/vault/request-failure.ts';
import type { SessionRecord, SessionRecords } from './records.ts';
import type { Revoke } from './revoker.ts';

/** Attempts to store a renewed token, and the pause between them in ms. */
const SAVES = { attempts: 3, pause: 1_000 };

/** What the storing of a renewal needs. */
interface SaveParts {
	readonly records: SessionRecords;
	readonly revoke: Revoke;
	readonly log: Logger;
}

/** "conflict": another replica has renewed the session meanwhile. "ended": somebody has signed out. */
export type Saved = 'written' | 'conflict' | 'ended';

/**
 * Stores what the issuer gave for a session. If somebody has signed out meanwhile, the new token is revoked.
 * While the store is away the claims are valid all the same, until they are old; then the session ends,
 * because the token that is stored is used up.
 *
 * @param version of the record that the new one replaces
 */
export async function saveRenewal(
	parts: SaveParts,
	sid: string,
	next: SessionRecord,
	version: number,
): Promise<Saved> {
	for (let attempts = 1; ; attempts++)
		try {
			return await saveOnce(parts, sid, next, version);
		} catch (thrown) {
			if (!(thrown instanceof RequestFailure)) throw thrown;
			if (attempts === SAVES.attempts) {
				parts.log.warn({ problem: thrown.message }, 'the renewed token of a session could not be stored');
				return 'written';
			}
			await sleep(SAVES.pause);
		}
}

async function saveOnce(
	{ records, revoke }: SaveParts,
	sid: string,
	next: SessionRecord,
	version: number,
): Promise<Saved> {
	if ((await records.replace(sid, next, version)) === 'written') return 'written';
	const current = await records.read(sid);
	// The write of an attempt that seemed to fail.
	if (current?.record.taken === next.taken && current.record.refreshToken === next.refreshToken)
		return 'written';
	if (current !== undefined) return 'conflict';
	if (next.refreshToken !== undefined) await revoke(next.refreshToken);
	return 'ended';
}
