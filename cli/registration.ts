/**
 * What the shipped registration (deploy/manifests/base/registration.yaml) tells the API server, as far as the command has to know it.
 * A test compares the two.
 */
export const REGISTRATION = {
	/** Pods in these namespaces are never shown to the webhook. */
	excludedNamespaces: ['kube-system', 'kube-public', 'kube-node-lease', 'envtier-system'],
} as const;
