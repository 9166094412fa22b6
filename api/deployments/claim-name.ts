import { err, ok, type Result } from '../../contract/result.ts';
import type { Problem } from '../problem.ts';
import type { Store } from '../store/store.ts';
import { refuseBusy, UNDO_ACTION, type UndoSteps } from './attempt.ts';
import type { UndoLock } from './journal.ts';
import { claim, findDeployment, isOccupied, markerOf, type NameState } from './registry.ts';

/** Why a name is not available: it is registered, or the store has entries below its path. */
export interface NameUnavailable {
	readonly unavailable: 'registered' | 'occupied';
}

/** A name, and whether the deployment adopts entries that exist below its path. */
export interface RequestedName {
	readonly name: string;
	readonly adopt: boolean;
}

/**
 * Checks that a name is available, before an attempt starts. It always sends both requests, so that the
 * response time does not reveal the reason.
 */
export async function checkAvailable(
	store: Store,
	requested: RequestedName,
): Promise<Result<void, NameUnavailable>> {
	const [registered, free] = await Promise.all([
		findDeployment(store, requested.name),
		checkFree(store, requested),
	]);
	return registered === undefined ? free : err({ unavailable: 'registered' });
}

async function checkFree(
	store: Store,
	{ name, adopt }: RequestedName,
): Promise<Result<void, NameUnavailable>> {
	const occupied = await isOccupied(store, name);
	return occupied && !adopt ? err({ unavailable: 'occupied' }) : ok(undefined);
}

/**
 * Claims a name and returns the stamp of the claim. `releaseName` undoes it.
 *
 * @param at when the attempt started
 */
export async function claimName(
	store: Store,
	requested: RequestedName,
	at: Date,
): Promise<Result<string, Problem | NameUnavailable>> {
	const claimed = await claim(store, requested.name, at);
	if (claimed.kind !== 'claimed')
		return claimed.kind === 'taken' ? err({ unavailable: 'registered' }) : refuseBusy();
	// Checked again: from now on nobody else can register the name and write below it.
	const free = await checkFree(store, requested);
	return free.ok ? ok(claimed.stamp) : free;
}

/** Undoes `claimName`: removes the claim if it is the claim of this attempt. */
export async function releaseName(
	store: Store,
	name: string,
	{ lock, state }: { readonly lock: UndoLock; readonly state: NameState },
	{ limit, step }: UndoSteps,
): Promise<void> {
	if (!isClaimOf(lock, state)) return;
	limit.check();
	await step(UNDO_ACTION, { scope: `deployments/${name}` }, () => store.remove(markerOf(name)));
}

/**
 * True for a claim of this attempt. When the response to the claim was lost, the journal has no stamp; the
 * claim is then newer than the journal.
 */
function isClaimOf({ journal, openedAt }: UndoLock, state: NameState): boolean {
	if (state.kind !== 'claimed') return false;
	return journal.claim === undefined ? state.since >= openedAt : state.stamp === journal.claim;
}
