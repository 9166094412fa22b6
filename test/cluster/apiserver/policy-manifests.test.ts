import { mkdir, writeFile } from 'node:fs/promises';
import { dirname, join, relative } from 'node:path';
import { afterEach, beforeAll, beforeEach, expect, test } from 'vitest';
import { blocksOf, pageOf } from '../../docs/support/pages.ts';
import { type ApiServer, startApiServer } from '../../support/kubernetes/apiserver.ts';
import { CHART, type Helm, helmFor } from '../../support/kubernetes/helm.ts';
import { type Kubectl, kubectlFor } from '../../support/kubernetes/kubectl.ts';
import { createPod, injectedInto, podOf } from '../../support/kubernetes/pods.ts';
import { describeWithPolicies, policiesInForce } from '../../support/kubernetes/policy.ts';
import { preparePrograms } from '../../support/kubernetes/programs.ts';
import { policyKubernetes } from '../../support/kubernetes/versions.ts';
import { until } from '../../support/until.ts';

const ROOT = join(import.meta.dirname, '../../..');
const GROUP = '/apis/admissionregistration.k8s.io/v1';
const VALUES = [
	...['--set', 'policy.enabled=true', '--set', 'settings.ENVTIER_VAULT_ADDR=https://vault.example:8200'],
	...['-n', 'envtier-system', '--create-namespace'],
];

/** The overlays of the page: beside the webhook, and without it. */
const [BESIDE, ALONE] = blocksOf(pageOf('docs/webhookless.md').text)
	.filter(({ text }) => text.startsWith('# kustomization.yaml'))
	.map(({ text }) => text);

const describePolicies = await describeWithPolicies();

describePolicies(`manifests and chart with the policy on Kubernetes ${policyKubernetes().version}`, () => {
	let cluster: ApiServer;
	let kubectl: Kubectl;
	let helm: Helm;
	let programs: Readonly<Record<'kubectl' | 'helm', string>>;
	beforeAll(async () => {
		const prepared = await preparePrograms(['kubectl', 'helm']);
		if (!prepared.ok) throw new Error(prepared.error);
		programs = prepared.value;
	});
	// One each: an API server that has seen the last binding with parameters go keeps what it knew of ConfigMaps
	// (https://github.com/kubernetes/kubernetes/issues/130887).
	beforeEach(async () => {
		const started = await startApiServer([], policyKubernetes());
		if (!started.ok) throw new Error(started.error);
		cluster = started.value;
		kubectl = kubectlFor(programs.kubectl, cluster);
		helm = helmFor(programs.helm, cluster);
	});
	afterEach(() => cluster?.stop());

	async function overlay(name: string, text = ''): Promise<string> {
		const folder = join(dirname(cluster.kubeconfig), name);
		await mkdir(folder, { recursive: true });
		await writeFile(
			join(folder, 'kustomization.yaml'),
			text.replaceAll('../envtier/', `${relative(folder, ROOT)}/`),
		);
		return folder;
	}

	/** Resolves when the API server injects into a plain pod; says what it answers if it does not. */
	async function injects(namespace: string): Promise<void> {
		let last = '';
		const pod = podOf({ envtier: { deployment: 'shop' } });
		await until('a plain pod to be injected', async () => {
			const { status, body } = await createPod(cluster, namespace, pod, 'dryRun=All');
			last = `${status} ${body.message}`;
			return status === 201 && injectedInto(body).length === 1;
		}).catch((error) => {
			throw new Error(`${error.message}; the API server says ${last}`);
		});
	}

	test('the overlay of the page without the webhook is all it takes', async () => {
		const applied = await kubectl('apply', '-k', await overlay('alone', ALONE));
		expect([applied.stderr, applied.code]).toEqual(['', 0]);
		await policiesInForce(cluster);
		const deployments = await cluster.request<{ items: unknown[] }>('GET', '/apis/apps/v1/deployments');
		expect(deployments.body.items).toEqual([]);
	});

	test('the overlay of the page beside the webhook injects into plain pods while no replica runs', async () => {
		const applied = await kubectl('apply', '-k', await overlay('beside', BESIDE));
		expect([applied.stderr, applied.code]).toEqual(['', 0]);
		const namespace = await cluster.createNamespace();
		await injects(namespace);
		await until('the webhook to be asked', async () => {
			const wrong = podOf({ envtier: { deploymnet: 'x' } });
			const { body } = await createPod(cluster, namespace, wrong, 'dryRun=All');
			return body.message?.includes('inject.envtier.dev');
		});
	});

	test.each([
		['alone', ['--set', 'webhook.enabled=false']],
		['beside the webhook', []],
	])('the chart gives the policies of the manifests, %s', async (_, more) => {
		const installed = await helm('install', 'envtier', CHART, ...VALUES, ...more);
		expect(installed.code, installed.stderr).toBe(0);
		const namespace = await cluster.createNamespace();
		await injects(namespace);
		const refusal = more.length > 0 ? /\(unknown-annotation\)$/ : /inject\.envtier\.dev/;
		await until('a misspelt annotation to be refused', async () => {
			const wrong = podOf({ envtier: { deploymnet: 'x' } });
			const { body } = await createPod(cluster, namespace, wrong, 'dryRun=All');
			return refusal.test(body.message ?? '');
		});
		const registered = await cluster.request('GET', `${GROUP}/mutatingwebhookconfigurations/envtier`);
		expect(registered.status).toBe(more.length > 0 ? 404 : 200);
		expect((await helm('uninstall', 'envtier', '-n', 'envtier-system')).code).toBe(0);
	});

	test.each([
		['nothing that injects', ['--set', 'policy.enabled=false,webhook.enabled=false']],
		['nothing that refuses', ['--set', 'requireInjection.enabled=false,webhook.enabled=false']],
	])('the chart does not install %s', async (_, more) => {
		const installed = await helm('install', 'envtier', CHART, ...VALUES, ...more);
		expect(installed.code).not.toBe(0);
		expect(installed.stderr).toContain('webhook.enabled');
	});
});
