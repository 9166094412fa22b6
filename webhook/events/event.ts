import { createHash } from 'node:crypto';
import type { NewEvent } from '../../lib/kubernetes/events.ts';
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

/** The API accepts more, but long messages are not read. */
const MAX_MESSAGE_LENGTH = 1024;
const MAX_NAME_LENGTH = 200;

/**
 * The Event for a notice. Its name is derived from its content and its target. So the same cause is one Event
 * with a count, whichever replica writes it.
 */
export function eventFor({ namespace, target, cause }: PodNotice, now: Date, count: number): NewEvent {
	const { apiVersion, kind, name, uid } = target;
	const hash = createHash('sha256')
		.update(JSON.stringify([uid, cause]))
		.digest('hex');
	const text = textOf(cause);
	return {
		metadata: { name: `${name.slice(0, MAX_NAME_LENGTH)}.${hash.slice(0, 16)}`, namespace },
		involvedObject: { apiVersion, kind, name, namespace, uid },
		reason: cause.event,
		message: text.length > MAX_MESSAGE_LENGTH ? `${text.slice(0, MAX_MESSAGE_LENGTH - 1)}…` : text,
		type: 'Warning',
		source: { component: 'envtier-webhook' },
		reportingComponent: 'envtier-webhook',
		firstTimestamp: now.toISOString(),
		lastTimestamp: now.toISOString(),
		count,
	};
}
