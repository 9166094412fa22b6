import type { V1Deployment } from '@kubernetes/client-node';
import { beforeAll, expect, test } from 'vitest';
import { createObject, shippedObjects } from '../../support/kubernetes/apply-manifests.ts';
import { expectStatus } from '../../support/kubernetes/cluster.ts';
import { describeWithServers } from '../../support/servers.ts';
import { until } from '../../support/until.ts';
import { CONTROLLER_FILES } from './support/controller.ts';
import { makeWorkload } from './support/workload.ts';

const MERGE = 'application/merge-patch+json';
const SYSTEM = 'envtier-system';

/** The account may patch workloads by RBAC; the shipped admission policy limits what it changes. */
describeWithServers('what the controller’s account may change', ({ cluster }) => {
	let token: string;
	let path: string;
	let namespace: string;
	beforeAll(async () => {
		await cluster.createNamespace({ name: SYSTEM });
		await cluster.createServiceAccount(SYSTEM, 'envtier-controller');
		for (const file of CONTROLLER_FILES)
			for (const object of await shippedObjects(file)) await createObject(cluster, object);
		token = await cluster.token(SYSTEM, 'envtier-controller', [], 3_600);
		namespace = await cluster.createNamespace();
		await makeWorkload(cluster, namespace);
		path = `/apis/apps/v1/namespaces/${namespace}/deployments/web`;
		// Another number each time: a change that changes nothing is allowed.
		let replicas = 10;
		await until('the policy', async () => {
			replicas += 1;
			const answer = await change({ spec: { replicas } });
			if (answer.status !== 422) throw new Error(`${answer.status}: ${answer.body.message}`);
			return true;
		});
	});

	const change = (body: object, at = path) =>
		cluster.request<V1Deployment & { message?: string }>('PATCH', at, body, { token, contentType: MERGE });

	test.for<[string, object]>([
		['its state on the workload', { metadata: { annotations: { 'rollout.envtier.dev/state': '{}' } } }],
		[
			'the revision in the pod template',
			{ spec: { template: { metadata: { annotations: { 'rollout.envtier.dev/revision': 'v1:x' } } } } },
		],
	])('%s', async ([, body]) => {
		const { status, body: answer } = await change(body);
		expect(status, answer.message).toBe(200);
	});

	const container = { name: 'main', image: 'evil' };
	test.for<[string, object]>([
		['the image of a container', { spec: { template: { spec: { containers: [container] } } } }],
		['the service account of pods', { spec: { template: { spec: { serviceAccountName: 'admin' } } } }],
		['a volume of pods', { spec: { template: { spec: { volumes: [{ name: 'x', emptyDir: {} }] } } } }],
		['labels of pods', { spec: { template: { metadata: { labels: { a: 'b' } } } } }],
		[
			'other annotations of pods',
			{ spec: { template: { metadata: { annotations: { 'envtier.dev/org': 'other' } } } } },
		],
		[
			'the removal of an annotation of pods',
			{ spec: { template: { metadata: { annotations: { 'envtier.dev/deployment': null } } } } },
		],
		['the number of replicas', { spec: { replicas: 5 } }],
		['a pause', { spec: { paused: true } }],
		['a field that was not set', { spec: { minReadySeconds: 7 } }],
		['the strategy', { spec: { strategy: { type: 'Recreate', rollingUpdate: null } } }],
		['labels of the workload', { metadata: { labels: { a: 'b' } } }],
		['other annotations of the workload', { metadata: { annotations: { 'kubernetes.io/x': 'y' } } }],
		['finalizers', { metadata: { finalizers: ['example.com/x'] } }],
		['owners', { metadata: { ownerReferences: [{ apiVersion: 'v1', kind: 'Pod', name: 'x', uid: 'x' }] } }],
	])('not %s', async ([, body]) => {
		const { status, body: answer } = await change(body);
		expect(status).toBe(422);
		expect(answer.message).toContain('envtier-controller-rollouts');
	});

	test('not a workload of its own, and no subresource', async () => {
		const { body } = await cluster.request<V1Deployment>('GET', path);
		const other = { ...body, metadata: { name: 'other' }, status: undefined };
		const create = await cluster.request('POST', `/apis/apps/v1/namespaces/${namespace}/deployments`, other, {
			token,
		});
		expect(create.status).toBe(403);
		expect((await change({ spec: { replicas: 5 } }, `${path}/scale`)).status).toBe(403);
	});

	test('others change what they want', async () => {
		const answer = await cluster.request('PATCH', path, { spec: { replicas: 2 } }, { contentType: MERGE });
		expectStatus(answer, 200, 'an administrator’s change');
	});
});
