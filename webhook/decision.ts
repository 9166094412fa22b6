import type { Operation } from './patch.ts';
import type { Plan } from './plan.ts';
import type { RejectReason, SkipReason } from './reasons.ts';

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
