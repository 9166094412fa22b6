import type { V1Pod } from '@kubernetes/client-node';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { type ApiServer, startApiServer } from '../../support/kubernetes/apiserver.ts';
import { expectStatus } from '../../support/kubernetes/cluster.ts';
import { createPod, MAIN, podOf } from '../../support/kubernetes/pods.ts';
import { registerWebhook } from '../../support/kubernetes/webhook-configuration.ts';
import { describeWithServers } from '../../support/servers.ts';
import { until } from '../../support/until.ts';
import { type RunningWebhook, startWebhook } from '../../support/webhook.ts';

const ASKS = { deployment: 'shop', service: 'web' };

// An API server of its own: the shared webhook has other settings.
describeWithServers('settings of the operator that reach pods', () => {
	let cluster: ApiServer;
	let webhook: RunningWebhook;
	let unregister: () => Promise<void>;
	beforeAll(async () => {
		const started = await startApiServer();
		if (!started.ok) throw new Error(started.error);
		cluster = started.value;
		webhook = await startWebhook({
			ENVTIER_VAULT_ADDR: 'https://example.com/vault',
			ENVTIER_VAULT_TLS_NAME: 'vault.internal.example',
			ENVTIER_VAULT_PROXY: 'http://proxy.example.com:3128',
			ENVTIER_FETCHER_PULL_SECRETS: 'shared, envtier-registry',
			ENVTIER_FETCHER_REQUESTS: 'cpu=50m,memory=64Mi,ephemeral-storage=10Mi',
			ENVTIER_FETCHER_LIMITS: 'cpu=500m,memory=128Mi,ephemeral-storage=20Mi',
		});
		unregister = await registerWebhook(cluster, webhook);
	});
	afterAll(async () => {
		await unregister?.();
		await webhook?.stop();
		await cluster?.stop();
	});

	async function created(namespace: string, spec: Parameters<typeof podOf>[0]['spec'] = {}): Promise<V1Pod> {
		const answer = await createPod(cluster, namespace, podOf({ envtier: ASKS, spec }), 'dryRun=All');
		return expectStatus(answer, 201, 'creating the pod');
	}

	const pullSecrets = ({ spec }: V1Pod) => spec?.imagePullSecrets?.map(({ name }) => name);

	test('where Vault is, and how to get there, is handed to the fetcher', async () => {
		const pod = await created(await cluster.createNamespace());
		expect(pod.spec?.initContainers?.[0]?.env).toEqual(
			expect.arrayContaining([
				{ name: 'ENVTIER_VAULT_ADDR', value: 'https://example.com/vault' },
				{ name: 'ENVTIER_VAULT_TLS_NAME', value: 'vault.internal.example' },
				{ name: 'ENVTIER_VAULT_PROXY', value: 'http://proxy.example.com:3128' },
			]),
		);
	});

	test('pull secrets are added to those of the service account, which Kubernetes gives to pods without any', async () => {
		const namespace = await cluster.createNamespace();
		await cluster.createServiceAccount(namespace, 'puller');
		const path = `/api/v1/namespaces/${namespace}/serviceaccounts/puller`;
		const secrets = { imagePullSecrets: [{ name: 'of-the-account' }] };
		const patched = await cluster.request('PATCH', path, secrets, {
			contentType: 'application/merge-patch+json',
		});
		expect(patched.status).toBe(200);
		const spec = { serviceAccountName: 'puller', containers: [MAIN] };
		await until('the account to have it', async () => {
			const plain = await createPod(cluster, namespace, podOf({ spec }), 'dryRun=All');
			return pullSecrets(plain.body)?.includes('of-the-account');
		});
		expect(pullSecrets(await created(namespace, spec))).toEqual([
			'of-the-account',
			'shared',
			'envtier-registry',
		]);
		const own = { ...spec, imagePullSecrets: [{ name: 'shared' }, { name: 'of-the-pod' }] };
		expect(pullSecrets(await created(namespace, own))).toEqual(['shared', 'of-the-pod', 'envtier-registry']);
	});

	test('a quota counts the ephemeral storage of the fetcher', async () => {
		const namespace = await cluster.createNamespace();
		const hard = { 'requests.ephemeral-storage': '5Mi' };
		const path = `/api/v1/namespaces/${namespace}/resourcequotas`;
		const quota = { apiVersion: 'v1', kind: 'ResourceQuota', metadata: { name: 'storage' }, spec: { hard } };
		expectStatus(await cluster.request('POST', path, quota), 201, 'creating the quota');
		// The controller that this API server lacks would do that.
		const status = await cluster.request(
			'PATCH',
			`${path}/storage/status`,
			{ status: { hard, used: { 'requests.ephemeral-storage': '0' } } },
			{ contentType: 'application/merge-patch+json' },
		);
		expect(status.status).toBe(200);
		await until('the quota to refuse', async () => {
			const { status: code, body } = await createPod(
				cluster,
				namespace,
				podOf({ envtier: ASKS }),
				'dryRun=All',
			);
			return (
				code === 403 &&
				/exceeded quota: storage, requested: requests.ephemeral-storage=10Mi/.test(body.message ?? '')
			);
		});
		const pod = await created(await cluster.createNamespace());
		expect(pod.spec?.initContainers?.[0]?.resources).toMatchObject({
			requests: { 'ephemeral-storage': '10Mi' },
			limits: { 'ephemeral-storage': '20Mi' },
		});
	});
});
