import type { V1Pod } from '@kubernetes/client-node';
import type { Cluster } from '../../../support/kubernetes/cluster.ts';

/** Makes what a pod refers to and the API server wants to see before it takes the pod. */
export async function provide(cluster: Cluster, namespace: string, pod: V1Pod): Promise<void> {
	const { serviceAccountName, serviceAccount, priorityClassName, runtimeClassName } = pod.spec ?? {};
	const account = serviceAccountName ?? serviceAccount;
	if (account !== undefined) await cluster.createServiceAccount(namespace, account);
	if (priorityClassName !== undefined && !priorityClassName.startsWith('system-')) {
		await cluster.request('POST', '/apis/scheduling.k8s.io/v1/priorityclasses', {
			metadata: { name: priorityClassName },
			value: 1000,
		});
	}
	if (runtimeClassName !== undefined) {
		await cluster.request('POST', '/apis/node.k8s.io/v1/runtimeclasses', {
			metadata: { name: runtimeClassName },
			handler: runtimeClassName,
		});
	}
}
