import { join } from 'node:path';
import type { V1Container } from '@kubernetes/client-node';
import { startProcess } from '../process.ts';
import { makeAuthority } from '../tls.ts';
import { until } from '../until.ts';
import { type Cluster, expectStatus } from './cluster.ts';
import { createPod, podOf } from './pods.ts';
import type { Policy, SidecarServer } from './sidecar-server.ts';

const COLLECTION = '/apis/admissionregistration.k8s.io/v1/mutatingwebhookconfigurations';

/** Another project's webhook, as a service mesh brings one. */
export interface SidecarWebhook {
	stop(): Promise<void>;
}

/** Which webhook to be, and where. */
export interface SidecarOptions {
	/**
	 * The API server calls webhooks in the order of these names. So the name decides whether this one runs
	 * before or after Envtier.
	 */
	readonly name: string;
	readonly namespace: string;
	/** A native sidecar (`restartPolicy: Always`) becomes the first of the init containers. */
	readonly sidecar: V1Container;
	/** What it changes in all pods besides, as a policy engine does. */
	readonly policy?: Policy;
	/** Whether the API server calls it again when Envtier has changed the pod after it. Default: yes. */
	readonly reinvocationPolicy?: 'IfNeeded' | 'Never';
	/** Inside a node, where its API server finds it at this address; beside the test unless given. */
	readonly inside?: { readonly prefix: readonly string[]; readonly host: string };
}

/**
 * Registers a webhook that adds `sidecar` to each pod of one namespace, unless it exists. In force when this
 * resolves.
 */
export async function startSidecarWebhook(
	cluster: Cluster,
	options: SidecarOptions,
): Promise<SidecarWebhook> {
	const { name, namespace, sidecar, policy, reinvocationPolicy = 'IfNeeded', inside } = options;
	const authority = await makeAuthority('Envtier test mesh CA');
	const host = inside?.host ?? cluster.webhookHost;
	const leaf = await authority.issue({ names: [host] });
	const be: SidecarServer = { host, ...leaf, sidecar, policy };
	const [command = '', ...args] = [
		...(inside?.prefix ?? []),
		...[process.execPath, join(import.meta.dirname, 'sidecar-server.ts')],
	];
	const server = await startProcess({ name, command, args, input: JSON.stringify(be) });
	await server.waitUntil('it listens', () => server.stdout().includes('\n'));
	const made = await cluster.request('POST', COLLECTION, {
		metadata: { name },
		webhooks: [
			{
				name: 'sidecar.mesh.example',
				admissionReviewVersions: ['v1'],
				sideEffects: 'None',
				reinvocationPolicy,
				clientConfig: {
					url: `https://${host}:${server.stdout().trim()}/`,
					caBundle: Buffer.from(authority.certPem).toString('base64'),
				},
				rules: [{ apiGroups: [''], apiVersions: ['v1'], operations: ['CREATE'], resources: ['pods'] }],
				namespaceSelector: { matchLabels: { 'kubernetes.io/metadata.name': namespace } },
			},
		],
	});
	expectStatus(made, 201, 'registering the sidecar webhook');
	await until('the sidecar webhook to be in force', async () => {
		const { body } = await createPod(cluster, namespace, podOf({ name: 'probe' }), 'dryRun=All');
		const all = [...(body.spec?.initContainers ?? []), ...(body.spec?.containers ?? [])];
		return all.some((container) => container.name === sidecar.name);
	});
	return {
		stop: async () => {
			await cluster.request('DELETE', `${COLLECTION}/${name}`);
			await server.stop();
		},
	};
}
