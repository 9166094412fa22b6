import type { CoreV1Event } from '@kubernetes/client-node';
import { ok, type Result } from '../../contract/result.ts';
import type { KubernetesClient } from './client.ts';
import type { ApiFailure } from './failure.ts';

/** An Event to create. */
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
 * Writes an Event, or increases the count of the existing one, from this process or another replica. Two
 * writes at the same moment may lose a count, which is acceptable.
 */
export async function writeEvent(
	client: KubernetesClient,
	event: NewEvent,
): Promise<Result<void, ApiFailure>> {
	const { namespace, name } = event.metadata;
	const path = `/api/v1/namespaces/${encodeURIComponent(namespace)}/events`;
	const created = await client.call({ method: 'POST', path, body: event });
	if (created.ok) return ok(undefined);
	if (created.error.reason !== 'AlreadyExists') return created;
	const patch = (body: object) =>
		client.call<{ readonly count?: number }>({
			...{ method: 'PATCH', path: `${path}/${encodeURIComponent(name)}`, body },
			contentType: 'application/merge-patch+json',
		});
	// The response contains the count; otherwise a right to read Events would be needed.
	const seen = await patch({ lastTimestamp: event.lastTimestamp });
	if (!seen.ok) return seen;
	const counted = await patch({ count: (seen.value.count ?? 1) + event.count });
	return counted.ok ? ok(undefined) : counted;
}
