import type { V1ValidatingAdmissionPolicyBinding } from '@kubernetes/client-node';
import { object, objects, text } from '../../lib/json.ts';
import { type Check, good, redacted, skipped, warn } from './check.ts';
import { type ClusterClient, statusMessage, why } from './cluster.ts';

const ID = 'managed-secrets';
const API = '/apis/envtier.dev/v1alpha1';
const BINDINGS = '/apis/admissionregistration.k8s.io/v1/validatingadmissionpolicybindings';
/** ManagedSecrets that are looked at, and failing ones that are named. */
const LIMIT = 500;
const NAMED = 5;

/** The policies that limit ManagedSecrets: deploy/manifests/components/controller-managed-secrets. */
const POLICIES = [
	'envtier-controller-tokens',
	'envtier-controller-secrets',
	'envtier-managed-secrets-authors',
] as const;

/** Checks the ManagedSecrets and the policies that limit them. No check where they are not installed. */
export async function managedSecretChecks(cluster: ClusterClient): Promise<readonly Check[]> {
	const served = await cluster.request('GET', API);
	if (!served.ok || served.value.status !== 200) return [];
	return [await conditionsCheck(cluster), ...(await policyChecks(cluster))];
}

async function conditionsCheck(cluster: ClusterClient): Promise<Check> {
	const listed = await cluster.request('GET', `${API}/managedsecrets?limit=${LIMIT}`);
	if (listed.ok && listed.value.status === 403)
		return skipped(
			ID,
			`not checked, because you may not list managedsecrets: ${statusMessage(listed.value)}`,
		);
	if (!listed.ok || listed.value.status !== 200)
		return warn(ID, `the ManagedSecrets cannot be listed: ${why(listed)}`, 'try again');
	const items = objects(object(listed.value.body)?.['items']);
	const failing = items.flatMap((item) => failureOf(item) ?? []);
	const more = object(object(listed.value.body)?.['metadata'])?.['continue'] ? ` (the first ${LIMIT})` : '';
	if (failing.length === 0)
		return good(ID, `${items.length} ManagedSecrets${more}, and all Secrets are as Vault has them`);
	const shown = failing.slice(0, NAMED).join('; ');
	const rest = failing.length > NAMED ? `; and ${failing.length - NAMED} more` : '';
	return warn(
		ID,
		`${failing.length} of ${items.length} ManagedSecrets${more} are not as Vault has them: ${shown}${rest}`,
		'kubectl describe managedsecret shows the whole message and what to do; docs/managed-secret-crd.md explains the reasons',
	);
}

/** `NAMESPACE/NAME REASON` of a ManagedSecret that is not as Vault has it; undefined for all others. */
function failureOf(item: unknown): string | undefined {
	const { metadata, status } = object(item) ?? {};
	const { namespace, name } = object(metadata) ?? {};
	const conditions = objects(object(status)?.['conditions']);
	const synced = conditions.find(({ type }) => type === 'Synced');
	const reason = text(synced?.['reason']) ?? 'no controller has looked at it';
	const isFine = synced?.['status'] === 'True' || reason === 'SyncOff';
	return isFine ? undefined : redacted(`${namespace}/${name} ${reason}`);
}

/** A warning if one of the policies is missing or refuses nothing. */
async function policyChecks(cluster: ClusterClient): Promise<readonly Check[]> {
	const id = 'managed-secret-policies';
	const missing: string[] = [];
	for (const name of POLICIES) {
		const answer = await cluster.request('GET', `${BINDINGS}/${name}`);
		if (answer.ok && answer.value.status === 403)
			return [skipped(id, `not checked: ${statusMessage(answer.value)}`)];
		const binding = answer.ok ? (answer.value.body as V1ValidatingAdmissionPolicyBinding) : undefined;
		if (!(binding?.spec?.validationActions ?? []).includes('Deny')) missing.push(name);
	}
	return missing.length === 0
		? [good(id, 'the API server limits what the controller may write, and who may write a ManagedSecret')]
		: [
				warn(
					id,
					`the API server does not enforce ${missing.join(', ')}: without them the controller’s account, or whoever may write a ManagedSecret, can do more than it should`,
					'apply deploy/manifests/components/controller-managed-secrets, or the chart',
				),
			];
}
