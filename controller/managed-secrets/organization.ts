import { ORG_LABEL, parseName } from '../../contract/names.ts';
import { err, ok, type Result } from '../../contract/result.ts';
import { object, text } from '../../lib/json.ts';
import type { KubernetesClient } from '../../lib/kubernetes/client.ts';
import type { SyncFailure } from './outcome.ts';
import { notOptedIn } from './tokens.ts';

/** How the operator decides the organization of a namespace (ENVTIER_ORG_LABEL, ENVTIER_DEFAULT_ORG). */
export interface OrganizationSettings {
	readonly labelMode: 'ignore' | 'default' | 'enforce';
	readonly defaultOrg: string | undefined;
}

/**
 * The organization of a ManagedSecret, by the same rule as that of a pod (webhook/admission/organization.ts):
 * its own, else that of the namespace's label, else the operator's. With `enforce` it may name no other.
 *
 * @param label the label of the namespace
 */
export function organizationOf(
	own: string | undefined,
	label: string | undefined,
	{ labelMode, defaultOrg }: OrganizationSettings,
): Result<string | undefined, SyncFailure> {
	if (labelMode === 'ignore' || (own !== undefined && labelMode === 'default')) return ok(own ?? defaultOrg);
	if (label !== undefined && !parseName(label).ok)
		return err({
			reason: 'OrganizationNotAllowed',
			message: `the label ${ORG_LABEL} of the namespace is no name of an organization`,
		});
	const org = label ?? defaultOrg;
	if (own === undefined || own === org) return ok(org);
	return err({
		reason: 'OrganizationNotAllowed',
		message: `spec.org names another organization than the namespace has (${org === undefined ? 'none' : `"${org}"`}), which is enforced here: remove spec.org, or ask whoever runs the cluster`,
	});
}

/** Whether the namespace has to be asked for its label. */
export function needsLabel(own: string | undefined, { labelMode }: OrganizationSettings): boolean {
	return labelMode === 'enforce' || (labelMode === 'default' && own === undefined);
}

/** The label of a namespace that names its organization. The Role of the namespace allows to read it. */
export async function labelOf(
	client: KubernetesClient,
	namespace: string,
	account: string,
): Promise<Result<string | undefined, SyncFailure>> {
	const answer = await client.call<unknown>({
		method: 'GET',
		path: `/api/v1/namespaces/${encodeURIComponent(namespace)}`,
	});
	if (answer.ok) {
		const metadata = object(object(answer.value)?.['metadata']);
		return ok(text(object(metadata?.['labels'])?.[ORG_LABEL]));
	}
	const { status, message } = answer.error;
	if (status === 403) return err(notOptedIn(namespace, account));
	return err({ reason: 'ClusterUnavailable', message: `the API server ${message}` });
}
