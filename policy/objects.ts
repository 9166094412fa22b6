import { indented, literal } from './cel.ts';
import { READ } from './injection.ts';
import { mutation } from './mutation.ts';
import { ASKS, NOT_OPTED_OUT } from './pod.ts';
import { AS_VARIABLES, notPlain, REASONS, VARIABLES } from './reasons.ts';
import { settingsVariable } from './settings.ts';
import { CHECKS } from './settings-checks.ts';

/** Where things are in a cluster. */
export interface Placement {
	/** Namespaces whose pods nobody looks at. */
	readonly excludedNamespaces: readonly string[];
	/** Namespace and name of the ConfigMap with the webhook's settings. */
	readonly settings: { readonly namespace: string; readonly name: string };
}

/** The name of the policies, and of their bindings. */
export const POLICY_NAME = 'envtier-plain-pods';

/**
 * Holds for pods that ask for secrets and that the policy serves. One expression, so that for other pods
 * nothing more is evaluated.
 */
export function plain(): string {
	return `${ASKS} &&\n${NOT_OPTED_OUT} && !(\n${indented(notPlain())})`;
}

/** The match condition by which the webhook leaves plain pods to the policy. */
export function webhookCondition(): { readonly name: string; readonly expression: string } {
	return { name: 'not-for-the-policy', expression: `!(${plain()})` };
}

/**
 * The MutatingAdmissionPolicy that injects into plain pods, the ValidatingAdmissionPolicy that refuses those
 * that the settings or the
 * namespace forbid, and their bindings.
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
 * Without the ConfigMap no pod is injected, and envtier-require-injection refuses those that ask. `Deny`
 * would refuse every pod of the cluster.
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
 * What `envtier-require-injection` gets where no webhook is installed: it then refuses all pods that are not
 * plain, each with its annotation
 * and its reason. In that policy, so that no second one decides which message is seen; its own checks come
 * after these.
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
