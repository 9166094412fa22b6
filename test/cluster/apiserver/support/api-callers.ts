import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { stringify } from 'yaml';
import { type Cluster, expectStatus } from '../../../support/kubernetes/cluster.ts';

const RBAC = '/apis/rbac.authorization.k8s.io/v1';

/** Service accounts that call the secrets API, and the one with which the API asks the cluster about them. */
export interface ApiCallers extends AsyncDisposable {
	readonly namespace: string;
	/** The variables with which the API takes Kubernetes tokens of this cluster. */
	readonly env: Readonly<Record<string, string>>;
	/** A service account with the rules of a ClusterRole of its own. Returns its token for the API. */
	account(name: string, rules: readonly object[]): Promise<string>;
	/** Another token of an account. */
	token(name: string, audience: string): Promise<string>;
	/** The subject of an account at the API. */
	subject(name: string): string;
}

/** A rule for a resource of the API group `envtier.dev`. */
export function rule(resource: string, verbs: readonly string[], names?: readonly string[]): object {
	return {
		apiGroups: ['envtier.dev'],
		resources: [resource],
		verbs,
		...(names === undefined ? {} : { resourceNames: names }),
	};
}

/** Creates a namespace for callers of the API. */
export async function apiCallers(cluster: Cluster): Promise<ApiCallers> {
	const namespace = await cluster.createNamespace({ prefix: 'api-' });
	const cleanup: string[] = [];
	const create = async (path: string, body: object) => {
		expectStatus(await cluster.request('POST', path, body), 201, `creating at ${path}`);
	};
	const bind = (binding: string, role: string, name: string) =>
		create(`${RBAC}/clusterrolebindings`, {
			metadata: { name: binding },
			roleRef: { apiGroup: 'rbac.authorization.k8s.io', kind: 'ClusterRole', name: role },
			subjects: [{ kind: 'ServiceAccount', namespace, name }],
		});
	// The API itself may review tokens and ask about rights, and nothing else.
	await cluster.createServiceAccount(namespace, 'envtier-api');
	cleanup.push(`${RBAC}/clusterrolebindings/${namespace}-delegator`);
	await bind(`${namespace}-delegator`, 'system:auth-delegator', 'envtier-api');
	const dir = await mkdtemp(join(tmpdir(), 'envtier-api-callers-'));
	const token = await cluster.token(namespace, 'envtier-api');
	const file = join(dir, 'kubeconfig');
	const ca = Buffer.from(cluster.caPem).toString('base64');
	const config = {
		apiVersion: 'v1',
		kind: 'Config',
		clusters: [{ name: 'c', cluster: { server: cluster.url, 'certificate-authority-data': ca } }],
		users: [{ name: 'u', user: { token } }],
		contexts: [{ name: 'x', context: { cluster: 'c', user: 'u' } }],
		'current-context': 'x',
	};
	await writeFile(file, stringify(config), { mode: 0o600 });
	return {
		namespace,
		env: {
			ENVTIER_API_KUBERNETES: 'true',
			ENVTIER_API_KUBECONFIG: file,
			ENVTIER_API_KUBERNETES_ORG: 'acme',
			ENVTIER_API_FAILED_LOGINS_PER_MINUTE: '1000',
		},
		account: async (name, rules) => {
			await cluster.createServiceAccount(namespace, name);
			const role = `${namespace}-${name}`;
			cleanup.push(`${RBAC}/clusterrolebindings/${role}`, `${RBAC}/clusterroles/${role}`);
			await create(`${RBAC}/clusterroles`, { metadata: { name: role }, rules });
			await bind(role, role, name);
			return cluster.token(namespace, name, ['envtier-api']);
		},
		token: (name, audience) => cluster.token(namespace, name, [audience]),
		subject: (name) => `kubernetes:system:serviceaccount:${namespace}:${name}`,
		[Symbol.asyncDispose]: async () => {
			for (const path of cleanup) await cluster.request('DELETE', path);
			await rm(dir, { recursive: true, force: true });
		},
	};
}
