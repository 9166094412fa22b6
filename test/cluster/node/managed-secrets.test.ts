import { afterAll, beforeAll, expect, test } from 'vitest';
import { kubectlFor } from '../../support/kubernetes/kubectl.ts';
import { MAIN } from '../../support/kubernetes/pods.ts';
import { describeWithNode } from '../../support/node-servers.ts';
import { until } from '../../support/until.ts';
import type { RunningController } from '../apiserver/support/controller.ts';
import {
	CANARY,
	type ManagedSecretFixture,
	managedSecretFixture,
} from '../apiserver/support/managed-secrets.ts';
import { create, untilLogged } from './support/observe.ts';

const PRINTS = 'echo "level $LEVEL"; trap "exit 0" TERM; while :; do sleep 1 & wait $! || true; done';

describeWithNode('a Secret of a ManagedSecret', (servers) => {
	const { cluster } = servers;
	const kubectl = kubectlFor(servers.kubectl, cluster);
	let fixture: ManagedSecretFixture;
	let controller: RunningController;
	beforeAll(async () => {
		fixture = await managedSecretFixture(cluster, servers.vault);
		controller = await fixture.start();
	});
	afterAll(async () => {
		await controller?.stop();
		await fixture?.remove();
	});

	test('is read by a pod that names it, and is deleted with the ManagedSecret, also while no controller runs', async () => {
		const shop = await fixture.tenant();
		const { namespace } = shop;
		await shop.put('LEVEL', 'info');
		await shop.create('app', { keys: [{ source: 'LEVEL' }], target: { name: 'settings' } });
		await shop.create('kept', { keys: [{ source: 'LEVEL' }], deletionPolicy: 'Retain' });
		await shop.synced('app');
		await shop.synced('kept');
		await create(cluster, `/api/v1/namespaces/${namespace}/pods`, {
			metadata: { name: 'app' },
			spec: {
				containers: [
					{
						...{ ...MAIN, image: 'localhost/busybox:1', command: ['sh', '-c', PRINTS] },
						envFrom: [{ secretRef: { name: 'settings' } }],
					},
				],
			},
		});
		await untilLogged(kubectl, namespace, ['app'], `level ${CANARY}info`);
		await controller.stop();
		await shop.remove('app');
		await shop.remove('kept');
		// Its garbage collector looks for new kinds of objects every 30 seconds.
		const isGone = async () => (await shop.secret('settings')) === undefined;
		await until('Kubernetes to delete the Secret', isGone, { timeoutMs: 120_000 });
		expect(await shop.values('kept')).toEqual({ LEVEL: 'info' });
		controller = await fixture.start();
	});

	test('does not hold up the deletion of its namespace', async () => {
		const shop = await fixture.tenant();
		await shop.put('LEVEL', 'info');
		await shop.create('app', { keys: [{ source: 'LEVEL' }] });
		await shop.synced('app');
		const path = `/api/v1/namespaces/${shop.namespace}`;
		await cluster.request('DELETE', path);
		await until('the namespace to be gone', async () => (await cluster.request('GET', path)).status === 404, {
			timeoutMs: 60_000,
		});
	});
});
