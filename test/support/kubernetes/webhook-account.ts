import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { parseAllDocuments, stringify } from 'yaml';
import type { Cluster } from './cluster.ts';

const SHIPPED = join(import.meta.dirname, '../../../deploy/manifests/base/rbac.yaml');
const NAMESPACE = 'envtier-system';
const RBAC = '/apis/rbac.authorization.k8s.io/v1';

/** Gives the webhook's service account exactly the rights that ship. */
export async function grantShippedRights(cluster: Cluster): Promise<void> {
	await cluster.createNamespace({ name: NAMESPACE });
	await cluster.createServiceAccount(NAMESPACE, 'envtier-webhook');
	for (const document of parseAllDocuments(await readFile(SHIPPED, 'utf8'))) {
		const object = document.toJS() as { kind: string; metadata: { name: string; namespace?: string } };
		const scope = object.metadata.namespace === undefined ? '' : `/namespaces/${object.metadata.namespace}`;
		const made = await cluster.request('POST', `${RBAC}${scope}/${object.kind.toLowerCase()}s`, object);
		if (made.status !== 201 && made.status !== 409)
			throw new Error(`${object.kind}: ${JSON.stringify(made.body)}`);
	}
}

/**
 * Writes a kubeconfig into `dir` with which a webhook outside the cluster is what it would be inside: its own service account.
 *
 * @param port of a proxy in front of the API server, if there is one
 */
export async function webhookKubeconfig(cluster: Cluster, dir: string, port?: number): Promise<string> {
	const file = join(dir, `${crypto.randomUUID()}.yaml`);
	const server = port === undefined ? cluster.url : `https://127.0.0.1:${port}`;
	const token = await cluster.token(NAMESPACE, 'envtier-webhook', [], 3_600);
	const ca = Buffer.from(cluster.caPem).toString('base64');
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
