import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { KubernetesObject } from '@kubernetes/client-node';
import { parseAllDocuments } from 'yaml';
import { until } from '../until.ts';
import { type Cluster, expectStatus } from './cluster.ts';
import { createPod, podOf } from './pods.ts';

const SHIPPED = join(import.meta.dirname, '../../../deploy/manifests/base/net.yaml');
const GROUP = '/apis/admissionregistration.k8s.io/v1';
const COLLECTIONS: Readonly<Record<string, string>> = {
	ValidatingAdmissionPolicy: 'validatingadmissionpolicies',
	ValidatingAdmissionPolicyBinding: 'validatingadmissionpolicybindings',
};

/** Applies the net under the webhook exactly as it ships; in force when this resolves. No registration may be in force yet. */
export async function spreadNet(cluster: Cluster): Promise<void> {
	for (const document of parseAllDocuments(await readFile(SHIPPED, 'utf8'))) {
		const object = document.toJS() as KubernetesObject;
		const made = await cluster.request('POST', `${GROUP}/${COLLECTIONS[object.kind ?? '']}`, object);
		expectStatus(made, 201, `applying the ${object.kind}`);
	}
	const namespace = await cluster.createNamespace({ prefix: 'probe-' });
	const asking = podOf({ envtier: { deployment: 'shop' } });
	await until('the net to be in force', async () => {
		const { body } = await createPod(cluster, namespace, asking, 'dryRun=All');
		return body.message?.includes('envtier-net');
	});
}
