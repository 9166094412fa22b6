import { ANNOTATION_PREFIX, INJECTED } from '../../contract/names.ts';
import { type Json, object, objects, text } from '../../lib/json.ts';

/** A pod that can be asked, or why it cannot. */
export interface FoundPod {
	readonly name: string;
	readonly uid: string;
	/** Undefined if the pod can be asked. */
	readonly problem: string | undefined;
}

/** Reads a pod of the API server. */
export function foundPod(raw: unknown): FoundPod {
	const pod = object(raw);
	const metadata = object(pod?.['metadata']);
	return {
		name: text(metadata?.['name']) ?? '',
		uid: text(metadata?.['uid']) ?? '',
		problem: problemOf(pod, metadata),
	};
}

function problemOf(pod: Json | undefined, metadata: Json | undefined): string | undefined {
	const names = named(object(pod?.['spec'])?.['initContainers']).filter(isSidecar);
	if (names.length === 0)
		return `it has no sidecar: its pod template needs ${ANNOTATION_PREFIX}refresh, which takes effect in new pods`;
	if (metadata?.['deletionTimestamp'] !== undefined) return 'it is ending';
	const statuses = object(pod?.['status'])?.['initContainerStatuses'];
	const running = objects(statuses).filter(
		(status) =>
			isSidecar(text(status['name']) ?? '') && object(object(status['state'])?.['running']) !== undefined,
	);
	return running.length > 0 ? undefined : 'its sidecar does not run';
}

/** Several sidecars of a pod have the UID at the end of their names. */
function isSidecar(name: string): boolean {
	return name === INJECTED.sidecar || name.startsWith(`${INJECTED.sidecar}-`);
}

function named(value: unknown): readonly string[] {
	return objects(value).map(({ name }) => text(name) ?? '');
}
