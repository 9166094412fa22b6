import { afterAll, beforeAll, expect, test } from 'vitest';
import { startTcpProxy } from '../../support/fault-proxy.ts';
import { call } from '../../support/http.ts';
import { startFaultyApiServer } from '../../support/kubernetes/faulty-apiserver.ts';
import { samplesOf } from '../../support/metrics.ts';
import { putSecret } from '../../support/openbao-setup.ts';
import { describeWithServers } from '../../support/servers.ts';
import { until } from '../../support/until.ts';
import { type ControllerFixture, controllerFixture, type RunningController } from './support/controller.ts';
import { followTemplate } from './support/templates.ts';
import { makeWorkload, revisionNow, type TestWorkload } from './support/workload.ts';

describeWithServers('controllers that fail', ({ cluster }) => {
	let fixture: ControllerFixture;
	beforeAll(async () => {
		fixture = await controllerFixture(cluster);
	});
	afterAll(() => fixture?.remove());

	async function tenant(): Promise<TestWorkload> {
		const namespace = await cluster.createNamespace();
		await putSecret(fixture.bao, `deployments/${namespace}/secrets/LEVEL`, 'info');
		const workload = await makeWorkload(cluster, namespace);
		await workload.startPod(await revisionNow(fixture.bao, namespace, ['LEVEL']));
		await workload.settle();
		return workload;
	}
	const change = (workload: TestWorkload, value: string) =>
		putSecret(fixture.bao, `deployments/${workload.namespace}/secrets/LEVEL`, value);
	const recorded = (workload: TestWorkload) => until('a recorded revision', () => workload.state());
	const generation = async (workload: TestWorkload): Promise<number> =>
		(await workload.get()).metadata?.generation ?? 0;
	const gauge = async ({ url }: RunningController, name: string): Promise<number | undefined> =>
		samplesOf((await call({ url: `${url}/metrics` })).text).get(name);

	test('of two controllers one leads; when it ends, the other leads within five seconds', async () => {
		const first = await fixture.start();
		await until('a leader', async () => (await gauge(first, 'envtier_controller_leader')) === 1);
		const second = await fixture.start();
		try {
			expect(await gauge(second, 'envtier_controller_leader')).toBe(0);
			await first.stop();
			await until(
				'the second one to lead',
				async () => (await gauge(second, 'envtier_controller_leader')) === 1,
				{
					timeoutMs: 5_000,
				},
			);
		} finally {
			await second.stop();
		}
	});

	test('a leader whose change is not answered gives its Lease back all the same', async () => {
		await using proxy = await startFaultyApiServer(cluster);
		const workload = await tenant();
		const first = await fixture.start({
			ENVTIER_CONTROLLER_KUBECONFIG: await fixture.kubeconfig(proxy),
		});
		await recorded(workload);
		const second = await fixture.start();
		const held = Promise.withResolvers<void>();
		const asked = Promise.withResolvers<void>();
		try {
			proxy.setFault(({ method, path }) => {
				if (method !== 'PATCH' || !path.endsWith('/web')) return { kind: 'pass' };
				asked.resolve();
				return { kind: 'held', until: held.promise };
			});
			await change(workload, 'debug');
			await asked.promise;
			const began = performance.now();
			first.process.signal('SIGTERM');
			await until(
				'the second one to lead',
				async () => (await gauge(second, 'envtier_controller_leader')) === 1,
				{ timeoutMs: 5_000 },
			);
			expect(performance.now() - began).toBeLessThan(5_000);
			const revision = await until('the rollout', () => workload.rolled());
			const before = await generation(workload);
			// The change of the first one arrives late: it has another resource version.
			held.resolve();
			await first.stop();
			await workload.settle();
			const polls = await fixture.polls(second);
			await until('more polls', async () => (await fixture.polls(second)) > polls + 4);
			expect(await generation(workload)).toBe(before);
			expect(await workload.rolled()).toBe(revision);
		} finally {
			held.resolve();
			await first.stop();
			await second.stop();
		}
	});

	test('killed at any moment of a rollout, again and again, each change makes exactly one rollout', async () => {
		const workload = await tenant();
		// The Lease of a controller that was killed is taken after 15 s: each one here has a Lease of its own.
		const start = async () =>
			fixture.start({
				ENVTIER_CONTROLLER_NAMESPACE: await cluster.createNamespace(),
				ENVTIER_CONTROLLER_KUBECONFIG: cluster.kubeconfig,
			});
		const first = await start();
		await recorded(workload);
		await first.process.stop(0);
		const path = `/apis/apps/v1/namespaces/${workload.namespace}/deployments`;
		const template = await followTemplate(cluster, path);
		for (let round = 1; round <= 3; round++) {
			await change(workload, `value ${round}`);
			// Killed earlier and later: from the start of the process to after its change.
			for (const life of [200, 500, 800, 1_100, 1_400]) {
				const controller = await start();
				const ended = performance.now() + (life * (round + 2)) / 4;
				await until('its end', () => performance.now() > ended, { everyMs: 5 });
				await controller.process.stop(0);
			}
			const last = await start();
			await until(`rollout ${round}`, () => template.changes() >= round);
			await workload.settle();
			const polls = 'envtier_controller_polls_total{result="ok"}';
			await until('more polls', async () => ((await gauge(last, polls)) ?? 0) > 4);
			await last.process.stop(0);
			expect(template.changes()).toBe(round);
		}
		template.close();
	});

	test('never more rollouts at a time than the limit, and all of them in the end', async () => {
		const workloads = await Promise.all(Array.from({ length: 9 }, tenant));
		const controller = await fixture.start({ ENVTIER_CONTROLLER_LIMIT: '2' });
		try {
			for (const workload of workloads) await recorded(workload);
			for (const workload of workloads) await change(workload, 'debug');
			const settled = new Set<TestWorkload>();
			let most = 0;
			await until(
				'all rollouts',
				async () => {
					const rolled: TestWorkload[] = [];
					for (const workload of workloads)
						if (!settled.has(workload) && (await workload.rolled()) !== undefined) rolled.push(workload);
					most = Math.max(most, rolled.length);
					// One of them becomes ready once as many run as may.
					const [ready] = rolled;
					const left = workloads.length - settled.size;
					if (ready !== undefined && rolled.length >= Math.min(2, left)) {
						await ready.settle();
						settled.add(ready);
					}
					return settled.size === workloads.length;
				},
				{ timeoutMs: 60_000 },
			);
			expect(most).toBe(2);
		} finally {
			await controller.stop();
		}
	});

	test('an engine that is gone is no empty folder: nothing is rolled', async () => {
		const workload = await tenant();
		const controller = await fixture.start();
		try {
			await recorded(workload);
			const before = await generation(workload);
			const mount = (body: object) => fixture.bao.request('POST', 'sys/remount', { body });
			expect((await mount({ from: 'secret', to: 'moved' })).status).toBe(200);
			await until('a failed poll', async () => {
				const failed = await fixture.counted(controller, 'envtier_controller_polls_total{result="failed"}');
				return failed > 4;
			});
			expect(controller.process.stdout()).toContain('nothing is rolled');
			expect((await mount({ from: 'moved', to: 'secret' })).status).toBe(200);
			const polls = await fixture.polls(controller);
			await until('more polls', async () => (await fixture.polls(controller)) > polls + 4);
			expect(await generation(workload)).toBe(before);
		} finally {
			await controller.stop();
		}
	});

	test('while Vault is away nothing is rolled, the age of the last look grows, and then the change is seen', async () => {
		await using proxy = await startTcpProxy(Number(new URL(fixture.bao.addr).port));
		const workload = await tenant();
		const controller = await fixture.start({ ENVTIER_VAULT_ADDR: `https://127.0.0.1:${proxy.port}` });
		try {
			await recorded(workload);
			await proxy.refuse(true);
			await change(workload, 'debug');
			const age = 'envtier_controller_oldest_poll_seconds{scope="deployment"}';
			await until('the age to grow', async () => ((await gauge(controller, age)) ?? 0) > 3);
			expect(await workload.rolled()).toBeUndefined();
			expect(controller.process.stdout()).toContain(
				'the versions of secrets cannot be read; nothing is rolled',
			);
			await proxy.refuse(false);
			await until('a rollout', () => workload.rolled());
			// A folder whose failure was logged may be looked at after the one with the change.
			await controller.process.waitUntil('the end of the outage is logged', () =>
				controller.process.stdout().includes('the versions of secrets can be read again'),
			);
		} finally {
			await controller.stop();
		}
	});
});
