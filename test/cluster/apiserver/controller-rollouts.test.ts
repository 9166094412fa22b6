import type { CoreV1Event } from '@kubernetes/client-node';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { call } from '../../support/http.ts';
import { samplesOf } from '../../support/metrics.ts';
import { deleteSecret, putSecret } from '../../support/openbao-setup.ts';
import { describeWithServers } from '../../support/servers.ts';
import { until } from '../../support/until.ts';
import { type ControllerFixture, controllerFixture, type RunningController } from './support/controller.ts';
import { followTemplate } from './support/templates.ts';
import { makeWorkload, revisionNow, type TestWorkload } from './support/workload.ts';

describeWithServers('rollouts after a change', ({ cluster }) => {
	let fixture: ControllerFixture;
	beforeAll(async () => {
		fixture = await controllerFixture(cluster);
	});
	afterAll(() => fixture?.remove());

	/** A workload with one pod, and one secret in its deployment tier. */
	async function tenant(annotations: Readonly<Record<string, string>> = {}): Promise<TestWorkload> {
		const namespace = await cluster.createNamespace();
		await putSecret(fixture.bao, `deployments/${namespace}/secrets/LEVEL`, 'info');
		const workload = await makeWorkload(cluster, namespace, { annotations });
		await workload.startPod(await revisionNow(fixture.bao, namespace, ['LEVEL']));
		await workload.settle();
		return workload;
	}
	const recorded = (workload: TestWorkload) => until('a recorded revision', () => workload.state());
	const eventsOf = async ({ namespace }: TestWorkload): Promise<readonly CoreV1Event[]> => {
		const list = await cluster.request<{ items: CoreV1Event[] }>(
			'GET',
			`/api/v1/namespaces/${namespace}/events`,
		);
		return list.body.items;
	};
	const eventOf = (workload: TestWorkload, reason: string) =>
		until(`an Event ${reason}`, async () => (await eventsOf(workload)).find((one) => one.reason === reason));
	const counted = async ({ url }: RunningController, series: string): Promise<number> =>
		samplesOf((await call({ url: `${url}/metrics` })).text).get(series) ?? 0;

	describe('one controller', () => {
		let controller: RunningController;
		beforeAll(async () => {
			controller = await fixture.start();
		});
		afterAll(() => controller?.stop());

		test('a workload that is new to it is recorded and not rolled', async () => {
			const workload = await tenant();
			await recorded(workload);
			expect(await workload.rolled()).toBeUndefined();
		});

		test('a changed secret makes one rollout, and an Event without a value', async () => {
			const workload = await tenant();
			const before = await recorded(workload);
			await putSecret(fixture.bao, `deployments/${workload.namespace}/secrets/LEVEL`, 'debug-value');
			const revision = await until('a rollout', () => workload.rolled());
			expect(revision).not.toBe(before['revision']);
			expect(await workload.state()).toMatchObject({ revision, rolled: revision });
			const event = await eventOf(workload, 'SecretsChanged');
			expect(event).toMatchObject({ type: 'Normal', message: expect.stringContaining(revision) });
			expect(JSON.stringify(event)).not.toContain('debug-value');
			const { metadata } = await workload.get();
			await workload.settle();
			// Two polls later nothing has happened.
			const polls = await counted(controller, 'envtier_controller_polls_total{result="ok"}');
			await until(
				'two more polls',
				async () => (await counted(controller, 'envtier_controller_polls_total{result="ok"}')) > polls + 20,
			);
			expect((await workload.get()).metadata?.generation).toBe(metadata?.generation);
		});

		test('a new version with an equal value, a soft delete and an undelete each roll', async () => {
			const workload = await tenant();
			await recorded(workload);
			const path = `deployments/${workload.namespace}/secrets/LEVEL`;
			const roll = async (what: string, change: () => Promise<unknown>): Promise<string> => {
				const last = await workload.rolled();
				await change();
				const next = await until(`a rollout after ${what}`, async () => {
					const now = await workload.rolled();
					return now === last ? undefined : now;
				});
				await workload.settle();
				return next;
			};
			const second = await roll('an equal value', () => putSecret(fixture.bao, path, 'info'));
			const gone = await roll('a soft delete', () => deleteSecret(fixture.bao, path));
			const back = await roll('an undelete', () =>
				fixture.bao.request('POST', `secret/undelete/${path}`, { body: { versions: [2] } }),
			);
			expect(new Set([second, gone]).size).toBe(2);
			expect(back).toBe(second);
		});

		test('a key that the pods do not select rolls nothing', async () => {
			const workload = await tenant({ 'envtier.dev/keys': 'LEVEL' });
			await recorded(workload);
			await putSecret(fixture.bao, `deployments/${workload.namespace}/secrets/OTHER`, 'x');
			await putSecret(fixture.bao, `deployments/${workload.namespace}/secrets/LEVEL`, 'debug');
			const revision = await until('a rollout', () => workload.rolled());
			await workload.settle();
			await putSecret(fixture.bao, `deployments/${workload.namespace}/secrets/OTHER`, 'y');
			const polls = await counted(controller, 'envtier_controller_polls_total{result="ok"}');
			await until(
				'more polls',
				async () => (await counted(controller, 'envtier_controller_polls_total{result="ok"}')) > polls + 20,
			);
			expect(await workload.rolled()).toBe(revision);
		});

		test('other annotations are recorded and not rolled', async () => {
			const workload = await tenant();
			const before = await recorded(workload);
			await workload.patch({
				spec: { template: { metadata: { annotations: { 'envtier.dev/keys': 'LEVEL' } } } },
			});
			await workload.startPod(before['revision']);
			await workload.settle();
			await until('another record', async () => (await workload.state())?.['inputs'] !== before['inputs']);
			expect(await workload.rolled()).toBeUndefined();
		});

		test('a change between the start of new pods and the look at them is not lost', async () => {
			const workload = await tenant();
			const before = await recorded(workload);
			await workload.patch({
				spec: { template: { metadata: { annotations: { 'envtier.dev/require': 'LEVEL' } } } },
			});
			await putSecret(fixture.bao, `deployments/${workload.namespace}/secrets/LEVEL`, 'debug');
			await workload.startPod(before['revision']);
			await workload.settle();
			await until('a rollout', () => workload.rolled());
		});

		test('pods that somebody has started anew since the change are not rolled again', async () => {
			const workload = await tenant();
			await recorded(workload);
			const path = `/api/v1/namespaces/${workload.namespace}/pods`;
			await workload.patch({ spec: { paused: true } });
			await putSecret(fixture.bao, `deployments/${workload.namespace}/secrets/LEVEL`, 'debug');
			await eventOf(workload, 'RolloutBlocked');
			const revision = await revisionNow(fixture.bao, workload.namespace, ['LEVEL']);
			await cluster.request('DELETE', `${path}/web-1?gracePeriodSeconds=0`);
			await workload.startPod(revision);
			await workload.patch({ spec: { paused: false } });
			await workload.settle();
			await until('a record', async () => (await workload.state())?.['revision'] === revision);
			expect(await workload.rolled()).toBeUndefined();
		});

		test.for([
			['a paused Deployment', { spec: { paused: true } }, 'it is paused', { spec: { paused: false } }],
		] as const)(
			'%s waits, with the reason in an Event, and is rolled later',
			async ([, block, reason, unblock]) => {
				const workload = await tenant();
				await recorded(workload);
				await workload.patch(block);
				await workload.settle();
				await putSecret(fixture.bao, `deployments/${workload.namespace}/secrets/LEVEL`, 'debug');
				expect((await eventOf(workload, 'RolloutBlocked')).message).toContain(reason);
				expect(await workload.rolled()).toBeUndefined();
				await workload.patch(unblock);
				await workload.settle();
				await until('a rollout', () => workload.rolled());
			},
		);

		test('a revision that is taken off the template is told once and not written again', async () => {
			const workload = await tenant();
			await recorded(workload);
			await putSecret(fixture.bao, `deployments/${workload.namespace}/secrets/LEVEL`, 'debug');
			const revision = await until('a rollout', () => workload.rolled());
			const annotations = { 'rollout.envtier.dev/revision': null };
			await workload.patch({ spec: { template: { metadata: { annotations } } } });
			await workload.settle();
			await eventOf(workload, 'RolloutReverted');
			await until('a record', async () => (await workload.state())?.['reverted'] === revision);
			expect(await workload.rolled()).toBeUndefined();
			// The next change is rolled again.
			await putSecret(fixture.bao, `deployments/${workload.namespace}/secrets/LEVEL`, 'warn');
			await until('a rollout', () => workload.rolled());
		});

		test('the correction of a bad secret replaces a rollout that does not become ready', async () => {
			const workload = await tenant();
			await recorded(workload);
			const secret = `deployments/${workload.namespace}/secrets/LEVEL`;
			await putSecret(fixture.bao, secret, 'bad');
			const bad = await until('a rollout', () => workload.rolled());
			// Its new pods never become ready: one old pod is left, and it is the only rollout of its namespace.
			const stuck = { replicas: 2, updatedReplicas: 1, readyReplicas: 1 };
			await workload.settle(stuck);
			await putSecret(fixture.bao, secret, 'good');
			await until('a second rollout', async () => (await workload.rolled()) !== bad);
			expect(await workload.rolled()).toBe(await revisionNow(fixture.bao, workload.namespace, ['LEVEL']));
		});

		test('a rollout past its deadline takes no place in its namespace', async () => {
			const workload = await tenant();
			await recorded(workload);
			const { namespace } = workload;
			const other = await makeWorkload(cluster, namespace, { name: 'other' });
			await other.startPod(await revisionNow(fixture.bao, namespace, ['LEVEL']));
			await other.settle();
			await recorded(other);
			await putSecret(fixture.bao, `deployments/${namespace}/secrets/LEVEL`, 'bad');
			const both = [workload, other];
			const first = await until('a first rollout', async () => {
				for (const one of both) if ((await one.rolled()) !== undefined) return one;
				return undefined;
			});
			const second = first === workload ? other : workload;
			// It runs: the other one waits.
			const stuck = { replicas: 2, updatedReplicas: 1, readyReplicas: 1 };
			await first.settle(stuck);
			await until('that the other one waits', async () => (await second.state())?.['pending']);
			const polls = await fixture.polls(controller);
			await until('more polls', async () => (await fixture.polls(controller)) > polls + 10);
			expect(await second.rolled()).toBeUndefined();
			const late = { type: 'Progressing', status: 'False', reason: 'ProgressDeadlineExceeded' };
			await first.settle({ ...stuck, conditions: [late] });
			await until('the other rollout', () => second.rolled());
		});

		test('a check that somebody asks for does not wait for the next poll', async () => {
			const slow = await fixture.start({
				ENVTIER_CONTROLLER_PERIOD: '3600',
				ENVTIER_CONTROLLER_BATCH: '600',
			});
			await controller.stop();
			try {
				const workload = await tenant();
				await recorded(workload);
				await putSecret(fixture.bao, `deployments/${workload.namespace}/secrets/LEVEL`, 'debug');
				const requested = new Date().toISOString();
				await workload.patch({ metadata: { annotations: { 'rollout.envtier.dev/requested': requested } } });
				await until('a rollout', () => workload.rolled());
				expect(await workload.state()).toMatchObject({ requested });
			} finally {
				await slow.stop();
				controller = await fixture.start();
			}
		});
	});

	test('changes within the batch window make one rollout, of the last of them', async () => {
		const controller = await fixture.start({ ENVTIER_CONTROLLER_BATCH: '4' });
		try {
			const workload = await tenant();
			await recorded(workload);
			const { namespace } = workload;
			const template = await followTemplate(cluster, `/apis/apps/v1/namespaces/${namespace}/deployments`);
			const secret = `deployments/${namespace}/secrets/LEVEL`;
			await putSecret(fixture.bao, secret, 'first');
			const first = await until('that the change waits', async () => (await workload.state())?.['pending']);
			await putSecret(fixture.bao, secret, 'second');
			const second = await revisionNow(fixture.bao, namespace, ['LEVEL']);
			expect(second).not.toBe(first);
			await until('a rollout', () => workload.rolled());
			expect([await workload.rolled(), template.changes()]).toEqual([second, 1]);
			template.close();
		} finally {
			await controller.stop();
		}
	});

	test('a change that was made while no controller ran makes one rollout; starting one makes none', async () => {
		const first = await fixture.start();
		const changed = await tenant();
		const unchanged = await tenant();
		await recorded(changed);
		await recorded(unchanged);
		await first.stop();
		await putSecret(fixture.bao, `deployments/${changed.namespace}/secrets/LEVEL`, 'debug');
		const second = await fixture.start();
		try {
			await until('a rollout', () => changed.rolled());
			expect(await unchanged.rolled()).toBeUndefined();
		} finally {
			await second.stop();
		}
	});
});
