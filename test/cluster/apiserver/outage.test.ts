import { afterAll, beforeAll, expect, test } from 'vitest';
import { type ApiServer, startApiServer } from '../../support/kubernetes/apiserver.ts';
import { createPod, injectedInto, podOf } from '../../support/kubernetes/pods.ts';
import { registerWebhook } from '../../support/kubernetes/webhook-configuration.ts';
import { describeWithServers } from '../../support/servers.ts';
import { startWebhook } from '../../support/webhook.ts';

const ENV = { ENVTIER_VAULT_ADDR: 'https://vault.example:8200' };
const ASKS = { org: 'acme', deployment: 'shop', service: 'web' };

// An API server of its own: elsewhere the webhook must stay up.
describeWithServers('while the webhook is down', () => {
	let cluster: ApiServer;
	let namespace: string;
	beforeAll(async () => {
		const started = await startApiServer();
		if (!started.ok) throw new Error(started.error);
		cluster = started.value;
		namespace = await cluster.createNamespace();
		const webhook = await startWebhook(ENV);
		await registerWebhook(cluster, webhook);
		const before = await createPod(cluster, namespace, podOf({ name: 'before', envtier: ASKS }));
		expect(injectedInto(before.body)).toEqual(['envtier-fetch']);
		await webhook.stop();
	});
	afterAll(() => cluster?.stop());

	test('a pod that asks for secrets is refused: it would start without them', async () => {
		const { status, body } = await createPod(cluster, namespace, podOf({ envtier: ASKS }));
		expect(status).toBe(500);
		expect(body.message).toMatch(/failed calling webhook "inject\.envtier\.dev"/);
		const read = await cluster.request('GET', `/api/v1/namespaces/${namespace}/pods/web`);
		expect(read.status).toBe(404);
	});

	test('a pod that asks for nothing is created as if Envtier did not exist', async () => {
		const { status, warnings } = await createPod(cluster, namespace, podOf({ name: 'plain' }));
		expect(status).toBe(201);
		expect(warnings).toEqual([]);
	});

	test('a pod of a system namespace is created, whatever it says', async () => {
		await cluster.createNamespace({ name: 'kube-system' });
		const { status } = await createPod(cluster, 'kube-system', podOf({ envtier: ASKS }));
		expect(status).toBe(201);
	});

	test('pods that run already can be changed and deleted', async () => {
		const path = `/api/v1/namespaces/${namespace}/pods/before`;
		const changed = await cluster.request(
			'PATCH',
			path,
			{ metadata: { labels: { changed: 'yes' } } },
			{ contentType: 'application/merge-patch+json' },
		);
		expect(changed.status).toBe(200);
		const deleted = await cluster.request('DELETE', path);
		expect(deleted.status).toBe(200);
	});
});
