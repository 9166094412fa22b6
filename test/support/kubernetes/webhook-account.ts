import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { stringify } from 'yaml';
import { createObject, type ManifestObject, shippedObjects } from './apply-manifests.ts';
import type { Cluster } from './cluster.ts';

const SHIPPED = 'base/rbac.yaml';
const NAMESPACE = 'envtier-system';
const RBAC = '/apis/rbac.authorization.k8s.io/v1';

/** Gives the webhook's service account exactly the rights that ship. */
export async function grantShippedRights(cluster: Cluster): Promise<void> {
	await cluster.createNamespace({ name: NAMESPACE });
	await cluster.createServiceAccount(NAMESPACE, 'envtier-webhook');
	for (const object of await shippedObjects(SHIPPED)) await createObject(cluster, object);
}

/** A service account. */
interface Account {
	readonly namespace: string;
	readonly name: string;
}

/** An account with the rights that ship but for those on one resource, until they are given back. */
export interface Lacking extends Account {
	giveBack(): Promise<void>;
}

/** Makes an account that lacks the rights on `resource`. */
export async function accountWithout(cluster: Cluster, resource: string): Promise<Lacking> {
	const namespace = await cluster.createNamespace();
	const name = 'envtier-webhook';
	await cluster.createServiceAccount(namespace, name);
	const shipped = await shippedObjects(SHIPPED);
	const { rules } = shipped.find(({ kind }) => kind === 'ClusterRole') as ManifestObject & {
		readonly rules: readonly { readonly resources: readonly string[] }[];
	};
	const rest = rules.filter(({ resources }) => !resources.includes(resource));
	if (rest.length === rules.length) throw new Error(`no right on ${resource} ships`);
	const metadata = { name: namespace };
	const role = await cluster.request('POST', `${RBAC}/clusterroles`, { metadata, rules: rest });
	const binding = await cluster.request('POST', `${RBAC}/clusterrolebindings`, {
		metadata,
		roleRef: { apiGroup: 'rbac.authorization.k8s.io', kind: 'ClusterRole', name: namespace },
		subjects: [{ kind: 'ServiceAccount', namespace, name }],
	});
	for (const made of [role, binding])
		if (made.status !== 201) throw new Error(`RBAC: ${JSON.stringify(made.body)}`);
	return {
		namespace,
		name,
		giveBack: async () => {
			const path = `${RBAC}/clusterroles/${namespace}`;
			const whole = await cluster.request('PUT', path, { metadata, rules });
			if (whole.status !== 200) throw new Error(`RBAC: ${JSON.stringify(whole.body)}`);
		},
	};
}

/**
 * Writes a kubeconfig into `dir` for a webhook outside the cluster, with the service account that it has
 * inside.
 *
 * @param proxy in front of the API server, if there is one: its port, and its CA if it has one of its own
 * @param account default: the shipped one
 */
export async function webhookKubeconfig(
	cluster: Cluster,
	dir: string,
	proxy?: number | { readonly port: number; readonly caPem: string },
	account: Account = { namespace: NAMESPACE, name: 'envtier-webhook' },
): Promise<string> {
	const file = join(dir, `${crypto.randomUUID()}.yaml`);
	const { port, caPem } = typeof proxy === 'object' ? proxy : { port: proxy, caPem: cluster.caPem };
	const server = port === undefined ? cluster.url : `https://127.0.0.1:${port}`;
	const token = await cluster.token(account.namespace, account.name, [], 3_600);
	const ca = Buffer.from(caPem).toString('base64');
	await writeFile(
		file,
		stringify({
			apiVersion: 'v1',
			kind: 'Config',
			clusters: [{ name: 'test', cluster: { server, 'certificate-authority-data': ca } }],
			users: [{ name: 'webhook', user: { token } }],
			contexts: [{ name: 'test', context: { cluster: 'test', user: 'webhook' } }],
			'current-context': 'test',
		}),
		{ mode: 0o600 },
	);
	return file;
}
