import type { Operation } from '../patch/json-patch.ts';
import type { InjectionPlan } from './injection-plan.ts';
import type { InjectReason, SkipReason } from './reasons.ts';
import type { Rejection } from './rejection.ts';

/** The decision about one pod. */
export type Decision =
	| {
			readonly kind: 'inject';
			readonly plan: InjectionPlan;
			readonly patch: readonly Operation[];
			readonly warnings: readonly string[];
			/**
			 * Parts of an earlier injection that were changed, for messages. Empty for a pod that was not injected
			 * before.
			 */
			readonly reconciled: readonly string[];
	  }
	| { readonly kind: 'skip'; readonly reason: SkipReason }
	| Rejection;

/** The reason under which an injection is counted and logged. */
export function injectReason({ reconciled }: Extract<Decision, { kind: 'inject' }>): InjectReason {
	return reconciled.length === 0 ? 'requested' : 'reconciled';
}
