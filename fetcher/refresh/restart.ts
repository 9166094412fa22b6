import type { Json } from '../../lib/json.ts';

/** What the private file says about restarts of all containers. */
export interface RestartMemory {
	/** Time of the last restart, in milliseconds since 1970; undefined before the first one. */
	readonly last: number | undefined;
	/** The sidecar has asked for a restart, and no init container has run since. */
	readonly requested: boolean;
	/** The kubelet has ignored such a request. */
	readonly unheeded: boolean;
}

/** Memory of a pod that was never restarted. */
export const NO_RESTARTS: RestartMemory = { last: undefined, requested: false, unheeded: false };

/** Minimum time between two restarts, in ms. */
export const BETWEEN_RESTARTS = 60_000;

/** Time between the failing readiness probe and the restart, in ms, so that endpoints drop the pod. */
export const LEAVING = 10_000;

/** State of a sidecar that restarts its pod. Times are milliseconds of a monotonic clock. */
export type RestartState =
	| { readonly kind: 'idle'; readonly notBefore: number }
	/** A change is known; the pod waits until `at` for its turn. */
	| { readonly kind: 'waiting'; readonly notBefore: number; readonly at: number }
	/** The readiness probe fails until the restart. */
	| { readonly kind: 'leaving'; readonly until: number }
	/** The sidecar writes the files and exits. */
	| { readonly kind: 'restarting' }
	/** The kubelet ignores the exit code. Changes are written without a restart. */
	| { readonly kind: 'unheeded' };

/** What happens to a sidecar that restarts its pod. `random` is from 0 up to but not including 1. */
export type RestartEvent =
	/** `urgent`: by a secret that has had its turn already, and whose predecessor ends. */
	| { readonly kind: 'changed'; readonly random: number; readonly urgent: boolean }
	/** A check found nothing that is not delivered. */
	| { readonly kind: 'unchanged' }
	/** Time has passed. */
	| { readonly kind: 'time' }
	/** The files could not be written. */
	| { readonly kind: 'failed'; readonly random: number };

/** What the sidecar must do. */
export type RestartAction =
	| 'nothing'
	/** Write the files, without a restart. */
	| 'write'
	/** Let the readiness probe fail. */
	| 'leave'
	/** Let the readiness probe succeed again. */
	| 'return'
	/** Write the files and exit. */
	| 'restart';

/** The next state, and what to do. */
export interface RestartStep {
	readonly state: RestartState;
	readonly action: RestartAction;
}

/**
 * The state of a sidecar that starts. If a request is still in the private file, no init container has run
 * since the exit: the kubelet does not know the rule.
 *
 * @param now time of the monotonic clock
 * @param date the same moment in milliseconds since 1970
 */
export function startState(
	{ last, requested, unheeded }: RestartMemory,
	now: number,
	date: number,
): RestartState {
	if (requested || unheeded) return { kind: 'unheeded' };
	const left = last === undefined ? 0 : last + BETWEEN_RESTARTS - date;
	// The date may have been set back since.
	return { kind: 'idle', notBefore: now + Math.min(Math.max(left, 0), BETWEEN_RESTARTS) };
}

/**
 * Decides what a sidecar that restarts its pod does next.
 *
 * @param spread milliseconds within which the pod restarts after a change
 */
export function nextStep(state: RestartState, event: RestartEvent, now: number, spread: number): RestartStep {
	switch (state.kind) {
		case 'idle':
			if (event.kind === 'changed')
				return { state: turnAfter(event, state.notBefore, now, spread), action: 'nothing' };
			return { state, action: 'nothing' };
		case 'waiting':
			return whileWaiting(state, event, now);
		case 'leaving':
			if (event.kind === 'time' && now >= state.until)
				return { state: { kind: 'restarting' }, action: 'restart' };
			return { state, action: 'nothing' };
		case 'restarting':
			// The pod does not leave its endpoints more than once a minute.
			if (event.kind === 'failed')
				return { state: turnAfter(event, now + BETWEEN_RESTARTS, now, spread), action: 'return' };
			return { state, action: 'nothing' };
		case 'unheeded':
			return { state, action: event.kind === 'changed' ? 'write' : 'nothing' };
		default:
			return state satisfies never;
	}
}

type Waiting = Extract<RestartState, { kind: 'waiting' }>;

/** The turn of a pod: a random time within the spread, or at once, but not before it may restart. */
function turnAfter(
	{ random, urgent = false }: { readonly random: number; readonly urgent?: boolean },
	notBefore: number,
	now: number,
	spread: number,
): Waiting {
	return { kind: 'waiting', notBefore, at: Math.max(now + (urgent ? 0 : random * spread), notBefore) };
}

function whileWaiting(state: Waiting, event: RestartEvent, now: number): RestartStep {
	const { notBefore, at } = state;
	if (event.kind === 'unchanged') return { state: { kind: 'idle', notBefore }, action: 'nothing' };
	if (event.kind === 'time' && now >= at)
		return { state: { kind: 'leaving', until: now + LEAVING }, action: 'leave' };
	if (event.kind === 'changed' && event.urgent)
		return { state: { ...state, at: Math.min(at, Math.max(now, notBefore)) }, action: 'nothing' };
	return { state, action: 'nothing' };
}

/** The time of the next event `time` that matters; infinite if none does. */
export function wakesAt(state: RestartState): number {
	switch (state.kind) {
		case 'waiting':
			return state.at;
		case 'leaving':
			return state.until;
		case 'idle':
		case 'restarting':
		case 'unheeded':
			return Number.POSITIVE_INFINITY;
		default:
			return state satisfies never;
	}
}

/** The first time at which the pod may restart; 0 if it already leaves, or never restarts. */
export function mayRestartAt(state: RestartState): number {
	return state.kind === 'idle' || state.kind === 'waiting' ? state.notBefore : 0;
}

/** Parses the memory in the private file. Anything invalid counts as absent. */
export function restartMemoryIn(found: Json | undefined): RestartMemory {
	const { last, requested, unheeded } = found ?? {};
	return {
		last: typeof last === 'number' ? last : undefined,
		requested: requested === true,
		unheeded: unheeded === true,
	};
}
