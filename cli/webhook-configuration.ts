/**
 * What the shipped webhook configuration (deploy/manifests/base/webhook-configuration.yaml) tells the API server, as far as the command has to know it.
 * A test compares the two.
 */
export const WEBHOOK_CONFIGURATION = {
	/** Name of the webhook within its configuration, by which it is found whatever the configuration is called. */
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

/** Name of the ValidatingAdmissionPolicy, and of its binding, that refuses what the webhook was not asked about (require-injection.yaml). */
export const INJECTION_POLICY = 'envtier-require-injection';
