import type { Result } from '../../contract/result.ts';
import type { Current } from './current.ts';
import type { StatusPod } from './status-pod.ts';

/** Whether a pod has what is current. */
export interface Verdict {
	readonly state: 'fresh' | 'stale' | 'unknown';
	/** Why it is stale or unknown; empty if there is nothing to say. */
	readonly why: string;
}

/**
 * Compares what a pod has with what is current.
 *
 * @param revision what the pod has, or why that is not known
 */
export function verdictOf(pod: StatusPod, revision: Result<string>, current: Result<Current>): Verdict {
	if (!revision.ok) return { state: 'unknown', why: revision.error };
	if (!current.ok) return { state: 'unknown', why: current.error };
	if (revision.value === current.value.revision) return { state: 'fresh', why: '' };
	return { state: 'stale', why: whyStale(pod, current.value) };
}

function whyStale({ fetchers, isRolled }: StatusPod, { revision, state }: Current): string {
	if (isRolled) return whyNotRolled(revision, state);
	const sidecar = fetchers.map((one) => one.sidecar).find((one) => one?.runs === true);
	if (sidecar === undefined) return 'it read its secrets when it started: start a new pod';
	const every = sidecar.period === undefined ? '' : ` every ${sidecar.period} s`;
	return `its sidecar has not written the change yet: it checks${every}, and now with envtier refresh`;
}

function whyNotRolled(revision: string, state: Current['state']): string {
	if (state === undefined) return 'the controller has not recorded this workload';
	if (state.blocked !== undefined) return `it is not rolled: ${state.blocked}`;
	if (state.pending === revision) return 'its rollout waits for its turn';
	if (state.reverted === revision)
		return 'the revision of its rollout was taken off the pod template; the next change is rolled';
	if (state.rolled === revision) return 'its rollout runs, or has stopped: see kubectl rollout status';
	return 'the controller has not seen the change yet: it looks each minute, and now with envtier refresh';
}
