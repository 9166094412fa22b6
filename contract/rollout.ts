/**
 * The annotations that the controller writes. Their prefix is another one than that of pods' annotations: the
 * webhook does not see them.
 */
export const ROLLOUT_ANNOTATIONS = {
	/** On the workload: what the controller knows of it, as JSON (`RolloutState`). */
	state: 'rollout.envtier.dev/state',
	/** On the pod template: the revision. A change of it starts new pods. */
	revision: 'rollout.envtier.dev/revision',
	/** On the workload: a time at which somebody asked for a check (`envtier refresh`). */
	requested: 'rollout.envtier.dev/requested',
} as const;
