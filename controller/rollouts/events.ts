import { createHash } from 'node:crypto';
import type { Logger } from 'pino';
import type { KubernetesClient } from '../../lib/kubernetes/client.ts';
import { type NewEvent, writeEvent } from '../../lib/kubernetes/events.ts';
import type { Workload } from '../workloads/workload.ts';

/** What is told about a workload: the reason of an Event. */
export type RolloutEvent = 'SecretsChanged' | 'RolloutBlocked' | 'RolloutReverted' | 'RolloutImpossible';

/** Longest message, in characters. */
const LONGEST = 1024;
const LONGEST_NAME = 200;

/** The Event of a message about a workload. The same message is one Event with a count. */
export function eventOf(workload: Workload, reason: RolloutEvent, message: string, now: Date): NewEvent {
	const { kind, namespace, name, uid } = workload;
	const hash = createHash('sha256')
		.update(JSON.stringify([uid, reason, message]))
		.digest('hex')
		.slice(0, 16);
	return {
		metadata: { name: `${name.slice(0, LONGEST_NAME)}.${hash}`, namespace },
		involvedObject: { apiVersion: kind.apiVersion, kind: kind.kind, name, namespace, uid },
		reason,
		message: message.slice(0, LONGEST),
		type: reason === 'SecretsChanged' ? 'Normal' : 'Warning',
		source: { component: 'envtier-controller' },
		reportingComponent: 'envtier-controller',
		firstTimestamp: now.toISOString(),
		lastTimestamp: now.toISOString(),
		count: 1,
	};
}

/** Writes an Event. A failure is logged: an Event is never worth a retry. */
export async function tell(client: KubernetesClient, log: Logger, event: NewEvent): Promise<void> {
	const written = await writeEvent(client, event);
	if (!written.ok)
		log.warn({ reason: event.reason, problem: written.error.message }, 'an Event was not written');
}
