import { randomBytes } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import type { JWTPayload } from 'jose';
import type { Logger } from 'pino';
import { ok, type Result } from '../../../contract/result.ts';
import { RequestFailure } from '../../../lib/vault/request-failure.ts';
import { type OidcSettings, usedClaims, type VerifyToken } from '../../auth/oidc.ts';
import { type Problem, refuse } from '../../problem.ts';
import { type IssuerAccess, isRefusal, type ServerTokens } from './client.ts';
import type { SessionRecord, SessionRecords } from './records.ts';
import type { Revoke } from './revoker.ts';
import { saveRenewal } from './save-renewal.ts';

/** Claims that are older are taken again from the issuer, in ms. */
export const CLAIMS_AGE = 15 * 60_000;
/**
 * Time in ms that one replica has for a renewal: two requests to the issuer, and one to its keys, take at
 * most 30 s. Until then no other replica uses the same refresh token.
 */
const LEASE = 45_000;
/** How long a call waits for the renewal of another replica: pauses, and their length in ms. */
const WAITS = { pauses: 50, pause: 200 };

export const ENDED = 'the session has ended: sign in again';
const AWAY = 'the issuer does not answer, so your session cannot be checked now; try again';
const STORE_AWAY = 'the secret store does not answer, so your session cannot be checked now; try again';
const BUSY = 'your session is being renewed by another call; try again';

/** What a renewal needs. */
export interface RenewalParts {
	readonly oidc: OidcSettings;
	readonly issuer: IssuerAccess;
	readonly revoke: Revoke;
	readonly verify: VerifyToken;
	readonly records: SessionRecords;
	readonly log: Logger;
	readonly now: () => Date;
	/** Waits; by default in real time. */
	readonly wait?: (ms: number) => Promise<void>;
}

/** Claims, and when they were taken, in ms. */
export interface Taken {
	readonly taken: number;
	readonly claims: JWTPayload;
}

/**
 * Creates a function that takes the claims of a session again. Replicas agree by the versions of the record:
 * one of them marks it, refreshes, and writes the new tokens; the others wait, and take what it wrote. With
 * refresh tokens that rotate, a second use of one would end the session.
 */
export function createRenewal(parts: RenewalParts): (sid: string) => Promise<Result<Taken, Problem>> {
	const { records, now, log, wait = sleep } = parts;
	/** This replica. A mark of its own, with no renewal running, is left from one that failed. */
	const by = randomBytes(9).toString('base64url');
	/** "again": another replica was faster. */
	const attempt = async (sid: string): Promise<Result<Taken, Problem> | 'again'> => {
		const found = await records.read(sid);
		if (found === undefined) return refuse(401, ENDED);
		const { record, version } = found;
		const at = now().getTime();
		if (at - record.taken <= CLAIMS_AGE) return ok(record);
		if (record.refreshToken === undefined) return refuse(401, ENDED);
		if (record.renewal !== undefined && record.renewal.by !== by && record.renewal.until > at) return 'again';
		const marked = { ...record, renewal: { by, until: at + LEASE } };
		if ((await records.replace(sid, marked, version)) === 'conflict') return 'again';
		return await renewMarked(parts, sid, { record: marked, version: version + 1 });
	};
	return async (sid) => {
		try {
			for (let pauses = 0; pauses < WAITS.pauses; pauses++) {
				const outcome = await attempt(sid);
				if (typeof outcome === 'object') return outcome;
				await wait(WAITS.pause);
			}
			return refuse(503, BUSY);
		} catch (thrown) {
			if (!(thrown instanceof RequestFailure)) throw thrown;
			log.warn({ problem: thrown.message }, 'the session store failed');
			return refuse(503, STORE_AWAY);
		}
	};
}

/** A record that this replica has marked. */
interface Marked {
	readonly record: SessionRecord;
	readonly version: number;
}

async function renewMarked(
	parts: RenewalParts,
	sid: string,
	{ record, version }: Marked,
): Promise<Result<Taken, Problem> | 'again'> {
	const { issuer, records, log, now, verify, oidc } = parts;
	const { refreshToken, idToken } = record;
	let tokens: ServerTokens;
	try {
		tokens = await issuer.refresh({ token: '', refreshToken, idToken });
	} catch (thrown) {
		log.warn({ problem: thrown instanceof Error ? thrown.name : 'unknown' }, 'session refresh failed');
		if (isRefusal(thrown)) return await endRefused(records, sid, version);
		// An issuer that does not answer ends no session. The next call may try, on any replica.
		await records.replace(sid, { ...record, renewal: undefined }, version);
		return refuse(503, AWAY);
	}
	const payload = await verify(tokens.token);
	const taken = payload.ok
		? { taken: now().getTime(), claims: usedClaims(payload.value, oidc) }
		: { taken: record.taken, claims: record.claims };
	const next = {
		...{ ...taken, renewal: undefined },
		...{ refreshToken: tokens.refreshToken, idToken: tokens.idToken },
	};
	const saved = await saveRenewal(parts, sid, next, version);
	if (saved === 'conflict') return 'again';
	if (saved === 'ended') return refuse(401, ENDED);
	return payload.ok ? ok(taken) : refuse(payload.error.kind === 'refused' ? 401 : 503, payload.error.problem);
}

/** Ends a session that the issuer refuses, unless another replica has taken it over meanwhile. */
async function endRefused(
	records: SessionRecords,
	sid: string,
	version: number,
): Promise<Result<never, Problem> | 'again'> {
	const current = await records.read(sid);
	if (current !== undefined && current.version !== version) return 'again';
	await records.end(sid);
	return refuse(401, ENDED);
}
