import type { VaultApi } from '../openbao.ts';
import { enableAuth } from '../openbao-setup.ts';
import { type Cluster, expectStatus } from './cluster.ts';

/** Life of the reviewer's token: longer than any run of the tests. */
const REVIEWER_SECONDS = 6 * 3600;

/**
 * Mounts the kubernetes auth method with TokenReview at `cluster`, through a reviewer service account with no
 * other right (system:auth-delegator). Does not use deploy/vault: this cluster has no controller for the
 * reviewer's token, and it may be shared with others.
 */
export async function trustCluster(vault: VaultApi, cluster: Cluster): Promise<void> {
	const namespace = await cluster.createNamespace({ prefix: 'vault-' });
	const name = 'reviewer';
	await cluster.createServiceAccount(namespace, name);
	const binding = await cluster.request('POST', '/apis/rbac.authorization.k8s.io/v1/clusterrolebindings', {
		metadata: { name: `${namespace}-reviewer` },
		roleRef: { apiGroup: 'rbac.authorization.k8s.io', kind: 'ClusterRole', name: 'system:auth-delegator' },
		subjects: [{ kind: 'ServiceAccount', namespace, name }],
	});
	expectStatus(binding, 201, 'binding the reviewer to system:auth-delegator');
	await enableAuth(vault, 'kubernetes', {
		config: {
			kubernetes_host: cluster.url,
			kubernetes_ca_cert: cluster.caPem,
			token_reviewer_jwt: await cluster.token(namespace, name, [], REVIEWER_SECONDS),
		},
	});
}
