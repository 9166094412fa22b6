import type { V1PodTemplateSpec } from '@kubernetes/client-node';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { lookAlikes } from '../../../cli/explain/look-alikes.ts';
import { type ApiServer, startApiServer } from '../../support/kubernetes/apiserver.ts';
import { createPod, MAIN, podOf } from '../../support/kubernetes/pods.ts';
import { applyNotices } from '../../support/kubernetes/require-injection.ts';
import { describeWithServers } from '../../support/servers.ts';

const ASKS = { deployment: 'shop', service: 'web' };
const WORKLOADS: readonly (readonly [string, string, (template: V1PodTemplateSpec) => object])[] = [
	['Deployment', 'apps/v1', (template) => ({ selector: { matchLabels: { app: 'web' } }, template })],
	[
		'StatefulSet',
		'apps/v1',
		(template) => ({ selector: { matchLabels: { app: 'web' } }, serviceName: 'web', template }),
	],
	['DaemonSet', 'apps/v1', (template) => ({ selector: { matchLabels: { app: 'web' } }, template })],
	['Job', 'batch/v1', (template) => ({ template })],
	['CronJob', 'batch/v1', (template) => ({ schedule: '0 0 1 1 *', jobTemplate: { spec: { template } } })],
];

// An API server of its own: elsewhere there are no such policies.
describeWithServers('warnings of the API server', () => {
	let cluster: ApiServer;
	let namespace: string;
	beforeAll(async () => {
		const started = await startApiServer();
		if (!started.ok) throw new Error(started.error);
		cluster = started.value;
		await cluster.createNamespace({ name: 'kube-system' }).catch(() => undefined);
		await applyNotices(cluster);
		namespace = await cluster.createNamespace();
	});
	afterAll(() => cluster?.stop());

	/** What whoever creates a workload with these annotations and labels in its template is told. */
	async function warningsOf(
		[kind, apiVersion, spec]: (typeof WORKLOADS)[number],
		where: string,
		metadata: { annotations?: Record<string, string>; labels?: Record<string, string> },
	): Promise<readonly string[]> {
		const template = {
			metadata: { ...metadata, labels: { app: 'web', ...metadata.labels } },
			spec: { containers: [MAIN], ...(apiVersion === 'batch/v1' ? { restartPolicy: 'Never' } : {}) },
		};
		const path = `/apis/${apiVersion}/namespaces/${where}/${kind.toLowerCase()}s?dryRun=All`;
		const object = { apiVersion, kind, metadata: { name: 'web' }, spec: spec(template) };
		const { status, warnings } = await cluster.request('POST', path, object);
		expect(status).toBe(201);
		return warnings;
	}

	const prefixed = Object.fromEntries(
		Object.entries(ASKS).map(([name, value]) => [`envtier.dev/${name}`, value]),
	);

	test('a pod of an excluded namespace is created, with a warning that names the namespace', async () => {
		for (const name of ['kube-system']) {
			const { status, warnings } = await createPod(cluster, name, podOf({ envtier: ASKS }), 'dryRun=All');
			expect([status, warnings]).toEqual([201, [expect.stringContaining(`namespace ${name} is excluded`)]]);
		}
	});

	test.for(WORKLOADS)('a %s of an excluded namespace as well', async (workload) => {
		expect(await warningsOf(workload, 'kube-system', { annotations: prefixed })).toEqual([
			expect.stringContaining('namespace kube-system is excluded'),
		]);
		expect(await warningsOf(workload, 'kube-system', {})).toEqual([]);
		expect(await warningsOf(workload, namespace, { annotations: prefixed })).toEqual([]);
	});

	test('a pod that opted out there is left alone without a word', async () => {
		const pod = podOf({ envtier: { ...ASKS, inject: 'false' } });
		expect((await createPod(cluster, 'kube-system', pod, 'dryRun=All')).warnings).toEqual([]);
	});

	describe('annotations under a look-alike prefix, and labels', () => {
		const ALIKE = [
			'envtier.io/deployment',
			'envtier/deployment',
			'Evntier.dev/service',
			'vault.envtier.dev/org',
			'env-tier.dev/deployment',
		];

		test.for(ALIKE)('%s: the right one is named, in the cluster and by explain', async (name) => {
			const right = `envtier.dev/${name.split('/')[1]}`;
			for (const workload of WORKLOADS)
				expect(await warningsOf(workload, namespace, { annotations: { [name]: 'shop' } })).toEqual([
					expect.stringMatching(`annotation "${name}" is none of Envtier: write "${right}"`),
				]);
			expect(lookAlikes({ annotations: { [name]: 'shop' } })).toEqual([
				expect.stringContaining(`write "${right}"`),
			]);
		});

		test('a label under our prefix', async () => {
			const metadata = { labels: { 'envtier.dev/deployment': 'shop' } };
			for (const workload of WORKLOADS)
				expect(await warningsOf(workload, namespace, metadata)).toEqual([
					expect.stringContaining('label "envtier.dev/deployment" is not read by Envtier'),
				]);
			expect(lookAlikes(metadata)).toEqual([expect.stringContaining('label "envtier.dev/deployment"')]);
		});

		test('several are counted', async () => {
			const annotations = Object.fromEntries(ALIKE.map((name) => [name, 'shop']));
			const { warnings } = await createPod(cluster, namespace, podOf({ annotations }), 'dryRun=All');
			expect(warnings).toEqual([expect.stringMatching(/^.*and 4 more\)$/)]);
		});

		test.for([
			'app.kubernetes.io/name',
			'entier.example/x',
			'example.com/envtier',
			'tier',
			'envoyproxy.io/x',
		])('%s is another’s', async (name) => {
			const metadata = { annotations: { [name]: 'x' }, labels: { [name]: 'x' } };
			const pod = podOf(metadata);
			expect((await createPod(cluster, namespace, pod, 'dryRun=All')).warnings).toEqual([]);
			expect(lookAlikes(metadata)).toEqual([]);
		});

		test('thousands of annotations neither fail the policy nor hold up the pod', async () => {
			const annotations = Object.fromEntries(
				Array.from({ length: 3_000 }, (_, i) => [`example.com/${'a'.repeat(40)}${i}`, 'x']),
			);
			const { status } = await createPod(cluster, namespace, podOf({ annotations }), 'dryRun=All');
			expect(status).toBe(201);
		});
	});
});
