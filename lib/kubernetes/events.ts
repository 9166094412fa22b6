import { createHash } from 'node:crypto';
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

/** What an Event says, and of which object. */
export interface EventContent {
	readonly target: {
		readonly apiVersion: string;
		readonly kind: string;
		readonly name: string;
		readonly uid: string;
	};
	readonly namespace: string;
	/** The program that writes it. */
	readonly component: string;
	readonly reason: string;
	readonly type: 'Normal' | 'Warning';
	readonly message: string;
	/** What makes it the same Event, besides the target. */
	readonly identity: unknown;
}

/** The API accepts more, but long messages are not read. */
const MAX_MESSAGE_LENGTH = 1024;
const MAX_NAME_LENGTH = 200;

/**
 * The Event of a content. Its name is derived from its identity and its target. So the same content is one
 * Event with a count, whichever replica writes it.
 */
export function newEvent(content: EventContent, now: Date, count: number): NewEvent {
	const { target, namespace, component, reason, type, message, identity } = content;
	const { apiVersion, kind, name, uid } = target;
	const hash = createHash('sha256')
		.update(JSON.stringify([uid, identity]))
		.digest('hex');
	return {
		metadata: { name: `${name.slice(0, MAX_NAME_LENGTH)}.${hash.slice(0, 16)}`, namespace },
		involvedObject: { apiVersion, kind, name, namespace, uid },
		reason,
		message: message.length > MAX_MESSAGE_LENGTH ? `${message.slice(0, MAX_MESSAGE_LENGTH - 1)}…` : message,
		type,
		source: { component },
		reportingComponent: component,
		firstTimestamp: now.toISOString(),
		lastTimestamp: now.toISOString(),
		count,
	};
}

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
