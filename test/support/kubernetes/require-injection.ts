import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { KubernetesObject } from '@kubernetes/client-node';
import { parseAllDocuments } from 'yaml';
import { until } from '../until.ts';
import { type Cluster, expectStatus } from './cluster.ts';
import { createPod, podOf } from './pods.ts';

const MANIFESTS = join(import.meta.dirname, '../../../deploy/manifests/base');
const GROUP = '/apis/admissionregistration.k8s.io/v1';
const COLLECTIONS: Readonly<Record<string, string>> = {
	ValidatingAdmissionPolicy: 'validatingadmissionpolicies',
	ValidatingAdmissionPolicyBinding: 'validatingadmissionpolicybindings',
};

async function apply(cluster: Cluster, file: string): Promise<void> {
	for (const document of parseAllDocuments(await readFile(join(MANIFESTS, file), 'utf8'))) {
		const object = document.toJS() as KubernetesObject;
		const made = await cluster.request('POST', `${GROUP}/${COLLECTIONS[object.kind ?? '']}`, object);
		expectStatus(made, 201, `applying the ${object.kind}`);
	}
}

/** Applies the policies that only warn, exactly as they ship; in force when this resolves. */
export async function applyNotices(cluster: Cluster): Promise<void> {
	await apply(cluster, 'notices.yaml');
	const alike = podOf({ annotations: { 'envtier.io/deployment': 'shop' } });
	const excluded = podOf({ envtier: { deployment: 'shop' } });
	await until('the notices to be in force', async () => {
		const answers = [
			await createPod(cluster, await cluster.createNamespace(), alike, 'dryRun=All'),
			await createPod(cluster, 'kube-system', excluded, 'dryRun=All'),
		];
		return answers.every(({ warnings }) => warnings.length > 0);
	});
}

/** Applies the policy about ephemeral containers, exactly as it ships. */
export async function applyEphemeralContainersPolicy(cluster: Cluster): Promise<void> {
	await apply(cluster, 'ephemeral-containers.yaml');
}

/**
 * Applies the shipped policy that requires injection; it is in force when this resolves. No webhook
 * configuration may be in force yet.
 */
export async function applyInjectionPolicy(cluster: Cluster): Promise<void> {
	await apply(cluster, 'require-injection.yaml');
	const namespace = await cluster.createNamespace({ prefix: 'probe-' });
	const asking = podOf({ envtier: { deployment: 'shop' } });
	await until('the policy to be in force', async () => {
		const { body } = await createPod(cluster, namespace, asking, 'dryRun=All');
		return body.message?.includes('envtier-require-injection');
	});
}
