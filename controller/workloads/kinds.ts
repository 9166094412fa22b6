/** A kind of workload that the controller rolls. */
export interface WorkloadKind {
	readonly kind: string;
	/** `GROUP/VERSION`. */
	readonly apiVersion: string;
	readonly plural: string;
	/** Whether pods belong to a ReplicaSet in between; the label that holds its hash. */
	readonly hashLabel?: string;
	/** A kind of another project: it is left out if the API server does not know it. */
	readonly optional?: true;
}

/** The kinds, by name. */
export const WORKLOAD_KINDS: readonly WorkloadKind[] = [
	{ kind: 'Deployment', apiVersion: 'apps/v1', plural: 'deployments', hashLabel: 'pod-template-hash' },
	{ kind: 'StatefulSet', apiVersion: 'apps/v1', plural: 'statefulsets' },
	{ kind: 'DaemonSet', apiVersion: 'apps/v1', plural: 'daemonsets' },
	{
		kind: 'Rollout',
		apiVersion: 'argoproj.io/v1alpha1',
		plural: 'rollouts',
		hashLabel: 'rollouts-pod-template-hash',
		optional: true,
	},
];

/** The collection of a kind in all namespaces. */
export function collectionPath({ apiVersion, plural }: WorkloadKind): string {
	return `/apis/${apiVersion}/${plural}`;
}

/** One object. */
export function objectPath({ apiVersion, plural }: WorkloadKind, namespace: string, name: string): string {
	return `/apis/${apiVersion}/namespaces/${encodeURIComponent(namespace)}/${plural}/${encodeURIComponent(name)}`;
}
