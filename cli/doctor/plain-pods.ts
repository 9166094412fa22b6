import type {
	V1MutatingWebhook,
	V1ValidatingAdmissionPolicy,
	V1ValidatingAdmissionPolicyBinding,
} from '@kubernetes/client-node';
import { POLICY_NAME, plain, refusals, webhookCondition } from '../../policy/objects.ts';
import { INJECTION_POLICY } from '../webhook-configuration.ts';
import { bad, type Check, good, skipped, warn } from './check.ts';
import { type ClusterClient, statusMessage } from './cluster.ts';

const GROUP = '/apis/admissionregistration.k8s.io/v1';
const APPLY =
	'apply it as it ships: deploy/manifests/components/policy, or the chart (policy.enabled); docs/webhookless.md';

/** The admission policy for plain pods in the cluster. */
export interface PlainPods {
	readonly check: Check;
	/** True when the policy exists, with its binding and its settings. */
	readonly served: boolean;
}

/** The object that the API server returned; undefined if there is none; a check if it could not be read. */
type Found = { readonly body: unknown } | { readonly check: Check } | undefined;

const ID = 'plain-pods';

async function find(cluster: ClusterClient, path: string): Promise<Found> {
	const answer = await cluster.request('GET', path);
	if (!answer.ok) return { check: bad(ID, `${cluster.server} ${answer.error.message}`, 'try again') };
	const { status, body } = answer.value;
	if (status === 403) return { check: skipped(ID, `not checked: ${statusMessage(answer.value)}`) };
	return status === 200 ? { body } : undefined;
}

/** Checks whether the API server itself injects into plain pods, and with which settings. */
export async function plainPods(cluster: ClusterClient): Promise<PlainPods> {
	const not = (check: Check): PlainPods => ({ check, served: false });
	const policy = await find(cluster, `${GROUP}/mutatingadmissionpolicies/${POLICY_NAME}`);
	if (policy === undefined)
		return not(good(ID, 'the webhook injects into all pods: no MutatingAdmissionPolicy does'));
	if ('check' in policy) return not(policy.check);
	const binding = await find(cluster, `${GROUP}/mutatingadmissionpolicybindings/${POLICY_NAME}`);
	if (binding === undefined)
		return not(bad(ID, `the policy ${POLICY_NAME} has no binding, so it injects nothing`, APPLY));
	if ('check' in binding) return not(binding.check);
	const reference = (binding.body as V1ValidatingAdmissionPolicyBinding).spec?.paramRef;
	const place = `${reference?.namespace}/${reference?.name}`;
	const settings = await find(
		cluster,
		`/api/v1/namespaces/${reference?.namespace}/configmaps/${reference?.name}`,
	);
	if (settings === undefined)
		return not(
			bad(
				ID,
				`the policy ${POLICY_NAME} takes its settings from the ConfigMap ${place}, which does not exist: plain pods are refused`,
				'apply the manifests again; with Kustomize, say namespace: envtier-system in the overlay',
			),
		);
	if ('check' in settings) return not(settings.check);
	const { spec } = policy.body as V1ValidatingAdmissionPolicy;
	if (spec?.failurePolicy === 'Ignore')
		return not(bad(ID, `the policy ${POLICY_NAME} has failurePolicy Ignore`, APPLY));
	if (spec?.matchConditions?.[0]?.expression !== plain())
		return {
			served: true,
			check: warn(ID, `the policy ${POLICY_NAME} is not that of this version of Envtier`, APPLY),
		};
	return {
		served: true,
		check: good(
			ID,
			`the policy ${POLICY_NAME} injects into plain pods, by the settings of the ConfigMap ${place}; envtier explain --policy says which pods these are`,
		),
	};
}

/** Checks that the webhook and the policy divide the pods between them as the manifests do. */
export function divisionCheck({ matchConditions = [] }: V1MutatingWebhook, { served }: PlainPods): Check {
	const id = 'plain-pods-webhook';
	const { name, expression } = webhookCondition();
	const found = matchConditions.find((condition) => condition.name === name);
	if (found === undefined)
		return served
			? warn(
					id,
					`the webhook is asked about plain pods as well, although the policy ${POLICY_NAME} injects into them: while it is away, they are refused`,
					APPLY,
				)
			: good(id, 'the webhook is asked about all pods that ask for secrets');
	if (!served)
		return bad(
			id,
			`the webhook leaves plain pods to the policy ${POLICY_NAME}, which does not inject: they are refused`,
			APPLY,
		);
	if (found.expression !== expression)
		return warn(
			id,
			`the match condition ${name} of the webhook is not that of this version of Envtier: pods may be left to a policy that does not take them, and are refused then`,
			APPLY,
		);
	return good(id, `the webhook leaves plain pods to the policy ${POLICY_NAME}, and takes all others`);
}

/**
 * Checks a cluster without a webhook where the policy serves plain pods: all other pods must be refused with
 * a reason.
 */
export async function aloneCheck(cluster: ClusterClient): Promise<Check> {
	const id = 'webhook-configuration';
	const found = await find(cluster, `${GROUP}/validatingadmissionpolicies/${INJECTION_POLICY}`);
	if (found !== undefined && 'check' in found) return found.check;
	const { spec } = (found?.body ?? {}) as V1ValidatingAdmissionPolicy;
	const first = (refusals().validations[0] as { expression?: string } | undefined)?.expression;
	if (spec?.validations?.some(({ expression }) => expression === first))
		return good(
			id,
			`no webhook is registered: the policy ${POLICY_NAME} injects into plain pods, and ${INJECTION_POLICY} refuses all others with a reason`,
		);
	return warn(
		id,
		`no webhook is registered, and ${INJECTION_POLICY} does not say why it refuses pods that the policy ${POLICY_NAME} leaves`,
		'apply deploy/manifests/overlays/policy, or the chart with webhook.enabled=false',
	);
}
