import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { openKubernetes } from '../../../lib/kubernetes/client.ts';
import { followNamespaces } from '../../../webhook/kubernetes/namespaces.ts';
import { startTcpProxy } from '../../support/fault-proxy.ts';
import { call } from '../../support/http.ts';
import { type ApiServer, startApiServer } from '../../support/kubernetes/apiserver.ts';
import { createPod, podOf } from '../../support/kubernetes/pods.ts';
import { grantShippedRights, webhookKubeconfig } from '../../support/kubernetes/webhook-account.ts';
import { registerWebhook } from '../../support/kubernetes/webhook-configuration.ts';
import { samplesOf } from '../../support/metrics.ts';
import { type Scratch, scratch } from '../../support/scratch.ts';
import { describeWithServers } from '../../support/servers.ts';
import { until } from '../../support/until.ts';
import { type RunningWebhook, startWebhook, type WebhookEnv } from '../../support/webhook.ts';
import { collectLogs } from '../../webhook/support/logs.ts';
import { review } from '../../webhook/support/request.ts';

const LABEL = 'envtier.dev/org';
const ASKING = podOf({ envtier: { deployment: 'shop', service: 'web' } });
const NAMING = podOf({ envtier: { deployment: 'shop', service: 'web', org: 'other' } });

// An API server of its own: the shared webhook watches nothing.
describeWithServers('the organization of a namespace', () => {
	let cluster: ApiServer;
	let place: Scratch;
	beforeAll(async () => {
		const started = await startApiServer();
		if (!started.ok) throw new Error(started.error);
		cluster = started.value;
		place = await scratch('organization');
		await grantShippedRights(cluster);
	});
	afterAll(async () => {
		await cluster?.stop();
		await place?.remove();
	});

	async function started(env: Partial<WebhookEnv>, port?: number): Promise<RunningWebhook> {
		return startWebhook({
			ENVTIER_VAULT_ADDR: 'https://vault.example:8200',
			ENVTIER_KUBECONFIG: await webhookKubeconfig(cluster, place.dir, port),
			...env,
		});
	}

	const ready = async ({ url, caPem }: RunningWebhook): Promise<string> =>
		(await call({ url: `${url}/readyz`, caPem })).text.trim();

	/** What the webhook says to a pod in `namespace` when it is asked directly. */
	async function asked({ url, caPem }: RunningWebhook, namespace: string, pod: object = ASKING) {
		const { json } = await call({
			url: `${url}/mutate`,
			caPem,
			method: 'POST',
			body: review(pod, { namespace }),
		});
		return (json as { response: { allowed: boolean; status?: { code: number; message: string } } }).response;
	}

	/** The organization whose secrets a new pod gets, or why it is refused. */
	async function organization(namespace: string, pod = ASKING): Promise<string> {
		const { status, body } = await createPod(cluster, namespace, pod, 'dryRun=All');
		if (status !== 201) return `${status}: ${body.message}`;
		const env = body.spec?.initContainers?.[0]?.env ?? [];
		return env.find(({ name }) => name === 'ENVTIER_ORG')?.value ?? 'none';
	}

	describe('where the label is a default', () => {
		let webhook: RunningWebhook;
		let unregister: () => Promise<void>;
		beforeAll(async () => {
			webhook = await started({});
			unregister = await registerWebhook(cluster, webhook);
			await until('it to be ready', async () => (await ready(webhook)) === 'ok');
		});
		afterAll(async () => {
			await unregister?.();
			await webhook?.stop();
		});

		test('holds for pods that name none, also for one that comes right after its namespace', async () => {
			const found = await Promise.all(
				Array.from({ length: 40 }, async (_, i) => {
					const namespace = await cluster.createNamespace({ labels: { [LABEL]: `org-${i}` } });
					return await organization(namespace);
				}),
			);
			expect(found).toEqual(Array.from({ length: 40 }, (_, i) => `org-${i}`));
		});

		test('a pod may name another, and a namespace without the label says nothing', async () => {
			const namespace = await cluster.createNamespace({ labels: { [LABEL]: 'acme' } });
			expect(await organization(namespace, NAMING)).toBe('other');
			expect(await organization(await cluster.createNamespace())).toBe('none');
		});

		test('another label is in force at once', async () => {
			const namespace = await cluster.createNamespace({ labels: { [LABEL]: 'acme' } });
			expect(await organization(namespace)).toBe('acme');
			await cluster.request(
				'PATCH',
				`/api/v1/namespaces/${namespace}`,
				{ metadata: { labels: { [LABEL]: 'emca' } } },
				{
					contentType: 'application/merge-patch+json',
				},
			);
			await until('the other label', async () => (await organization(namespace)) === 'emca', {
				timeoutMs: 5_000,
			});
		});

		test('how old that knowledge is can be measured', async () => {
			const { text } = await call({ url: `${webhook.url}/metrics`, caPem: webhook.caPem });
			const age = samplesOf(text).get('envtier_webhook_namespaces_age_seconds');
			expect(age).toBeGreaterThanOrEqual(0);
			expect(age).toBeLessThan(120);
		});
	});

	test('where the label is enforced, a pod that contradicts it is refused by the API server', async () => {
		const webhook = await started({ ENVTIER_ORG_LABEL: 'enforce' });
		const unregister = await registerWebhook(cluster, webhook);
		try {
			const namespace = await cluster.createNamespace({ labels: { [LABEL]: 'acme' } });
			expect(await organization(namespace, NAMING)).toMatch(
				/^403: .*denied the request: annotation envtier.dev\/org names another organization than the label/,
			);
			expect(await organization(namespace)).toBe('acme');
			const bare = await cluster.createNamespace();
			expect(await organization(bare, NAMING)).toMatch(/^403: .*so that its pods belong to none/);
		} finally {
			await unregister();
			await webhook.stop();
		}
	});

	test('until the namespaces are known the webhook is not ready, and refuses in a way that invites another try', async () => {
		await using proxy = await startTcpProxy(Number(new URL(cluster.url).port));
		await proxy.refuse(true);
		const webhook = await started({}, proxy.port);
		try {
			const namespace = await cluster.createNamespace({ labels: { [LABEL]: 'acme' } });
			expect(await ready(webhook)).toBe('the namespaces are not known yet');
			expect(await asked(webhook, namespace)).toMatchObject({
				allowed: false,
				status: { code: 503, message: expect.stringContaining('try again in a moment') },
			});
			// What does not depend on the label is decided.
			expect(await asked(webhook, namespace, NAMING)).toMatchObject({ allowed: true });
			await proxy.refuse(false);
			await until('it to be ready', async () => (await ready(webhook)) === 'ok');
			expect(await asked(webhook, namespace)).toMatchObject({ allowed: true });
		} finally {
			await webhook.stop();
		}
	});

	test('while the watch is broken the labels known last hold, and a new namespace ends the waiting', async () => {
		await using proxy = await startTcpProxy(Number(new URL(cluster.url).port));
		const webhook = await started({}, proxy.port);
		try {
			const namespace = await cluster.createNamespace({ labels: { [LABEL]: 'acme' } });
			await until('it to know', async () => (await asked(webhook, namespace)).allowed);
			await proxy.refuse(true);
			await until('word of it', () => webhook.process.stdout().includes('a watch broke off'));
			expect(await asked(webhook, namespace)).toMatchObject({ allowed: true });
			const late = await cluster.createNamespace({ labels: { [LABEL]: 'acme' } });
			expect(await asked(webhook, late)).toMatchObject({ allowed: false, status: { code: 503 } });
			expect(await ready(webhook)).toBe('ok');
			await proxy.refuse(false);
			await until('it to know the new one', async () => (await asked(webhook, late)).allowed);
		} finally {
			await webhook.stop();
		}
	});

	test('labels that nobody has confirmed for too long rule no longer', async () => {
		await using proxy = await startTcpProxy(Number(new URL(cluster.url).port));
		const opened = await openKubernetes({
			kubeconfig: await webhookKubeconfig(cluster, place.dir, proxy.port),
		});
		if (!opened.ok) throw new Error(opened.error);
		const namespaces = followNamespaces(opened.value, { most: 3_000 }, collectLogs().log);
		try {
			await until('the list', () => namespaces.notReady() === undefined);
			expect(namespaces.orgLabel('default')).toEqual({ ok: true, value: undefined });
			await proxy.refuse(true);
			await until('it to be too old', () => namespaces.notReady()?.includes('too old'));
			expect(namespaces.orgLabel('default')).toEqual({ ok: false, error: 'namespace-outdated' });
			await proxy.refuse(false);
			await until('it to be fresh again', () => namespaces.notReady() === undefined);
			expect(namespaces.orgLabel('default')).toEqual({ ok: true, value: undefined });
		} finally {
			namespaces.close();
		}
	});
});

test('outside a cluster no label can rule, and the webhook says so', async () => {
	const env = { ENVTIER_VAULT_ADDR: 'https://vault.example:8200', ENVTIER_ORG_LABEL: 'enforce' };
	await expect(startWebhook(env)).rejects.toThrow('there is no API server to read the labels from');
});
