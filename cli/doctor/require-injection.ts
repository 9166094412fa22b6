import type {
	V1ValidatingAdmissionPolicy,
	V1ValidatingAdmissionPolicyBinding,
} from '@kubernetes/client-node';
import { INJECTION_POLICY } from '../webhook-configuration.ts';
import { bad, type Check, good, skipped, warn } from './check.ts';
import { type ClusterClient, statusMessage } from './cluster.ts';

const GROUP = '/apis/admissionregistration.k8s.io/v1';
const APPLY = 'apply it: deploy/manifests has it, and so has the chart (requireInjection.enabled)';

/** Checks whether the API server refuses a pod that asks for secrets and was not injected. */
export async function injectionPolicyCheck(cluster: ClusterClient): Promise<Check> {
	const id = 'require-injection';
	const [policy, binding] = await Promise.all([
		cluster.request('GET', `${GROUP}/validatingadmissionpolicies/${INJECTION_POLICY}`),
		cluster.request('GET', `${GROUP}/validatingadmissionpolicybindings/${INJECTION_POLICY}`),
	]);
	for (const answer of [policy, binding]) {
		if (!answer.ok) return bad(id, `${cluster.server} ${answer.error.message}`, 'try again');
		if (answer.value.status === 403) return skipped(id, `not checked: ${statusMessage(answer.value)}`);
		if (answer.value.status !== 200)
			return warn(
				id,
				`there is no policy that requires injection (ValidatingAdmissionPolicy ${INJECTION_POLICY} and its binding): should the webhook configuration be lost, pods start without their secrets`,
				APPLY,
			);
	}
	const objects = [policy, binding].map((answer) => (answer.ok ? answer.value.body : undefined));
	const { spec } = objects[0] as V1ValidatingAdmissionPolicy;
	const actions = (objects[1] as V1ValidatingAdmissionPolicyBinding).spec?.validationActions ?? [];
	if (!actions.includes('Deny') || spec?.failurePolicy === 'Ignore')
		return warn(
			id,
			`the policy that requires injection (${INJECTION_POLICY}) refuses nothing: it only warns`,
			APPLY,
		);
	return good(id, 'the API server itself refuses a pod that asks for secrets and was not injected');
}
