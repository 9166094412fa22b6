import type { Request, Response } from 'express';
import type { JWTPayload } from 'jose';
import { LRUCache } from 'lru-cache';
import { z } from 'zod';
import { ok, type Result } from '../../../contract/result.ts';
import { RequestFailure } from '../../../lib/vault/request-failure.ts';
import type { Caller } from '../../auth/caller.ts';
import { callerOf, usedClaims } from '../../auth/oidc.ts';
import { type Problem, refuse } from '../../problem.ts';
import { tidySessions } from './background.ts';
import type { ServerTokens } from './client.ts';
import type { SessionRecords } from './records.ts';
import { CLAIMS_AGE, createRenewal, ENDED, type RenewalParts, type Taken } from './renew.ts';
import { type SealingKeys, seal, unseal } from './sealed.ts';

/**
 * The name of the cookie. The prefix lets browsers accept it only over TLS, from this host, for all paths.
 */
export const SESSION_COOKIE = '__Host-envtier-session';
/** Life of a session, in seconds. */
const SESSION_SECONDS = 8 * 3_600;
/** A cookie has room for 4,096 bytes, name and attributes included. */
const MAX_SEALED = 3_800;
/** Sessions of which this process knows for a moment whether they have ended. */
const KNOWN = 10_000;
/** The end of a session on one replica counts on the others after this time, in ms. */
const CHECKED_FOR = 2_000;

const CONTENT = z.object({
	sid: z.string(),
	ends: z.number(),
	taken: z.number(),
	claims: z.looseObject({}),
});

/** A session that a cookie holds. */
interface Content {
	readonly sid: string;
	/** When it ends, whatever is done with it until then, in ms. */
	readonly ends: number;
	/** When its claims were taken from the issuer, in ms. */
	readonly taken: number;
	readonly claims: JWTPayload;
}

/** What the sessions are made from. */
export interface SessionParts extends RenewalParts {
	readonly keys: SealingKeys;
}

/** Sessions whose cookies hold claims. Tokens are in the records, which all replicas have. */
export interface SessionKeeper {
	/** Begins a session with the tokens of a login, and sets its cookie. */
	begin(response: Response, tokens: ServerTokens): Promise<Result<void, Problem>>;
	/** Who the cookie identifies. Takes the claims again when they are old, one refresh at a time. */
	callerOf(response: Response, cookie: string, org: string | undefined): Promise<Result<Caller, Problem>>;
	/**
	 * Ends a session on all replicas, and returns its tokens. While the store is away it ends here alone; the
	 * others follow when the store is back.
	 */
	end(cookie: string): Promise<Pick<ServerTokens, 'refreshToken' | 'idToken'> | undefined>;
	/** Stops the background work. */
	stop(): void;
}

/** Creates the keeper. */
export function keepSessions(parts: SessionParts): SessionKeeper {
	const { keys, oidc, now, records, log } = parts;
	const ended = new LRUCache<string, true>({ max: KNOWN, ttl: SESSION_SECONDS * 1000 });
	const checked = new LRUCache<string, number>({ max: KNOWN });
	const renewals = new Map<string, Promise<Result<Taken, Problem>>>();
	const renew = createRenewal(parts);
	const read = async (cookie: string): Promise<Content | undefined> => {
		const content = CONTENT.safeParse(await unseal(keys, 'session', cookie));
		if (!content.success || ended.has(content.data.sid)) return undefined;
		return content.data.ends > now().getTime() ? content.data : undefined;
	};
	const cookieFor = async (content: Content): Promise<Result<string, Problem>> => {
		const seconds = Math.max(1, Math.floor((content.ends - now().getTime()) / 1000));
		const sealed = await seal(keys, 'session', { ...content }, seconds);
		if (sealed.length > MAX_SEALED)
			return refuse(403, 'the claims of your session are too long for a cookie: ask for fewer groups');
		return ok(`${SESSION_COOKIE}=${sealed}; ${attributes(seconds)}`);
	};
	/** One renewal at a time in this process; between processes the records decide. */
	const fresh = (sid: string): Promise<Result<Taken, Problem>> => {
		const running = renewals.get(sid);
		if (running !== undefined) return running;
		const renewal = renew(sid).finally(() => renewals.delete(sid));
		renewals.set(sid, renewal);
		return renewal;
	};
	/** A store that is away ends no session: its claims count until they are old. Readiness tells of it. */
	const isHeld = async (sid: string): Promise<boolean> => {
		const at = now().getTime();
		if (at - (checked.get(sid) ?? 0) < CHECKED_FOR) return true;
		try {
			if (!(await records.isHeld(sid))) return false;
		} catch (thrown) {
			if (!(thrown instanceof RequestFailure)) throw thrown;
		}
		checked.set(sid, at);
		return true;
	};
	const keep: SessionRecords['begin'] = async (...session) => {
		try {
			return await records.begin(...session);
		} catch (thrown) {
			if (!(thrown instanceof RequestFailure)) throw thrown;
			log.warn({ problem: thrown.message }, 'the session store failed');
			return refuse(503, 'the secret store does not answer, so nobody can sign in now; try again');
		}
	};
	const background = tidySessions(parts);
	return {
		begin: async (response, tokens) => {
			const payload = await parts.verify(tokens.token);
			if (!payload.ok) return refuse(payload.error.kind === 'refused' ? 401 : 503, payload.error.problem);
			const at = now().getTime();
			const [ends, claims] = [at + SESSION_SECONDS * 1000, usedClaims(payload.value, oidc)];
			// The cookie first: claims that do not fit leave no record behind.
			const fits = await cookieFor({ sid: SID_SIZE, ends, taken: at, claims });
			if (!fits.ok) return fits;
			const { refreshToken, idToken } = tokens;
			const record = { taken: at, claims, refreshToken, idToken, renewal: undefined };
			const sid = await keep(String(payload.value.sub), ends, record);
			if (!sid.ok) return sid;
			const cookie = await cookieFor({ sid: sid.value, ends, taken: at, claims });
			if (!cookie.ok) return cookie;
			response.append('set-cookie', cookie.value);
			return ok(undefined);
		},
		callerOf: async (response, cookie, org) => {
			let content = await read(cookie);
			if (content === undefined) return refuse(401, ENDED);
			const { sid, ends, taken } = content;
			if (now().getTime() - taken > CLAIMS_AGE) {
				const again = await fresh(sid);
				if (!again.ok) return again;
				content = { sid, ends, taken: again.value.taken, claims: again.value.claims };
				const written = await cookieFor(content);
				if (!written.ok) return written;
				response.append('set-cookie', written.value);
			} else if (!(await isHeld(sid))) return refuse(401, ENDED);
			const caller = callerOf(content.claims, oidc, org);
			return caller.ok ? caller : refuse(401, caller.error.problem);
		},
		end: async (cookie) => {
			const content = await read(cookie);
			if (content === undefined) return undefined;
			const { sid, ends } = content;
			ended.set(sid, true);
			try {
				const found = await records.read(sid);
				await records.end(sid);
				return found?.record;
			} catch (thrown) {
				if (!(thrown instanceof RequestFailure)) throw thrown;
				log.warn({ problem: thrown.message }, 'a session has ended on this replica only; trying again');
				background.endLater(sid, ends);
				return undefined;
			}
		},
		stop: background.stop,
	};
}

/** A text as long as an id, to measure a cookie with. */
const SID_SIZE = 'x'.repeat(64);

/** The attributes of the session's cookie; 0 seconds removes it. */
export function attributes(seconds: number): string {
	return `Path=/; Secure; HttpOnly; SameSite=Strict; Max-Age=${seconds}`;
}

/** The response of a request. Express sets it. */
export function responseOf({ res }: Request): Response {
	if (res === undefined) throw new Error('a request without its response');
	return res;
}
