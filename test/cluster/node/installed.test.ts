import { dirname, join } from 'node:path';
import type { V1Deployment, V1MutatingWebhookConfiguration } from '@kubernetes/client-node';
import { expect, test } from 'vitest';
import { expectStatus } from '../../support/kubernetes/cluster.ts';
import { kubectlFor } from '../../support/kubernetes/kubectl.ts';
import { describeWithNode } from '../../support/node-servers.ts';

describeWithNode('Envtier as installed by kubectl apply -k and deploy/certs', ({ cluster, kubectl }) => {
	test('has two replicas that are ready, in a namespace that enforces Pod Security "restricted"', async () => {
		const answer = await cluster.request<V1Deployment>(
			'GET',
			'/apis/apps/v1/namespaces/envtier-system/deployments/envtier-webhook',
		);
		const { status, spec } = expectStatus(answer, 200, 'reading the Deployment');
		expect(status).toMatchObject({ replicas: 2, readyReplicas: 2 });
		expect(spec?.template.spec?.containers[0]?.image).toBe('envtier-webhook:0.1.0');
		const namespace = await cluster.request<{ metadata: { labels: object } }>(
			'GET',
			'/api/v1/namespaces/envtier-system',
		);
		expect(namespace.body.metadata.labels).toMatchObject({
			'pod-security.kubernetes.io/enforce': 'restricted',
		});
	});

	test('is registered with the CA of its own certificate', async () => {
		const answer = await cluster.request<V1MutatingWebhookConfiguration>(
			'GET',
			'/apis/admissionregistration.k8s.io/v1/mutatingwebhookconfigurations/envtier',
		);
		const webhook = expectStatus(answer, 200, 'reading the webhook configuration').webhooks?.[0];
		const bundle = Buffer.from(webhook?.clientConfig.caBundle ?? '', 'base64').toString();
		expect(bundle).toContain('BEGIN CERTIFICATE');
		expect(webhook?.failurePolicy).toBe('Fail');
	});

	test('keeps that CA when the same is applied again', async () => {
		const path = '/apis/admissionregistration.k8s.io/v1/mutatingwebhookconfigurations/envtier';
		const bundle = async () =>
			(await cluster.request<V1MutatingWebhookConfiguration>('GET', path)).body.webhooks?.[0]?.clientConfig
				.caBundle;
		const before = await bundle();
		const overlay = join(dirname(cluster.kubeconfig), 'overlay');
		expect((await kubectlFor(kubectl, cluster)('apply', '-k', overlay)).code).toBe(0);
		expect(await bundle()).toBe(before);
	});
});
