import type {
	V1ValidatingAdmissionPolicy,
	V1ValidatingAdmissionPolicyBinding,
} from '@kubernetes/client-node';
import { EPHEMERAL_POLICY, INJECTION_POLICY } from '../webhook-configuration.ts';
import { bad, type Check, good, skipped, warn } from './check.ts';
import { type ClusterClient, statusMessage } from './cluster.ts';

const GROUP = '/apis/admissionregistration.k8s.io/v1';

/** A shipped ValidatingAdmissionPolicy. Its binding has the same name. */
interface ShippedPolicy {
	readonly id: string;
	readonly name: string;
	/** Completes "the policy …". */
	readonly what: string;
	/** What can happen without it. */
	readonly risk: string;
	/** What the API server does with it. */
	readonly effect: string;
	/** The value of the chart that installs it. */
	readonly value: string;
}

const POLICIES: readonly ShippedPolicy[] = [
	{
		id: 'require-injection',
		name: INJECTION_POLICY,
		what: 'that requires injection',
		risk: 'should the webhook configuration be lost, pods start without their secrets',
		effect: 'the API server itself refuses a pod that asks for secrets and was not injected',
		value: 'requireInjection.enabled',
	},
	{
		id: 'ephemeral-containers',
		name: EPHEMERAL_POLICY,
		what: 'about ephemeral containers',
		risk: 'whoever may run kubectl debug can read the tokens of fetchers and sidecars',
		effect: 'the API server refuses ephemeral containers that could read the tokens of fetchers and sidecars',
		value: 'ephemeralContainers.enabled',
	},
];

/** Checks that the shipped ValidatingAdmissionPolicies are installed, bound, and refuse. */
export function validatingPolicyChecks(cluster: ClusterClient): Promise<readonly Check[]> {
	return Promise.all(POLICIES.map((policy) => policyCheck(cluster, policy)));
}

async function policyCheck(cluster: ClusterClient, shipped: ShippedPolicy): Promise<Check> {
	const { id, name, what, risk, effect, value } = shipped;
	const cure = `apply it: deploy/manifests has it, and so has the chart (${value})`;
	const [policy, binding] = await Promise.all([
		cluster.request('GET', `${GROUP}/validatingadmissionpolicies/${name}`),
		cluster.request('GET', `${GROUP}/validatingadmissionpolicybindings/${name}`),
	]);
	for (const answer of [policy, binding]) {
		if (!answer.ok) return bad(id, `${cluster.server} ${answer.error.message}`, 'try again');
		if (answer.value.status === 403) return skipped(id, `not checked: ${statusMessage(answer.value)}`);
		if (answer.value.status !== 200)
			return warn(
				id,
				`there is no policy ${what} (ValidatingAdmissionPolicy ${name} and its binding): ${risk}`,
				cure,
			);
	}
	const objects = [policy, binding].map((answer) => (answer.ok ? answer.value.body : undefined));
	const { spec } = objects[0] as V1ValidatingAdmissionPolicy;
	const bound = (objects[1] as V1ValidatingAdmissionPolicyBinding).spec;
	if (bound?.policyName !== name)
		return warn(id, `the binding ${name} binds another policy, so the policy ${what} is not in force`, cure);
	if (!bound.validationActions?.includes('Deny') || spec?.failurePolicy === 'Ignore')
		return warn(id, `the policy ${what} (${name}) refuses nothing: it only warns`, cure);
	return good(id, effect);
}
