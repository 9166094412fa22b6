import { revisionFormat } from '../../contract/revision.ts';
import type { Workload } from '../workloads/workload.ts';
import type { RolloutState } from './state.ts';

/** What is known about the pods of a workload, and about Vault. */
export interface Observation {
	/** Hash of what the newest pod reads. */
	readonly inputs: string;
	/** The revision that a new pod would read. */
	readonly current: string;
	/** What the newest pod read at its start; undefined if it is not known or not comparable. */
	readonly newestPod: string | undefined;
	/** Whether the newest pod is so young that it may still tell. */
	readonly newestPodStarting: boolean;
	/** Whether all pods that are not ending read that revision at their start. */
	readonly allPodsAlike: boolean;
	/** Since when this controller has looked, in ms since 1970. */
	readonly watchingSince: number;
}

/** What to do about one workload. */
export type Decision =
	| { readonly kind: 'nothing' }
	/** The newest pod has not told yet what it read. */
	| { readonly kind: 'wait' }
	/** Record without a rollout. */
	| { readonly kind: 'record'; readonly state: RolloutState; readonly why: RecordReason }
	/** The secrets have changed: roll when the limits allow it. `waiting` is recorded until then. */
	| { readonly kind: 'roll'; readonly state: RolloutState; readonly waiting: RolloutState }
	/** The secrets have changed, but a new template would not start new pods. */
	| { readonly kind: 'blocked'; readonly reason: string; readonly waiting: RolloutState }
	/** The revision of a rollout was taken off the template. It is reported once and not written again. */
	| { readonly kind: 'reverted'; readonly state: RolloutState };

/** Why something is recorded without a rollout. */
export type RecordReason =
	| 'unknown-workload'
	| 'other-inputs'
	| 'other-format'
	| 'pods-are-current'
	| 'undone';

/**
 * Decides about a workload. It rolls only when the current revision differs from a recorded one: starting,
 * replacing or upgrading the controller alone changes nothing.
 */
export function decide(workload: Workload, seen: Observation): Decision {
	const { state } = workload;
	const { inputs, current } = seen;
	const base = baseline(workload, seen);
	if (base === 'wait') return { kind: 'wait' };
	if (typeof base !== 'string') return record(state, { inputs, revision: current }, base.why);
	if (revisionFormat(base) !== revisionFormat(current))
		return record(state, { inputs, revision: current }, 'other-format');
	if (base === current) return settled(workload, seen);
	// Somebody has started new pods since the change.
	if (seen.allPodsAlike && seen.newestPod === current)
		return record(state, { inputs, revision: current }, 'pods-are-current');
	const { blocked } = workload;
	const waiting: RolloutState = { ...state, inputs, revision: base, pending: current, blocked };
	if (blocked !== undefined) return { kind: 'blocked', reason: blocked, waiting };
	const rolled = { inputs, revision: current, rolled: current };
	return { kind: 'roll', waiting, state: { ...state, ...rolled, ...NOTHING_OPEN } };
}

/** Nothing waits, and nothing was taken back. */
const NOTHING_OPEN = { pending: undefined, blocked: undefined, reverted: undefined };

/** The revision to compare with, or why there is none. */
function baseline(
	{ state, createdAt }: Workload,
	{ inputs, newestPod, newestPodStarting, watchingSince }: Observation,
): string | { readonly why: RecordReason } {
	// A workload that the controller knew, or that was created while it runs, is compared with its own pods:
	// a change between their start and this look is not lost.
	const ofPods = (why: RecordReason) => newestPod ?? (newestPodStarting ? 'wait' : { why });
	if (state === undefined)
		return createdAt > watchingSince ? ofPods('unknown-workload') : { why: 'unknown-workload' };
	return state.inputs === inputs ? state.revision : ofPods('other-inputs');
}

function record(
	state: RolloutState | undefined,
	fresh: Pick<RolloutState, 'inputs' | 'revision'>,
	why: RecordReason,
): Decision {
	return { kind: 'record', why, state: { ...state, ...fresh, ...NOTHING_OPEN } };
}

/** Nothing has changed in Vault: is what was recorded complete, and is the last rollout still there? */
function settled({ state, templateRevision, kind }: Workload, { inputs, current }: Observation): Decision {
	if (state === undefined || state.inputs !== inputs || state.revision !== current)
		return record(
			state,
			{ inputs, revision: current },
			state === undefined ? 'unknown-workload' : 'other-inputs',
		);
	// Somebody has undone the change before its rollout.
	if (state.pending !== undefined)
		return { kind: 'record', why: 'undone', state: { ...state, pending: undefined, blocked: undefined } };
	const { rolled, reverted } = state;
	// Argo Rollouts are not rolled by their template.
	const gone = kind.kind !== 'Rollout' && rolled === current && templateRevision !== rolled;
	if (gone && reverted !== rolled) return { kind: 'reverted', state: { ...state, reverted: rolled } };
	return { kind: 'nothing' };
}
