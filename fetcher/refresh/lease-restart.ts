import type { LeaseState } from './lease-state.ts';

/** The restarter has the files to write. It is reminded after this time, in ms. */
const REMINDER = 30_000;

/** The new secret waits for the restart of all containers, before which its files are written. */
export function handedOver(state: LeaseState, now: number): LeaseState {
	return { ...state, due: now + REMINDER };
}

/** The pod restarts for another reason: a secret that waits for its turn is replaced now. */
export function hurried(state: LeaseState, now: number): LeaseState {
	return state.written && state.replace && state.due > now ? { ...state, due: now } : state;
}

/** Whether a secret can serve the containers that start now. */
export function isAlive({ current }: LeaseState, now: number): boolean {
	return current !== undefined && now < current.expires;
}

/**
 * The state for a sidecar whose init container could not issue a new secret. The containers start with the
 * earlier files, so their secret stays the current one, and its token is not revoked.
 *
 * @param earlier the state before the init container
 * @param failed the state after its attempt
 * @param ended whether the earlier sidecar has tried to revoke the secret at its end. It is then renewed at
 * once, and replaced if Vault refuses that.
 */
export function restored(earlier: LeaseState, failed: LeaseState, now: number, ended: boolean): LeaseState {
	const { current } = earlier;
	if (failed.current !== undefined || current === undefined || !isAlive(earlier, now)) return failed;
	const state = {
		...earlier,
		mints: failed.mints,
		discarded: failed.discarded.filter(({ token }) => token.value !== current.token?.value),
	};
	// Without a lease, the end of a token ends nothing.
	if (!ended || current.leaseId === undefined) return state;
	return {
		...state,
		doubted: true,
		replace: state.replace || current.continuation !== 'renew',
		due: now,
	};
}
