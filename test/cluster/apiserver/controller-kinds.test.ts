import type { KubernetesObject } from '@kubernetes/client-node';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { revisionMessage } from '../../../contract/refresh.ts';
import { expectStatus } from '../../support/kubernetes/cluster.ts';
import { MAIN } from '../../support/kubernetes/pods.ts';
import { putSecret } from '../../support/openbao-setup.ts';
import { describeWithServers } from '../../support/servers.ts';
import { until } from '../../support/until.ts';
import { type ControllerFixture, controllerFixture, type RunningController } from './support/controller.ts';
import { makeWorkload, revisionNow } from './support/workload.ts';

/** The parts of Argo Rollouts' custom resource that the controller uses. */
const ROLLOUT_CRD = {
	apiVersion: 'apiextensions.k8s.io/v1',
	kind: 'CustomResourceDefinition',
	metadata: { name: 'rollouts.argoproj.io' },
	spec: {
		group: 'argoproj.io',
		names: { kind: 'Rollout', plural: 'rollouts', singular: 'rollout' },
		scope: 'Namespaced',
		versions: [
			{
				...{ name: 'v1alpha1', served: true, storage: true },
				subresources: { status: {} },
				schema: {
					openAPIV3Schema: {
						type: 'object',
						properties: {
							spec: { type: 'object', 'x-kubernetes-preserve-unknown-fields': true },
							status: { type: 'object', 'x-kubernetes-preserve-unknown-fields': true },
						},
					},
				},
			},
		],
	},
};

const MERGE = { contentType: 'application/merge-patch+json' };

interface Workload extends KubernetesObject {
	readonly spec: {
		readonly restartAt?: string;
		readonly template: { readonly metadata?: { readonly annotations?: Readonly<Record<string, string>> } };
	};
}

describeWithServers('the kinds of workloads', ({ cluster }) => {
	let fixture: ControllerFixture;
	let controller: RunningController;
	const crd = '/apis/apiextensions.k8s.io/v1/customresourcedefinitions';
	beforeAll(async () => {
		fixture = await controllerFixture(cluster);
		expectStatus(await cluster.request('POST', crd, ROLLOUT_CRD), 201, 'creating the CRD');
		await until('the API of rollouts', async () => {
			const { status } = await cluster.request('GET', '/apis/argoproj.io/v1alpha1/rollouts');
			return status === 200;
		});
		controller = await fixture.start();
	});
	afterAll(async () => {
		await controller?.stop();
		await cluster.request('DELETE', `${crd}/rollouts.argoproj.io`);
		await fixture?.remove();
	});

	/** Creates a workload of a kind with one pod, and waits until the controller has recorded it. */
	async function made(kind: string, apiVersion: string, plural: string, more: object = {}) {
		const daemons = {
			currentNumberScheduled: 1,
			desiredNumberScheduled: 1,
			numberMisscheduled: 0,
			numberReady: 1,
		};
		const counts = kind === 'DaemonSet' ? daemons : { updatedReplicas: 1, readyReplicas: 1 };
		const namespace = await cluster.createNamespace();
		await putSecret(fixture.bao, `deployments/${namespace}/secrets/LEVEL`, 'info');
		const annotations = { 'envtier.dev/deployment': namespace, 'envtier.dev/on-change': 'rollout' };
		const template = { metadata: { labels: { app: 'web' }, annotations }, spec: { containers: [MAIN] } };
		const selector = { matchLabels: { app: 'web' } };
		const all = `/apis/${apiVersion}/namespaces/${namespace}/${plural}`;
		const body = { apiVersion, kind, metadata: { name: 'web' }, spec: { selector, template, ...more } };
		expectStatus(await cluster.request('POST', all, body), 201, `creating a ${kind}`);
		const pods = `/api/v1/namespaces/${namespace}/pods`;
		const pod = { metadata: { ...template.metadata, name: 'web-1' }, spec: template.spec };
		expectStatus(await cluster.request('POST', pods, pod), 201, 'creating a pod');
		const message = revisionMessage(await revisionNow(fixture.bao, namespace, ['LEVEL']));
		const told = { name: 'envtier-fetch', ready: true, restartCount: 0, image: '', imageID: '' };
		const status = { initContainerStatuses: [{ ...told, state: { terminated: { exitCode: 0, message } } }] };
		expectStatus(
			await cluster.request('PATCH', `${pods}/web-1/status`, { status }, MERGE),
			200,
			'writing the status of a pod',
		);
		// A status, as a controller writes it when it has made the pod.
		const seen = {
			status: {
				...(kind === 'DaemonSet' ? {} : { replicas: 1 }),
				observedGeneration: kind === 'Rollout' ? '1' : 1,
				...counts,
			},
		};
		expectStatus(await cluster.request('PATCH', `${all}/web/status`, seen, MERGE), 200, 'writing a status');
		const get = async (): Promise<Workload> =>
			expectStatus(await cluster.request<Workload>('GET', `${all}/web`), 200, `reading a ${kind}`);
		await until('a record', async () => (await get()).metadata?.annotations?.['rollout.envtier.dev/state']);
		const rolled = async () =>
			(await get()).spec.template.metadata?.annotations?.['rollout.envtier.dev/revision'];
		return { namespace, get, rolled, path: `${all}/web` };
	}
	const change = (namespace: string) =>
		putSecret(fixture.bao, `deployments/${namespace}/secrets/LEVEL`, 'debug');
	const told = (namespace: string, reason: string) =>
		until(`an Event ${reason}`, async () => {
			const path = `/api/v1/namespaces/${namespace}/events`;
			const { body } = await cluster.request<{ items: { reason: string; message: string }[] }>('GET', path);
			return body.items.find((one) => one.reason === reason)?.message;
		});

	test('a StatefulSet gets the revision in its template', async () => {
		const { namespace, rolled } = await made('StatefulSet', 'apps/v1', 'statefulsets', {
			serviceName: 'web',
		});
		await change(namespace);
		await until('a rollout', rolled);
	});

	test('a DaemonSet gets the revision in its template', async () => {
		const { namespace, rolled } = await made('DaemonSet', 'apps/v1', 'daemonsets');
		await change(namespace);
		await until('a rollout', rolled);
	});

	test('a StatefulSet with a partition waits, with the reason in an Event', async () => {
		const updateStrategy = { type: 'RollingUpdate', rollingUpdate: { partition: 1 } };
		const more = { serviceName: 'web', updateStrategy };
		const { namespace, rolled, path } = await made('StatefulSet', 'apps/v1', 'statefulsets', more);
		await change(namespace);
		expect(await told(namespace, 'RolloutBlocked')).toContain('the partition 1');
		expect(await rolled()).toBeUndefined();
		const whole = { spec: { updateStrategy: { rollingUpdate: { partition: 0 } } } };
		expectStatus(await cluster.request('PATCH', path, whole, MERGE), 200, 'taking the partition off');
		await until('a rollout', rolled);
	});

	test('an Argo Rollout that uses the template of a Deployment restarts its pods; the Deployment stays', async () => {
		const namespace = await cluster.createNamespace();
		await putSecret(fixture.bao, `deployments/${namespace}/secrets/LEVEL`, 'info');
		const deployment = await makeWorkload(cluster, namespace, { replicas: 0 });
		const all = `/apis/argoproj.io/v1alpha1/namespaces/${namespace}/rollouts`;
		const workloadRef = { apiVersion: 'apps/v1', kind: 'Deployment', name: 'web' };
		const body = {
			apiVersion: 'argoproj.io/v1alpha1',
			kind: 'Rollout',
			metadata: { name: 'web' },
			spec: { workloadRef },
		};
		expectStatus(await cluster.request('POST', all, body), 201, 'creating a Rollout');
		await deployment.startPod(await revisionNow(fixture.bao, namespace, ['LEVEL']));
		const status = { observedGeneration: '1', phase: 'Healthy', replicas: 1 };
		expectStatus(
			await cluster.request('PATCH', `${all}/web/status`, { status }, MERGE),
			200,
			'writing a status',
		);
		const get = async () => (await cluster.request<Workload>('GET', `${all}/web`)).body;
		await until('a record', async () => (await get()).metadata?.annotations?.['rollout.envtier.dev/state']);
		const before = await deployment.get();
		await change(namespace);
		await until('a restart', async () => (await get()).spec.restartAt);
		const after = await deployment.get();
		expect(after.spec).toEqual(before.spec);
		expect(after.metadata?.generation).toBe(before.metadata?.generation);
	});

	test('of an Argo Rollout the controller’s account changes nothing but its annotations and the restart', async () => {
		const { path } = await made('Rollout', 'argoproj.io/v1alpha1', 'rollouts', {
			strategy: { canary: { steps: [{ setWeight: 20 }] } },
		});
		const token = await cluster.token('envtier-system', 'envtier-controller', [], 3_600);
		const change = (body: object) => cluster.request('PATCH', path, body, { token, ...MERGE });
		const restart = { spec: { restartAt: '2026-01-01T00:00:00Z' } };
		expect((await change(restart)).status).toBe(200);
		for (const body of [
			{ spec: { template: { spec: { containers: [{ name: 'main', image: 'evil' }] } } } },
			{ spec: { template: { metadata: { labels: { a: 'b' } } } } },
			{ spec: { strategy: { canary: { steps: [] } } } },
			{ spec: { replicas: 5 } },
			{ spec: { workloadRef: { apiVersion: 'apps/v1', kind: 'Deployment', name: 'other' } } },
			{ metadata: { labels: { a: 'b' } } },
		]) {
			const { status, body: answer } = await change(body);
			expect(status, JSON.stringify(body)).toBe(422);
			expect(JSON.stringify(answer)).toContain('envtier-controller-rollouts');
		}
	});

	test('an Argo Rollout restarts its pods, and its template stays', async () => {
		const { namespace, get, rolled } = await made('Rollout', 'argoproj.io/v1alpha1', 'rollouts');
		const before = (await get()).spec.template;
		await change(namespace);
		const at = await until('a restart', async () => (await get()).spec.restartAt);
		expect(Date.parse(at)).toBeGreaterThan(Date.now() - 60_000);
		expect((await get()).spec.template).toEqual(before);
		expect(await rolled()).toBeUndefined();
		expect(await told(namespace, 'SecretsChanged')).toContain('new pods');
	});
});
