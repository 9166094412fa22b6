import { createServer } from 'node:https';
import type { AddressInfo } from 'node:net';
import { text } from 'node:stream/consumers';
import type { V1Container, V1Pod } from '@kubernetes/client-node';
import { makeAuthority } from '../tls.ts';
import { until } from '../until.ts';
import { type Cluster, expectStatus } from './cluster.ts';
import { createPod, podOf } from './pods.ts';

const COLLECTION = '/apis/admissionregistration.k8s.io/v1/mutatingwebhookconfigurations';

/** Another project's webhook, as a service mesh brings one. */
export interface SidecarWebhook {
	stop(): Promise<void>;
}

/**
 * Registers a webhook that adds `sidecar` to each pod of one namespace, unless it is there. The API server asks webhooks in
 * the order of their registrations' names, so `name` decides whether it comes before or after Envtier.
 */
export async function startSidecarWebhook(
	cluster: Cluster,
	options: { readonly name: string; readonly namespace: string; readonly sidecar: V1Container },
): Promise<SidecarWebhook> {
	const { name, namespace, sidecar } = options;
	const authority = await makeAuthority('Envtier test mesh CA');
	const leaf = await authority.issue({ names: [cluster.webhookHost] });
	const server = createServer({ cert: leaf.certPem, key: leaf.keyPem }, async (request, response) => {
		const review = JSON.parse(await text(request)) as { request: { uid: string; object: V1Pod } };
		const { uid, object } = review.request;
		response.setHeader('content-type', 'application/json');
		response.end(
			JSON.stringify({
				apiVersion: 'admission.k8s.io/v1',
				kind: 'AdmissionReview',
				response: { uid, allowed: true, patchType: 'JSONPatch', patch: patch(object, sidecar) },
			}),
		);
	});
	await new Promise<void>((resolve) => {
		server.listen(0, cluster.webhookHost, resolve);
	});
	const url = `https://${cluster.webhookHost}:${(server.address() as AddressInfo).port}/`;
	const made = await cluster.request('POST', COLLECTION, {
		metadata: { name },
		webhooks: [
			{
				name: 'sidecar.mesh.example',
				admissionReviewVersions: ['v1'],
				sideEffects: 'None',
				reinvocationPolicy: 'IfNeeded',
				clientConfig: { url, caBundle: Buffer.from(authority.certPem).toString('base64') },
				rules: [{ apiGroups: [''], apiVersions: ['v1'], operations: ['CREATE'], resources: ['pods'] }],
				namespaceSelector: { matchLabels: { 'kubernetes.io/metadata.name': namespace } },
			},
		],
	});
	expectStatus(made, 201, 'registering the sidecar webhook');
	await until('the sidecar webhook to be in force', async () => {
		const { body } = await createPod(cluster, namespace, podOf({ name: 'probe' }), 'dryRun=All');
		return body.spec?.containers.some((container) => container.name === sidecar.name);
	});
	return {
		stop: async () => {
			await cluster.request('DELETE', `${COLLECTION}/${name}`);
			server.closeAllConnections();
			await new Promise((resolve) => server.close(resolve));
		},
	};
}

function patch(pod: V1Pod, sidecar: V1Container): string {
	const there = pod.spec?.containers.some(({ name }) => name === sidecar.name);
	const operations = there ? [] : [{ op: 'add', path: '/spec/containers/-', value: sidecar }];
	return Buffer.from(JSON.stringify(operations)).toString('base64');
}
