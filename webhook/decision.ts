import type { Operation } from './operations.ts';
import type { Plan } from './plan.ts';
import type { InjectReason, RejectReason, SkipReason } from './reasons.ts';

/** What is to happen to one pod. */
export type Decision =
	| {
			readonly kind: 'inject';
			readonly plan: Plan;
			readonly patch: readonly Operation[];
			readonly warnings: readonly string[];
			/** What was changed of an earlier injection, as people would say it; empty for a pod that was not injected before. */
			readonly reconciled: readonly string[];
	  }
	| { readonly kind: 'skip'; readonly reason: SkipReason }
	| Rejection;

/** A refusal, with a sentence for the person who typed the pod. */
export interface Rejection {
	readonly kind: 'reject';
	readonly reason: RejectReason;
	readonly message: string;
}

/** What an injection is counted and logged under. */
export function injectReason({ reconciled }: Extract<Decision, { kind: 'inject' }>): InjectReason {
	return reconciled.length === 0 ? 'requested' : 'reconciled';
}

/** A refusal for `reason`, explained by `message`. */
export const reject = (reason: RejectReason, message: string): Rejection => ({
	kind: 'reject',
	reason,
	message,
});
