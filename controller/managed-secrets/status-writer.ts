import { err, ok, type Result } from '../../contract/result.ts';
import type { KubernetesClient } from '../../lib/kubernetes/client.ts';
import { API_VERSION, KIND, PLURAL } from './names.ts';
import type { ManagedSecret, ManagedSecretStatus } from './resource.ts';

/**
 * Writes a status by server-side apply, so that it conflicts with nobody. The UID keeps it from a new object
 * of the same name. `ok` also if the object is gone.
 */
export async function writeStatus(
	client: KubernetesClient,
	{ namespace, name, uid }: ManagedSecret,
	status: ManagedSecretStatus,
	fieldManager: string,
): Promise<Result<void>> {
	const query = new URLSearchParams({ fieldManager, force: 'true' });
	const path = `${collectionPath(namespace)}/${encodeURIComponent(name)}/status?${query}`;
	const answer = await client.call<unknown>({
		...{ method: 'PATCH', path, contentType: 'application/apply-patch+yaml' },
		body: { apiVersion: API_VERSION, kind: KIND, metadata: { name, namespace, uid }, status },
	});
	if (answer.ok || answer.error.status === 404 || answer.error.status === 409) return ok(undefined);
	return err(answer.error.message);
}

/** The collection of all ManagedSecrets, or of those of a namespace. */
export function collectionPath(namespace?: string): string {
	const scope = namespace === undefined ? '' : `/namespaces/${encodeURIComponent(namespace)}`;
	return `/apis/${API_VERSION}${scope}/${PLURAL}`;
}
