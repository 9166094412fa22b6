import { type NewEvent, newEvent } from '../../lib/kubernetes/events.ts';
import type { Decision } from '../admission/decision.ts';
import type { Owner } from '../pod/owner-reference.ts';

/** Why an Event is written for a pod. It contains no value of an annotation. */
export type EventCause =
	/** The pod was refused: the reason, and the sentence of the refusal. */
	| { readonly event: 'PodRefused'; readonly reason: string; readonly message: string }
	/** The pod was injected with a warning, which its controller does not show. */
	| { readonly event: 'PodWarning'; readonly message: string };

/** The cause for an Event, if the decision needs one. */
export function eventCauseOf(decision: Decision): EventCause | undefined {
	if (decision.kind === 'reject')
		return { event: 'PodRefused', reason: decision.reason, message: decision.message };
	if (decision.kind === 'skip' || decision.warnings.length === 0) return undefined;
	return { event: 'PodWarning', message: decision.warnings.join('; ') };
}

/** A cause, and the workload that it concerns. */
export interface PodNotice {
	readonly namespace: string;
	/** The Deployment or CronJob. */
	readonly target: Owner;
	readonly cause: EventCause;
}

function textOf(cause: EventCause): string {
	return cause.event === 'PodRefused'
		? `Envtier refuses its pods (${cause.reason}): ${cause.message}`
		: `Envtier injects its pods, but ${cause.message}`;
}

/** The Event for a notice. */
export function eventFor({ namespace, target, cause }: PodNotice, now: Date, count: number): NewEvent {
	const told = { reason: cause.event, type: 'Warning', message: textOf(cause), identity: cause } as const;
	return newEvent({ ...told, target, namespace, component: 'envtier-webhook' }, now, count);
}
