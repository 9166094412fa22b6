import { indented, literal } from './cel.ts';
import { READ } from './injection.ts';
import { mutation } from './mutation.ts';
import { ASKS, NOT_OPTED_OUT } from './pod.ts';
import { AS_VARIABLES, notPlain, REASONS, VARIABLES } from './reasons.ts';
import { settingsVariable } from './settings.ts';
import { CHECKS } from './settings-checks.ts';

/** Names and namespaces in a cluster. */
export interface Placement {
	/** Namespaces whose pods are ignored. */
	readonly excludedNamespaces: readonly string[];
	/** Namespace and name of the ConfigMap with the webhook's settings. */
	readonly settings: { readonly namespace: string; readonly name: string };
}

/** The name of the policies, and of their bindings. */
export const POLICY_NAME = 'envtier-plain-pods';

/**
 * True for pods that request secrets and that the policy serves. A match condition, so that the API server
 * evaluates nothing more for other pods.
 */
export function plain(): string {
	return `${ASKS} &&\n${NOT_OPTED_OUT} && !(\n${indented(notPlain())})`;
}

/** The match condition by which the webhook leaves plain pods to the policy. */
export function webhookCondition(): { readonly name: string; readonly expression: string } {
	return { name: 'not-for-the-policy', expression: `!(${plain()})` };
}

/**
 * The MutatingAdmissionPolicy that injects into plain pods, the ValidatingAdmissionPolicy that refuses plain
 * pods that the settings or the namespace forbid, and their bindings.
 */
export function policyObjects(placement: Placement): readonly object[] {
	const { variables, expression } = mutation();
	const spec = {
		failurePolicy: 'Fail',
		paramKind: { apiVersion: 'v1', kind: 'ConfigMap' },
		matchConstraints: matchConstraints(placement),
		matchConditions: [{ name: 'plain', expression: plain() }],
	};
	return [
		object('MutatingAdmissionPolicy', {
			...spec,
			reinvocationPolicy: 'IfNeeded',
			variables,
			mutations: [{ patchType: 'JSONPatch', jsonPatch: { expression } }],
		}),
		object('MutatingAdmissionPolicyBinding', { policyName: POLICY_NAME, paramRef: paramRef(placement) }),
		object('ValidatingAdmissionPolicy', {
			...spec,
			variables: [settingsVariable(), ...READ.filter(({ name }) => ['org', 'role'].includes(name))],
			validations: CHECKS.map(({ topic, holds, message }) => ({
				expression: holds,
				messageExpression: `${message} + ${literal(` (${topic})`)}`,
			})),
		}),
		object('ValidatingAdmissionPolicyBinding', {
			policyName: POLICY_NAME,
			paramRef: paramRef(placement),
			validationActions: ['Deny', 'Audit'],
		}),
	];
}

function object(kind: string, spec: object): object {
	return { apiVersion: 'admissionregistration.k8s.io/v1', kind, metadata: { name: POLICY_NAME }, spec };
}

/**
 * Without the ConfigMap no pod is injected, and envtier-require-injection refuses pods that request secrets.
 * `Deny` would refuse every pod of the cluster.
 */
function paramRef({ settings }: Placement): object {
	return { ...settings, parameterNotFoundAction: 'Allow' };
}

/** The same pods as in the webhook configuration. */
function matchConstraints({ excludedNamespaces }: Placement): object {
	const values = [...excludedNamespaces];
	return {
		resourceRules: [
			{
				apiGroups: [''],
				apiVersions: ['v1'],
				operations: ['CREATE'],
				resources: ['pods'],
				scope: 'Namespaced',
			},
		],
		matchPolicy: 'Equivalent',
		namespaceSelector: {
			matchExpressions: [{ key: 'kubernetes.io/metadata.name', operator: 'NotIn', values }],
		},
	};
}

const NOT_INSTALLED = '. Envtier’s webhook, which would serve it, is not installed in this cluster';

/**
 * Validations for `envtier-require-injection` if no webhook is installed. They refuse all pods that are not
 * plain, with the annotation and the reason. They are part of that policy, before its own checks, so that no
 * second policy competes for the message.
 */
export function refusals(): {
	readonly variables: readonly object[];
	readonly validations: readonly object[];
} {
	return {
		variables: VARIABLES,
		validations: REASONS.map(({ reason, when, message }) => ({
			expression: `!(${when(AS_VARIABLES)})`,
			messageExpression: `${message(AS_VARIABLES)} + ${literal(`${reason === 'needs-webhook' ? NOT_INSTALLED : ''} (${reason})`)}`,
		})),
	};
}
