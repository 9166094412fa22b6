import { ROLLOUT_ANNOTATIONS } from '../../contract/rollout.ts';
import type { Workload } from '../workloads/workload.ts';
import { type RolloutState, stateText } from './state.ts';

/**
 * The merge patch that records a state. The resource version is the precondition: the API server answers 409
 * if the object has changed since (Kubernetes API conventions, "Concurrency control").
 */
export function recordPatch({ resourceVersion }: Workload, state: RolloutState): object {
	return { metadata: { resourceVersion, annotations: { [ROLLOUT_ANNOTATIONS.state]: stateText(state) } } };
}

/** The state after the request of a workload, if there is one, was handled. */
export function handled({ requested }: Workload, state: RolloutState): RolloutState {
	return requested === undefined ? state : { ...state, requested };
}

/**
 * The merge patch that starts new pods and records that in the same request, so that a controller that is
 * killed has done both or nothing. Argo Rollouts restart pods by `spec.restartAt`: a change of their template
 * would start the steps of a canary.
 *
 * @param at now, in ISO 8601
 */
export function rolloutPatch(workload: Workload, state: RolloutState, at: string): object {
	const recorded = recordPatch(workload, state);
	if (workload.kind.kind === 'Rollout') return { ...recorded, spec: { restartAt: at } };
	const annotations = { [ROLLOUT_ANNOTATIONS.revision]: state.revision };
	return { ...recorded, spec: { template: { metadata: { annotations } } } };
}
