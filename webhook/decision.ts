import type { Operation } from './patch.ts';
import type { Plan } from './plan.ts';

/** Why a pod is left as it is. */
export type SkipReason = 'not-a-pod-creation' | 'not-requested' | 'opted-out' | 'already-injected';

/** Why a pod is refused. Stable words: they label metrics and audit annotations. */
export type RejectReason =
	| 'malformed-pod'
	| 'unknown-annotation'
	| 'unsupported-annotation'
	| 'bad-annotation'
	| 'deployment-missing'
	| 'tier-without-name'
	| 'unknown-container'
	| 'container-too-early'
	| 'name-taken'
	| 'mount-taken'
	| 'root-without-override'
	| 'windows'
	| 'static-pod'
	| 'status-mismatch';

/** What is to happen to one pod. */
export type Decision =
	| {
			readonly kind: 'inject';
			readonly plan: Plan;
			readonly patch: readonly Operation[];
			readonly warnings: readonly string[];
	  }
	| { readonly kind: 'skip'; readonly reason: SkipReason }
	| Rejection;

/** A refusal, with a sentence for the person who typed the pod. */
export interface Rejection {
	readonly kind: 'reject';
	readonly reason: RejectReason;
	readonly message: string;
}

/** A refusal for `reason`, explained by `message`. */
export const reject = (reason: RejectReason, message: string): Rejection => ({
	kind: 'reject',
	reason,
	message,
});
