/** A password that rotates, and the workloads that read it: one controller does both. */
import type { CoreV1Event } from '@kubernetes/client-node';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { type ApiUnderTest, caller, startApi } from '../../api/support/api.ts';
import { vaultEnv } from '../../api/support/both.ts';
import { type OpenBao, startOpenBao, type VaultApi, vaultApi } from '../../support/openbao.ts';
import { must, putSecret } from '../../support/openbao-setup.ts';
import { makeRotationToken } from '../../support/rotation-policy.ts';
import { describeWithServers } from '../../support/servers.ts';
import { startTimeProxy, type TimeProxy, type TimeProxyFault } from '../../support/time-proxy.ts';
import { until } from '../../support/until.ts';
import { type ControllerFixture, controllerFixture, type RunningController } from './support/controller.ts';
import { type FollowedTemplate, followTemplate } from './support/templates.ts';
import { makeWorkload, revisionNow, type TestWorkload } from './support/workload.ts';

const DAY = 24 * 3_600_000;
const PASSWORD = 'SESSION_KEY';
const OTHER = 'LEVEL';
const alice = caller('user:alice');

describeWithServers('a rotation that leads to a rollout', ({ cluster }) => {
	let bao: OpenBao;
	let proxy: TimeProxy;
	let api: ApiUnderTest;
	let fixture: ControllerFixture;
	let tokenFile: string;
	/** Vault as the controller sees it, with the times of its clock. */
	let vault: VaultApi;
	beforeAll(async () => {
		bao = await startOpenBao();
		proxy = await startTimeProxy(bao);
		vault = vaultApi({ addr: proxy.addr, caPem: bao.caPem, rootToken: bao.rootToken });
		api = await startApi({ callers: [alice], env: await vaultEnv(bao) });
		fixture = await controllerFixture(cluster, bao);
		({ file: tokenFile } = await makeRotationToken(bao));
	});
	afterAll(async () => {
		await fixture?.remove();
		await api?.[Symbol.asyncDispose]();
		await proxy?.[Symbol.asyncDispose]();
		await bao?.stop();
	});

	/** The Lease of a controller that was killed is taken after 15 s: each one here has a Lease of its own. */
	const start = async (): Promise<RunningController> => {
		const namespace = await cluster.createNamespace();
		await fixture.mayLead(namespace);
		return await fixture.start({
			ENVTIER_CONTROLLER_NAMESPACE: namespace,
			ENVTIER_CONTROLLER_ROTATION: 'true',
			ENVTIER_CONTROLLER_ROTATION_RATE: '600',
			ENVTIER_CONTROLLER_ROTATION_VAULT_TOKEN_FILE: tokenFile,
			ENVTIER_VAULT_ADDR: proxy.addr,
		});
	};

	/** A deployment with a password that rotates every 90 days, and another secret. */
	const makeDeployment = async (): Promise<string> => {
		const deployment = await cluster.createNamespace();
		const post = async (path: string, body: object): Promise<void> => {
			const made = await api.send('POST', path, { as: alice, body });
			expect(made.status, made.text).toBe(201);
		};
		await post('/api/deployments', { name: deployment, org: 'acme' });
		await post('/api/secrets', {
			...{ type: 'password', name: PASSWORD, deploymentName: deployment },
			rotation: { every: '90d' },
		});
		await putSecret(bao, `deployments/${deployment}/secrets/${OTHER}`, 'info');
		return deployment;
	};
	/** A workload in a namespace, with a pod that reads one key of a deployment. */
	const makeReader = async (deployment: string, key: string, namespace: string): Promise<TestWorkload> => {
		const annotations = { 'envtier.dev/deployment': deployment, 'envtier.dev/keys': key };
		const workload = await makeWorkload(cluster, namespace, { annotations });
		await workload.startPod(await revisionNow(vault, deployment, [key]));
		await workload.settle();
		return workload;
	};
	const follow = ({ namespace }: TestWorkload): Promise<FollowedTemplate> =>
		followTemplate(cluster, `/apis/apps/v1/namespaces/${namespace}/deployments`);
	const version = async (deployment: string): Promise<number> => {
		const read = await must(bao, 'GET', `secret/metadata/deployments/${deployment}/secrets/${PASSWORD}`);
		return (read as { data: { current_version: number } }).data.current_version;
	};
	const value = async (deployment: string): Promise<string> => {
		const read = await must(bao, 'GET', `secret/data/deployments/${deployment}/secrets/${PASSWORD}`);
		return (read as { data: { data: { value: string } } }).data.data.value;
	};
	const eventsOf = async ({ namespace }: TestWorkload): Promise<readonly CoreV1Event[]> => {
		const path = `/api/v1/namespaces/${namespace}/events`;
		return (await cluster.request<{ items: CoreV1Event[] }>('GET', path)).body.items;
	};
	/** Waits until the controller has looked at the index of rotations and at the versions twice more. */
	const looksAgain = async (controller: RunningController): Promise<void> => {
		const looks = (): number => proxy.seen().filter((step) => /rotations\/?\?list/.test(step)).length;
		const before = { looks: looks(), polls: await fixture.polls(controller) };
		await until('two more looks at the index', () => looks() > before.looks + 1);
		await until(
			'two more polls of two folders',
			async () => (await fixture.polls(controller)) > before.polls + 4,
		);
	};

	test('a due password gets one new version, and each workload that reads it rolls once', async () => {
		const deployment = await makeDeployment();
		const readers = [
			await makeReader(deployment, PASSWORD, deployment),
			await makeReader(deployment, PASSWORD, await cluster.createNamespace()),
		];
		const other = await makeReader(deployment, OTHER, await cluster.createNamespace());
		const workloads = [...readers, other];
		const templates = await Promise.all(workloads.map(follow));
		const changes = (): readonly number[] => templates.map((one) => one.changes());
		const controller = await start();
		try {
			for (const one of workloads) await until('a recorded revision', () => one.state());
			await looksAgain(controller);
			expect([await version(deployment), changes()]).toEqual([1, [0, 0, 0]]);

			const first = await value(deployment);
			proxy.pass(91 * DAY);
			for (const one of readers) await until('a rollout', () => one.rolled());
			expect(await version(deployment)).toBe(2);
			const revision = await revisionNow(vault, deployment, [PASSWORD]);
			for (const one of readers) {
				expect(await one.rolled()).toBe(revision);
				expect(await one.state()).toMatchObject({ revision, rolled: revision });
				await one.startPod(revision);
				await one.settle();
			}
			const second = await value(deployment);
			expect(second).not.toBe(first);
			for (const one of readers) {
				const told = await until('an Event', async () => (await eventsOf(one))[0]);
				expect(told).toMatchObject({
					...{ type: 'Normal', reason: 'SecretsChanged' },
					message: `its secrets have changed: new pods with revision ${revision}`,
				});
				expect(JSON.stringify(await eventsOf(one))).not.toContain(second);
			}
			expect(await eventsOf(other)).toEqual([]);
			const counted = (series: string) => fixture.counted(controller, `envtier_controller_${series}`);
			expect(await counted('rotations_total{result="done"}')).toBe(1);
			expect(await counted('rollouts_total{result="started"}')).toBe(2);
			expect(await counted('rollouts_pending')).toBe(0);
			expect(controller.process.stdout()).not.toContain(second);

			// Until the next due time nothing more happens.
			proxy.pass(89 * DAY);
			await looksAgain(controller);
			expect([await version(deployment), changes()]).toEqual([2, [1, 1, 0]]);
			expect(await other.rolled()).toBeUndefined();

			proxy.pass(2 * DAY);
			await until('the next rollouts', () => changes().join() === '2,2,0');
			await looksAgain(controller);
			expect([await version(deployment), changes()]).toEqual([3, [2, 2, 0]]);
		} finally {
			await controller.stop();
			for (const template of templates) template.close();
		}
	});

	test.for<readonly [string, (step: string, rotated: boolean) => TimeProxyFault]>([
		[
			'before it knows that Vault has the new version',
			(step) => (step.startsWith('PATCH') ? 'hold-answer' : 'pass'),
		],
		[
			'before it has seen that the version is another one',
			(step, rotated) => (rotated && step.includes('/detailed-metadata/') ? 'hold' : 'pass'),
		],
	])('killed after the rotation and %s: one new version and one rollout', async ([, faultOf]) => {
		const deployment = await makeDeployment();
		const workload = await makeReader(deployment, PASSWORD, deployment);
		const template = await follow(workload);
		proxy.setFault(() => 'pass');
		const first = await start();
		await until('a recorded revision', () => workload.state());
		let rotated = false;
		proxy.setFault((_, step) => {
			const fault = faultOf(step, rotated);
			rotated ||= step.startsWith('PATCH');
			return fault;
		});
		proxy.pass(91 * DAY);
		await until('a request that is held', () => proxy.held() > 0);
		await until('the new version', async () => (await version(deployment)) === 2);
		await first.process.stop(0);
		proxy.setFault(() => 'pass');
		expect(template.changes()).toBe(0);

		const second = await start();
		try {
			const revision = await until('a rollout', () => workload.rolled());
			expect(revision).toBe(await revisionNow(vault, deployment, [PASSWORD]));
			await workload.settle();
			await looksAgain(second);
			expect([await version(deployment), template.changes()]).toEqual([2, 1]);
			expect((await workload.state())?.['pending']).toBeUndefined();
		} finally {
			await second.stop();
			template.close();
		}
	});
});
