import type { V1MutatingWebhookConfiguration } from '@kubernetes/client-node';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { parse } from 'yaml';
import { envtier } from '../../cli/support/command.ts';
import { type ApiServer, startApiServer } from '../../support/kubernetes/apiserver.ts';
import { expectStatus } from '../../support/kubernetes/cluster.ts';
import { createPod, injectedInto, MAIN, podOf, secretMounts } from '../../support/kubernetes/pods.ts';
import { applyPolicies, besideThePolicy, describeWithPolicies } from '../../support/kubernetes/policy.ts';
import { startSidecarWebhook } from '../../support/kubernetes/sidecar-webhook.ts';
import { policyKubernetes } from '../../support/kubernetes/versions.ts';
import { shippedWebhookConfiguration } from '../../support/kubernetes/webhook-configuration.ts';
import { until } from '../../support/until.ts';
import { type RunningWebhook, startWebhook } from '../../support/webhook.ts';
import { comparable } from './support/pods-alike.ts';

const COLLECTION = '/apis/admissionregistration.k8s.io/v1/mutatingwebhookconfigurations';
/** At `debug` the webhook tells of every pod that it was asked about. */
const SETTINGS = { ENVTIER_LOG_LEVEL: 'debug' };
const ASKS = { deployment: 'shop', service: 'web' };
const TWO_USERS = {
	containers: [MAIN, { ...MAIN, name: 'other', securityContext: { ...MAIN.securityContext, runAsUser: 7 } }],
};

const describePolicies = await describeWithPolicies();

describePolicies(`the policy beside the webhook on Kubernetes ${policyKubernetes().version}`, () => {
	let cluster: ApiServer;
	let webhook: RunningWebhook;
	let namespace: string;
	beforeAll(async () => {
		const started = await startApiServer([], policyKubernetes());
		if (!started.ok) throw new Error(started.error);
		cluster = started.value;
		webhook = await startWebhook({
			ENVTIER_VAULT_ADDR: 'https://vault.vault.svc:8200',
			ENVTIER_FETCHER_IMAGE: 'registry.example.com/envtier/fetcher:1.0.0',
			...SETTINGS,
		});
		await register(cluster, webhook);
		await applyPolicies(cluster, { alone: false, settings: SETTINGS });
		namespace = await cluster.createNamespace();
	});
	afterAll(async () => {
		await webhook?.stop();
		await cluster?.stop();
	});

	const attempt = (asks: Readonly<Record<string, string>>, spec = {}) =>
		createPod(cluster, namespace, podOf({ envtier: asks, spec }), 'dryRun=All');
	/** How often the webhook was asked by now. */
	const asked = (): number =>
		(webhook.process.stdout().match(/"msg":"(?:injected|refused|skipped)"/g) ?? []).length;

	test('a plain pod is injected without a call to the webhook, another pod with one', async () => {
		const before = asked();
		const plain = await attempt(ASKS);
		expect(injectedInto(plain.body)).toEqual(['envtier-fetch']);
		expect(asked()).toBe(before);
		const other = await attempt(ASKS, TWO_USERS);
		expect(other.status, other.body.message).toBe(201);
		expect(injectedInto(other.body)).toEqual(['envtier-fetch', 'envtier-fetch-7']);
		await until('the webhook to tell of it', () => asked() > before);
	});

	test('the webhook’s own sentence says what is wrong', async () => {
		const { body } = await attempt({ ...ASKS, sevrice: 'web' });
		expect(body.message).toContain('did you mean envtier.dev/service?');
	});

	test('a sidecar that another webhook adds does not send a plain pod to the webhook', async () => {
		const sidecar = { ...MAIN, name: 'mesh-proxy', securityContext: { runAsUser: 1337 } };
		const mesh = await startSidecarWebhook(cluster, { name: `a-mesh-${namespace}`, namespace, sidecar });
		try {
			const before = asked();
			const { status, body } = await attempt(ASKS);
			expect(status, body.message).toBe(201);
			expect(secretMounts(body)).toEqual({ main: '/secrets' });
			expect(asked()).toBe(before);
		} finally {
			await mesh.stop();
		}
	});

	test('going to the policy and back, no pod is refused and none starts without its fetcher', async () => {
		const outcomes = new Set<string>();
		let stopped = false;
		const creating = (async () => {
			while (!stopped) {
				const { status, body } = await attempt(ASKS);
				outcomes.add(`${status} ${injectedInto(body)} ${body.message ?? ''}`);
			}
		})();
		// As docs/webhookless.md says: the webhook is asked again before the policy goes, and left out after it has
		// come.
		await register(cluster, webhook, false);
		await until('the webhook to be asked', async () => {
			const before = asked();
			await attempt(ASKS);
			return asked() > before;
		});
		await register(cluster, webhook);
		await until('the webhook to be left out', async () => {
			const before = asked();
			await attempt(ASKS);
			return asked() === before;
		});
		stopped = true;
		await creating;
		expect([...outcomes]).toEqual(['201 envtier-fetch ']);
	});

	test('the doctor says which of the two takes which pods', async () => {
		const kubeconfig = ['--kubeconfig', cluster.kubeconfig, '--namespace', namespace];
		const { stdout } = await envtier(['doctor', ...kubeconfig, '--json']);
		const { checks } = parse(stdout) as {
			checks: readonly { id: string; status: string; message: string }[];
		};
		const of = (id: string) => checks.find((check) => check.id === id);
		expect(of('plain-pods')).toMatchObject({ status: 'ok' });
		expect(of('plain-pods')?.message).toContain('injects into plain pods');
		expect(of('plain-pods-webhook')).toMatchObject({ status: 'ok' });
		expect(of('plain-pods-webhook')?.message).toContain('leaves plain pods to the policy');
		expect(of('webhook-configuration-match-conditions')).toMatchObject({ status: 'ok' });
	});

	// The last test: the webhook does not come back.
	test('with every replica of the webhook gone, plain pods are created with their fetcher, others are refused', async () => {
		const before = await attempt(ASKS);
		await webhook.stop();
		const after = await createPod(cluster, namespace, podOf({ envtier: ASKS }));
		expect(after.status, after.body.message).toBe(201);
		expect(comparable(after.body)).toEqual(comparable(before.body));
		const other = await attempt(ASKS, TWO_USERS);
		expect(other.status).toBe(500);
		expect(other.body.message).toMatch(/failed calling webhook "inject\.envtier\.dev"/);
	});
});

/**
 * Registers the webhook as the manifests do, with the condition that leaves plain pods to the policy or
 * without it.
 */
async function register(cluster: ApiServer, { url, caPem }: RunningWebhook, leaves = true): Promise<void> {
	const shipped = await shippedWebhookConfiguration();
	const configuration: V1MutatingWebhookConfiguration = leaves ? await besideThePolicy(shipped) : shipped;
	for (const hook of configuration.webhooks ?? []) {
		const path = hook.clientConfig.service?.path;
		hook.clientConfig = { url: `${url}${path}`, caBundle: Buffer.from(caPem).toString('base64') };
	}
	const path = `${COLLECTION}/${configuration.metadata?.name}`;
	const there = await cluster.request<V1MutatingWebhookConfiguration>('GET', path);
	if (there.status === 404)
		expectStatus(await cluster.request('POST', COLLECTION, configuration), 201, 'registering the webhook');
	else
		expectStatus(
			await cluster.request('PUT', path, {
				...configuration,
				metadata: { name: 'envtier', resourceVersion: there.body.metadata?.resourceVersion },
			}),
			200,
			'changing the webhook configuration',
		);
}
