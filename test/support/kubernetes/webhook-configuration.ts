import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { V1MutatingWebhookConfiguration } from '@kubernetes/client-node';
import { parse } from 'yaml';
import { until } from '../until.ts';
import { type Cluster, expectStatus } from './cluster.ts';
import { createPod, podOf } from './pods.ts';

const SHIPPED = join(import.meta.dirname, '../../../deploy/manifests/base/webhook-configuration.yaml');
const COLLECTION = '/apis/admissionregistration.k8s.io/v1/mutatingwebhookconfigurations';

/** Where the API server finds a webhook. */
export interface WebhookAddress {
	/** Without a path. */
	readonly url: string;
	readonly caPem: string;
}

/** The webhook configuration as it ships. */
export async function shippedWebhookConfiguration(): Promise<V1MutatingWebhookConfiguration> {
	return parse(await readFile(SHIPPED, 'utf8')) as V1MutatingWebhookConfiguration;
}

/**
 * Registers a webhook exactly as deploy/manifests does, except for its address. In force when this resolves.
 * Returns the function that removes the webhook configuration.
 */
export async function registerWebhook(
	cluster: Cluster,
	{ url, caPem }: WebhookAddress,
): Promise<() => Promise<void>> {
	const webhookConfiguration = await shippedWebhookConfiguration();
	for (const webhook of webhookConfiguration.webhooks ?? []) {
		const path = webhook.clientConfig.service?.path;
		webhook.clientConfig = { url: `${url}${path}`, caBundle: Buffer.from(caPem).toString('base64') };
	}
	expectStatus(
		await cluster.request('POST', COLLECTION, webhookConfiguration),
		201,
		'registering the webhook',
	);
	const namespace = await cluster.createNamespace({ prefix: 'probe-' });
	await until('the webhook configuration to be in force', () => refusesNonsense(cluster, namespace));
	return async () => {
		const gone = await cluster.request('DELETE', `${COLLECTION}/${webhookConfiguration.metadata?.name}`);
		expectStatus(gone, 200, 'taking the webhook configuration away');
	};
}

/** An unknown annotation is refused by a running webhook, and by failurePolicy Fail without one. */
async function refusesNonsense(cluster: Cluster, namespace: string): Promise<boolean> {
	const nonsense = podOf({ envtier: { 'webhook-configuration-probe': '' } });
	const answer = await createPod(cluster, namespace, nonsense, 'dryRun=All');
	return answer.status !== 201 && (answer.body.message ?? '').includes('inject.envtier.dev');
}
