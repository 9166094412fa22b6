import { createHash } from 'node:crypto';
import type { CoreV1Event } from '@kubernetes/client-node';
import type { Owner } from '../owner.ts';

/** A refusal, as it is told to whoever looks at the workload. */
export interface Notice {
	readonly namespace: string;
	/** What people look at: the Deployment or CronJob. */
	readonly target: Owner;
	/** Why, in one word, and in the sentence of the refusal; neither holds a value of an annotation. */
	readonly reason: string;
	readonly message: string;
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
 * The Event for a notice. Its name follows from what it says and of what, so that the same refusal, whichever replica makes it, is one Event that is counted, not
 * many.
 */
export function eventFor({ namespace, target, reason, message }: Notice, now: Date, count: number): NewEvent {
	const { apiVersion, kind, name, uid } = target;
	const hash = createHash('sha256')
		.update(JSON.stringify([uid, reason, message]))
		.digest('hex');
	const text = `Envtier refuses its pods (${reason}): ${message}`;
	return {
		metadata: { name: `${name.slice(0, NAME_KEPT)}.${hash.slice(0, 16)}`, namespace },
		involvedObject: { apiVersion, kind, name, namespace, uid },
		reason: 'PodRefused',
		message: text.length > LONGEST ? `${text.slice(0, LONGEST - 1)}…` : text,
		type: 'Warning',
		source: { component: 'envtier-webhook' },
		reportingComponent: 'envtier-webhook',
		firstTimestamp: now.toISOString(),
		lastTimestamp: now.toISOString(),
		count,
	};
}
