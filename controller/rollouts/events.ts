import type { Logger } from 'pino';
import type { KubernetesClient } from '../../lib/kubernetes/client.ts';
import { type NewEvent, newEvent, writeEvent } from '../../lib/kubernetes/events.ts';
import type { Workload } from '../workloads/workload.ts';

/** What is told about a workload: the reason of an Event. */
export type RolloutEvent = 'SecretsChanged' | 'RolloutBlocked' | 'RolloutReverted' | 'RolloutImpossible';

/** The Event of a message about a workload. */
export function eventOf(workload: Workload, reason: RolloutEvent, message: string, now: Date): NewEvent {
	const { kind, namespace, name, uid } = workload;
	return newEvent(
		{
			...{ namespace, reason, message, identity: [reason, message] },
			target: { apiVersion: kind.apiVersion, kind: kind.kind, name, uid },
			type: reason === 'SecretsChanged' ? 'Normal' : 'Warning',
			component: 'envtier-controller',
		},
		now,
		1,
	);
}

/** Writes an Event. A failure is logged: an Event is never worth a retry. */
export async function tell(client: KubernetesClient, log: Logger, event: NewEvent): Promise<void> {
	const written = await writeEvent(client, event);
	if (!written.ok)
		log.warn({ reason: event.reason, problem: written.error.message }, 'an Event was not written');
}
