import type { V1Deployment, V1PodList, V1ReplicaSetList } from '@kubernetes/client-node';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { parseRevisionMessage } from '../../../contract/refresh.ts';
import { kubectlFor } from '../../support/kubernetes/kubectl.ts';
import { MAIN } from '../../support/kubernetes/pods.ts';
import { describeWithNode } from '../../support/node-servers.ts';
import { deleteSecret, putSecret } from '../../support/openbao-setup.ts';
import { until } from '../../support/until.ts';
import {
	type ControllerFixture,
	controllerFixture,
	type RunningController,
} from '../apiserver/support/controller.ts';
import { create, untilLogged } from './support/observe.ts';
import { makeTenant } from './support/tenant.ts';

const READS = 'echo "level $LEVEL"; trap "exit 0" TERM; while :; do sleep 1 & wait $! || true; done';

describeWithNode('a Deployment that is rolled', (servers) => {
	const { cluster, vault } = servers;
	const kubectl = kubectlFor(servers.kubectl, cluster);
	let fixture: ControllerFixture;
	let controller: RunningController;
	beforeAll(async () => {
		fixture = await controllerFixture(cluster, servers.vault);
		controller = await fixture.start();
	});
	afterAll(async () => {
		await controller?.stop();
		await fixture?.remove();
	});

	test('gets one new ReplicaSet for a change, and pods with the new value of a variable', async () => {
		const tenant = await makeTenant(servers);
		const { namespace } = tenant;
		const apps = `/apis/apps/v1/namespaces/${namespace}`;
		const template = tenant.template(
			{ containers: [{ ...MAIN, image: 'localhost/busybox:1', command: ['sh', '-c', READS] }] },
			// Other tests write secrets of the organization meanwhile.
			{ env: 'LEVEL', 'on-change': 'rollout', tiers: 'deployment,service' },
		);
		const labels = { app: 'app' };
		await create(cluster, `${apps}/deployments`, {
			apiVersion: 'apps/v1',
			kind: 'Deployment',
			metadata: { name: 'app' },
			spec: {
				replicas: 2,
				selector: { matchLabels: labels },
				template: { ...template, metadata: { ...template.metadata, labels } },
			},
		});
		const get = async <T>(path: string): Promise<T> => (await cluster.request<T>('GET', path)).body;
		const state = async (): Promise<Record<string, string> | undefined> => {
			const { metadata } = await get<V1Deployment>(`${apps}/deployments/app`);
			const text = metadata?.annotations?.['rollout.envtier.dev/state'];
			return text === undefined ? undefined : (JSON.parse(text) as Record<string, string>);
		};
		const revisions = async (): Promise<ReadonlySet<string | undefined>> => {
			const { items } = await get<V1PodList>(`/api/v1/namespaces/${namespace}/pods`);
			return new Set(
				items
					.filter(({ metadata }) => metadata?.deletionTimestamp === undefined)
					.map(({ status }) =>
						parseRevisionMessage(status?.initContainerStatuses?.[0]?.state?.terminated?.message ?? ''),
					),
			);
		};
		const settled = () =>
			until(
				'the rollout to end',
				async () => {
					const { metadata, status } = await get<V1Deployment>(`${apps}/deployments/app`);
					const { observedGeneration, readyReplicas, replicas, updatedReplicas } = status ?? {};
					const counts = [readyReplicas, replicas, updatedReplicas];
					return observedGeneration === metadata?.generation && counts.every((count) => count === 2);
				},
				{ timeoutMs: 90_000 },
			);
		await settled();
		const first = await until('a recorded revision', state);
		// The revision of the controller is the one that the fetchers tell.
		expect(await revisions()).toEqual(new Set([first['revision']]));

		await putSecret(vault, `deployments/${namespace}/services/web/secrets/LEVEL`, 'warn');
		const second = await until('a rollout', async () => {
			const now = await state();
			return now?.['rolled'] === undefined ? undefined : now;
		});
		await settled();
		expect((await get<V1ReplicaSetList>(`${apps}/replicasets`)).items).toHaveLength(2);
		await until('all pods to be new', async () => {
			const seen = await revisions();
			return seen.size === 1 && seen.has(second['revision']);
		});
		await untilLogged(kubectl, namespace, ['deployment/app'], 'level warn');

		// The tier below shows through.
		await deleteSecret(vault, `deployments/${namespace}/services/web/secrets/LEVEL`);
		await until('another rollout', async () => (await state())?.['rolled'] !== second['rolled']);
		await settled();
		await untilLogged(kubectl, namespace, ['deployment/app'], 'level info');
		expect((await get<V1ReplicaSetList>(`${apps}/replicasets`)).items).toHaveLength(3);
		expect(controller.process.output()).not.toContain('"level":50');
	});
});
