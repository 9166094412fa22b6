/**
 * The parts of the shipped webhook configuration (deploy/manifests/base/webhook-configuration.yaml) that the
 * command checks. A test compares the two.
 */
export const WEBHOOK_CONFIGURATION = {
	/** Name of the webhook within its configuration. The configuration itself may have any name. */
	webhook: 'inject.envtier.dev',
	/** Pods in these namespaces are never shown to the webhook. */
	excludedNamespaces: ['kube-system', 'kube-public', 'kube-node-lease', 'envtier-system'],
	rule: {
		apiGroups: [''],
		apiVersions: ['v1'],
		operations: ['CREATE'],
		resources: ['pods'],
		scope: 'Namespaced',
	},
	matchConditions: [
		{
			name: 'has-envtier-annotation',
			expression:
				"has(object.metadata.annotations) && object.metadata.annotations.exists(name, name.lowerAscii().startsWith('envtier.dev/'))",
		},
	],
	matchPolicy: 'Equivalent',
	failurePolicy: 'Fail',
	reinvocationPolicy: 'IfNeeded',
	sideEffects: 'NoneOnDryRun',
	timeoutSeconds: 5,
} as const;

/**
 * Name of the ValidatingAdmissionPolicy, and of its binding, that refuses pods for which the webhook was not
 * called (require-injection.yaml).
 */
export const INJECTION_POLICY = 'envtier-require-injection';

/**
 * Name of the ValidatingAdmissionPolicy, and of its binding, that refuses ephemeral containers which could
 * read tokens (ephemeral-containers.yaml).
 */
export const EPHEMERAL_POLICY = 'envtier-ephemeral-containers';
