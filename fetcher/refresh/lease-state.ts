import { fullJitter } from '../../lib/backoff.ts';
import type { SavedToken } from '../vault.ts';
import { turnOf } from './lease-turn.ts';

/**
 * What happens to a secret at the end of its life. `renew`: its lease and token are renewed, then replaced.
 * `replace`: it cannot be renewed, and is replaced before its end. `reread`: it changes at its end, and is
 * read again after it (static-creds).
 */
export type Continuation = 'renew' | 'replace' | 'reread';

/** One issued secret. Times are in ms, points in time since 1970. */
export interface Grant {
	/** The token that it was issued with. Undefined if it does not depend on a token. */
	readonly token: SavedToken | undefined;
	/** Undefined if the engine gave no lease. */
	readonly leaseId: string | undefined;
	readonly continuation: Continuation;
	/** Time to live of the lease when it was issued. A renewal that gives less has reached the maximum. */
	readonly ttl: number;
	/** The same of the token. */
	readonly tokenTtl: number;
	/** The last time that the secret was issued or renewed. */
	readonly since: number;
	/** The end of the lease or of its token, whichever is first. */
	readonly expires: number;
	/** The values by key. */
	readonly values: ReadonlyMap<string, string>;
}

/** A token to revoke, but not before a point in time. */
export interface DiscardedToken {
	readonly token: SavedToken;
	readonly notBefore: number;
}

/**
 * The state of one `lease.NAME`. Every function in this file is pure: it takes the time and returns a new
 * state.
 */
export interface LeaseState {
	/** The secret in the files, or the one to write next. */
	readonly current: Grant | undefined;
	/** False until the files hold `current`. */
	readonly written: boolean;
	/** True if `current` must be replaced. It is not renewed any more. */
	readonly replace: boolean;
	/** True if an earlier process may have revoked `current`. */
	readonly doubted: boolean;
	/** Failures in a row of the same step. */
	readonly failures: number;
	/** The next step is not taken before this time. */
	readonly due: number;
	/** The times of the last two requests that issue a secret. */
	readonly mints: readonly number[];
	/** Tokens without use. The token of `current` is never one of them. */
	readonly discarded: readonly DiscardedToken[];
}

/** The next step of a lease. */
export type Step =
	/** Log in, and ask Vault for a new secret. */
	| { readonly kind: 'mint' }
	| { readonly kind: 'renew'; readonly grant: Grant }
	/** Write the files and notify the application. */
	| { readonly kind: 'write' }
	| { readonly kind: 'revoke'; readonly token: SavedToken }
	| { readonly kind: 'wait'; readonly until: number };

/** The state before the first secret. */
export const NO_LEASE: LeaseState = {
	current: undefined,
	written: false,
	replace: false,
	doubted: false,
	failures: 0,
	due: 0,
	mints: [],
	discarded: [],
};

/** Maximum number of requests that issue a secret, within `MINT_WINDOW`. */
const MAX_MINTS = 2;
/** A minute, and a second for requests that take different times to arrive. */
const MINT_WINDOW = 61_000;

/**
 * Share of a life after which it is renewed or replaced: at random between these, so that pods that started
 * together do not ask together. At least a third of the life is left.
 */
const EARLIEST = 0.6;
const LATEST = 2 / 3;

/** Vault answers in whole seconds, so a renewal may seem this much shorter, in ms. */
const ROUNDING = 1_000;
/** Minimum time between two steps, in ms. */
const SHORTEST_WAIT = 1_000;
/** A token is revoked this long after its lease has ended, in ms. */
const AFTER_END = 5_000;
/** A static secret is read this long after its change, in ms. */
const AFTER_CHANGE = 1_000;

const MINT_BACKOFF = { first: 2_000, longest: 60_000 };
const WRITE_BACKOFF = { first: 1_000, longest: 30_000 };
const REVOKE_RETRY = 30_000;

/** The first time that another mint is allowed; 0 if it is allowed now. */
function mintAllowedAt({ mints }: LeaseState): number {
	const limiting = mints.at(-MAX_MINTS);
	return mints.length < MAX_MINTS || limiting === undefined ? 0 : limiting + MINT_WINDOW;
}

/**
 * The next step of a lease at this time.
 *
 * @param mintsFrom the first time at which a new secret can reach the application. One that is issued earlier
 * might end before.
 */
export function nextStep(state: LeaseState, now: number, mintsFrom = 0): Step {
	const { current, due, discarded } = state;
	const written = state.written || isTooLate(state, now);
	const mints = current === undefined || (written && endsRenewal(state, current, now));
	const ready = Math.max(due, ...(mints ? [mintAllowedAt(state), mintsFrom] : []));
	if (now >= ready) {
		if (mints) return { kind: 'mint' };
		if (current !== undefined) return written ? { kind: 'renew', grant: current } : { kind: 'write' };
	}
	const [first] = discarded.filter(({ notBefore }) => now >= notBefore);
	if (first !== undefined) return { kind: 'revoke', token: first.token };
	return { kind: 'wait', until: Math.min(ready, ...discarded.map(({ notBefore }) => notBefore)) };
}

/** True if a secret has ended before its files could be written. */
function isTooLate({ current, failures }: LeaseState, now: number): boolean {
	return current !== undefined && failures > 0 && now >= current.expires;
}

/** True if the next step of a written secret is its replacement. */
function endsRenewal({ replace }: LeaseState, { continuation, expires }: Grant, now: number): boolean {
	return replace || continuation !== 'renew' || now >= expires;
}

/** The time of the first renewal or replacement after `since`. */
function dueAfter({ continuation, since, expires }: Grant, random: number, spread: number): number {
	if (continuation === 'reread') return expires + AFTER_CHANGE * (1 + random);
	const share = EARLIEST + (LATEST - EARLIEST) * random;
	const due = since + Math.max(SHORTEST_WAIT, (expires - since) * share);
	return continuation === 'replace' ? turnOf(expires, due, random, spread) : due;
}

/** After the login for a mint: from now on the token must be revoked unless a secret depends on it. */
export function tokenIssued(state: LeaseState, token: SavedToken): LeaseState {
	return { ...state, discarded: [...state.discarded, { token, notBefore: 0 }] };
}

/** Before the request that issues a secret. It counts even if its response is lost. */
export function mintStarted(state: LeaseState, now: number): LeaseState {
	return { ...state, mints: [...state.mints, now].slice(-MAX_MINTS) };
}

/** Vault issued a secret. The earlier one stays valid until its own end, and is not renewed any more. */
export function minted(state: LeaseState, grant: Grant, now: number): LeaseState {
	const { current, discarded } = state;
	const old = current?.token;
	return {
		...state,
		...{ current: grant, written: false, replace: false, doubted: false, failures: 0, due: now },
		discarded: [
			...discarded.filter(({ token }) => token.value !== grant.token?.value),
			...(current === undefined || old === undefined
				? []
				: [{ token: old, notBefore: current.expires + AFTER_END }]),
		],
	};
}

/** The mint failed; `retryAfter` is the delay that the server asks for. */
export function mintFailed(state: LeaseState, now: number, random: number, retryAfter = 0): LeaseState {
	return failed(
		state,
		now,
		Math.max(SHORTEST_WAIT, fullJitter(MINT_BACKOFF, state.failures + 1, random)) + retryAfter * (1 + random),
	);
}

/**
 * The files hold the current secret.
 *
 * @param spread ms within which pods take turns to replace a secret, if that restarts them
 */
export function filesWritten(state: LeaseState, random: number, spread = 0): LeaseState {
	const { current } = state;
	if (current === undefined || state.written) return state;
	return { ...state, written: true, failures: 0, due: dueAfter(current, random, spread) };
}

/** The files could not be written. */
export function writeFailed(state: LeaseState, now: number, random: number): LeaseState {
	return failed(state, now, Math.max(SHORTEST_WAIT, fullJitter(WRITE_BACKOFF, state.failures + 1, random)));
}

/** What a renewal gave, in ms. */
export interface Renewal {
	readonly ttl: number;
	readonly tokenTtl: number;
}

/**
 * Vault renewed lease and token. If it gave less than at the start, a maximum is near: the secret is replaced
 * now, or at the pod's turn, while it still works.
 *
 * @param sent the time before the request, at which the new life begins
 * @param spread as for `filesWritten`
 */
export function renewed(
	state: LeaseState,
	{ ttl, tokenTtl }: Renewal,
	sent: number,
	random: number,
	spread = 0,
): LeaseState {
	const { current } = state;
	if (current === undefined) return state;
	const grant = { ...current, since: sent, expires: sent + Math.min(ttl, tokenTtl) };
	const shortened = ttl < current.ttl - ROUNDING || tokenTtl < current.tokenTtl - ROUNDING;
	return {
		...state,
		current: grant,
		replace: shortened,
		doubted: false,
		failures: 0,
		due: shortened ? turnOf(grant.expires, sent, random, spread) : dueAfter(grant, random, spread),
	};
}

/**
 * Vault refused to renew: the secret is replaced, and ends by itself. One that may have been revoked is
 * replaced at once.
 *
 * @param spread as for `filesWritten`
 */
export function renewalRefused(state: LeaseState, now: number, random = 0, spread = 0): LeaseState {
	const { current, doubted } = state;
	const due = current === undefined || doubted ? now : turnOf(current.expires, now, random, spread);
	return { ...state, replace: true, failures: 0, due };
}

/** Vault did not answer. The renewal is tried again until the end of the secret. */
export function renewalFailed(state: LeaseState, now: number, random: number, retryAfter = 0): LeaseState {
	const left = Math.max(0, (state.current?.expires ?? now) - now);
	const backoff = { first: 1_000, longest: Math.min(30_000, Math.max(SHORTEST_WAIT, left / 4)) };
	const wait = Math.max(SHORTEST_WAIT, fullJitter(backoff, state.failures + 1, random));
	return failed(state, now, wait + retryAfter * (1 + random));
}

/** A token was revoked, or Vault no longer knows it. */
export function tokenRevoked(state: LeaseState, token: SavedToken): LeaseState {
	return { ...state, discarded: state.discarded.filter((one) => one.token.value !== token.value) };
}

/** A token could not be revoked: tries again until the token has expired. */
export function revocationFailed(state: LeaseState, token: SavedToken, now: number): LeaseState {
	const again = state.discarded.flatMap((one) => {
		if (one.token.value !== token.value) return [one];
		return now >= token.expires ? [] : [{ token, notBefore: now + REVOKE_RETRY }];
	});
	return { ...state, discarded: again };
}

/**
 * At the start of a process that must not use the secrets of an earlier one: after their revocation, or in an
 * init container that runs again. All tokens are revoked (again); the times of the mints stay.
 */
export function abandoned(state: LeaseState): LeaseState {
	return {
		...NO_LEASE,
		mints: state.mints,
		discarded: tokensOf(state).map((token) => ({ token, notBefore: 0 })),
	};
}

/** All tokens to revoke when the pod ends. */
export function tokensOf({ current, discarded }: LeaseState): readonly SavedToken[] {
	return [...(current?.token === undefined ? [] : [current.token]), ...discarded.map(({ token }) => token)];
}

/** The state after a start of the process. Clocks may have been set back in between. */
export function resumed(state: LeaseState, now: number): LeaseState {
	return { ...state, mints: state.mints.map((time) => Math.min(time, now)) };
}

function failed(state: LeaseState, now: number, wait: number): LeaseState {
	return { ...state, failures: state.failures + 1, due: now + wait };
}
