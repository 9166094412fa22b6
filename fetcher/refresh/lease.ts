import type { Lease } from '../../contract/lease.ts';
import { deadlineAfter } from '../deadline.ts';
import { Failure } from '../failure.ts';
import type { Log } from '../log.ts';
import type { Settings } from '../settings.ts';
import type { SavedToken, Vault } from '../vault.ts';
import { wallClock } from './lease-clock.ts';
import { mint } from './lease-mint.ts';
import {
	type Grant,
	type LeaseState,
	minted,
	mintStarted,
	revocationFailed,
	tokenIssued,
	tokenRevoked,
	tokensOf,
} from './lease-state.ts';

/** What the leases of one process share. */
export interface LeaseParts {
	readonly settings: Settings;
	readonly log: Log;
	/** Opens a client that sends each request once. */
	readonly open: (token?: SavedToken) => Vault;
	/** Saves the states of all leases in the private file. */
	readonly save: () => void;
}

/** One `lease.NAME`: its state, and the steps that init container and sidecar share. */
export interface LeaseHandle {
	readonly name: string;
	readonly lease: Lease;
	state(): LeaseState;
	/** Replaces the state and saves it. */
	set(state: LeaseState): void;
	/**
	 * Issues a secret. Saves its token before the request, and the secret after `check` has accepted it.
	 *
	 * @throws Failure, also that of `check`
	 */
	mint(check: (grant: Grant) => void): Promise<void>;
	/** Revokes a discarded token. Never rejects with a `Failure`. */
	revoke(token: SavedToken): Promise<void>;
}

/** Timeout of the revocation of a discarded token, in ms. */
const REVOCATION_TIMEOUT = 5_000;

/** Milliseconds within which pods take turns to replace a secret; 0 unless a new secret restarts the pod. */
export function spreadOf({ onChange, spread }: Settings): number {
	return onChange.kind === 'restart' ? spread : 0;
}

/** Opens a lease in this state. */
export function openLease(parts: LeaseParts, name: string, lease: Lease, start: LeaseState): LeaseHandle {
	const { settings, log, open, save } = parts;
	let state = start;
	const set = (next: LeaseState): void => {
		if (next === state) return;
		state = next;
		save();
	};
	return {
		name,
		lease,
		state: () => state,
		set,
		mint: async (check) => {
			const onLogin = (token: SavedToken): void => set(mintStarted(tokenIssued(state, token), wallClock()));
			const grant = await mint({ settings, log, name, lease, vault: open(), onLogin });
			check(grant);
			set(minted(state, grant, wallClock()));
			log.info('lease issued', {
				...{ lease: name, path: lease.path, continuation: grant.continuation },
				ttlSeconds: Math.round((grant.expires - grant.since) / 1_000),
			});
		},
		revoke: async (token) => {
			const revoked = await revokeOne(open, token, REVOCATION_TIMEOUT);
			set(revoked ? tokenRevoked(state, token) : revocationFailed(state, token, wallClock()));
		},
	};
}

/** Revokes a token. True if Vault did so, or no longer knows the token. */
export async function revokeOne(
	open: LeaseParts['open'],
	token: SavedToken,
	timeout: number,
): Promise<boolean> {
	try {
		await open(token).revoke(deadlineAfter(timeout));
		return true;
	} catch (thrown) {
		if (!(thrown instanceof Failure)) throw thrown;
		// Any final answer means that the token is gone, or may not revoke itself.
		return thrown.reason === 'bad-answer' && !thrown.retryable;
	}
}

/**
 * Revokes all tokens of leases at the end of a process, in parallel.
 *
 * @returns the number of tokens that Vault no longer accepts, and of all
 */
export async function revokeLeases(
	leases: readonly LeaseHandle[],
	open: LeaseParts['open'],
	timeout: number,
): Promise<{ readonly revoked: number; readonly of: number }> {
	const tokens = leases.flatMap((one) => tokensOf(one.state()));
	const results = await Promise.all(tokens.map((token) => revokeOne(open, token, timeout)));
	return { revoked: results.filter((done) => done).length, of: tokens.length };
}
