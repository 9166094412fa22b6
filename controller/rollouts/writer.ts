import { LRUCache } from 'lru-cache';
import type { Logger } from 'pino';
import type { KubernetesClient } from '../../lib/kubernetes/client.ts';
import { objectPath } from '../workloads/kinds.ts';
import { type Workload, workloadName } from '../workloads/workload.ts';
import { eventOf, type RolloutEvent, tell } from './events.ts';

/**
 * How a change ended. `conflict`: somebody else changed the workload at the same time, or it is gone; the
 * watch brings that. `refused`: the API server does not allow it. `unavailable`: it may have taken the change
 * or not; a repetition does no harm, because of its resource version.
 */
export type Written =
	| { readonly kind: 'done'; readonly generation: number }
	| { readonly kind: 'conflict' }
	| { readonly kind: 'refused'; readonly message: string }
	| { readonly kind: 'unavailable' };

/** Everything that is written about workloads. */
export interface WorkloadWriter {
	/** Sends a merge patch that has a resource version. */
	patch(workload: Workload, body: object): Promise<Written>;
	/** Logs and writes an Event, once for the same message until another one comes. */
	tell(workload: Workload, event: RolloutEvent, message: string): Promise<void>;
}

/** Workloads whose last message is remembered. */
const MAX_TOLD = 10_000;

/** The object has changed, or is gone. */
const CONFLICTS = [404, 409, 410];
/** Statuses below 500 of a server that takes no requests now. */
const BUSY = [408, 429];

/** Opens the writer. Nothing is written while this replica does not lead. */
export function openWriter(
	client: KubernetesClient,
	{
		fieldManager,
		isLeader,
		log,
	}: {
		readonly fieldManager: string;
		readonly isLeader: () => boolean;
		readonly log: Logger;
	},
): WorkloadWriter {
	const told = new LRUCache<string, string>({ max: MAX_TOLD });
	return {
		patch: async ({ kind, namespace, name }, body) => {
			if (!isLeader()) return { kind: 'conflict' };
			const query = new URLSearchParams({ fieldManager });
			const answer = await client.call<{ readonly metadata: { readonly generation?: number } }>({
				...{ method: 'PATCH', path: `${objectPath(kind, namespace, name)}?${query}`, body },
				contentType: 'application/merge-patch+json',
			});
			if (answer.ok) return { kind: 'done', generation: answer.value.metadata.generation ?? 0 };
			const { status, message } = answer.error;
			if (status !== undefined && CONFLICTS.includes(status)) return { kind: 'conflict' };
			if (status !== undefined && status < 500 && !BUSY.includes(status)) return { kind: 'refused', message };
			log.warn(
				{ namespace, name, problem: message },
				'the API server could not take a change; it is tried again',
			);
			return { kind: 'unavailable' };
		},
		tell: async (workload, event, message) => {
			const text = `${event} ${message}`;
			if (told.get(workload.uid) === text) return;
			told.set(workload.uid, text);
			log[event === 'SecretsChanged' ? 'info' : 'warn']({ workload: workloadName(workload), event }, message);
			await tell(client, log, eventOf(workload, event, message, new Date()));
		},
	};
}
