import { createHash } from 'node:crypto';
import type { CoreV1Event } from '@kubernetes/client-node';
import type { Decision } from '../admission/decision.ts';
import type { Owner } from '../pod/owner-reference.ts';

/** What happened to a pod, as it is told to whoever looks at its workload. Nothing in it holds a value of an annotation. */
export type Happening =
	/** It was refused: why, in one word and in the sentence of the refusal. */
	| { readonly event: 'PodRefused'; readonly reason: string; readonly message: string }
	/** It was injected, with a warning that the controller which created it shows to nobody. */
	| { readonly event: 'PodWarning'; readonly message: string };

/** What is worth telling about a decision, if anything is. */
export function happeningOf(decision: Decision): Happening | undefined {
	if (decision.kind === 'reject')
		return { event: 'PodRefused', reason: decision.reason, message: decision.message };
	if (decision.kind === 'skip' || decision.warnings.length === 0) return undefined;
	return { event: 'PodWarning', message: decision.warnings.join('; ') };
}

/** What happened, and to whose pods. */
export interface Notice {
	readonly namespace: string;
	/** What people look at: the Deployment or CronJob. */
	readonly target: Owner;
	readonly happening: Happening;
}

function textOf(happening: Happening): string {
	return happening.event === 'PodRefused'
		? `Envtier refuses its pods (${happening.reason}): ${happening.message}`
		: `Envtier injects its pods, but ${happening.message}`;
}

/** The API takes more, but nobody reads it. */
const LONGEST = 1024;
const NAME_KEPT = 200;

/** An Event as the API takes it. */
export type NewEvent = Pick<
	CoreV1Event,
	'involvedObject' | 'reason' | 'message' | 'type' | 'source' | 'reportingComponent'
> & {
	readonly metadata: { readonly name: string; readonly namespace: string };
	readonly firstTimestamp: string;
	readonly lastTimestamp: string;
	readonly count: number;
};

/**
 * The Event for a notice. Its name follows from what it says and of what, so that the same happening, whichever replica sees it, is one Event that is counted, not
 * many.
 */
export function eventFor({ namespace, target, happening }: Notice, now: Date, count: number): NewEvent {
	const { apiVersion, kind, name, uid } = target;
	const hash = createHash('sha256')
		.update(JSON.stringify([uid, happening]))
		.digest('hex');
	const text = textOf(happening);
	return {
		metadata: { name: `${name.slice(0, NAME_KEPT)}.${hash.slice(0, 16)}`, namespace },
		involvedObject: { apiVersion, kind, name, namespace, uid },
		reason: happening.event,
		message: text.length > LONGEST ? `${text.slice(0, LONGEST - 1)}…` : text,
		type: 'Warning',
		source: { component: 'envtier-webhook' },
		reportingComponent: 'envtier-webhook',
		firstTimestamp: now.toISOString(),
		lastTimestamp: now.toISOString(),
		count,
	};
}
