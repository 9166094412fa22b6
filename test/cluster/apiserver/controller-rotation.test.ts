import { afterAll, beforeAll, expect, test } from 'vitest';
import { type ApiUnderTest, caller, startApi } from '../../api/support/api.ts';
import { vaultEnv } from '../../api/support/both.ts';
import { call } from '../../support/http.ts';
import { samplesOf } from '../../support/metrics.ts';
import { type OpenBao, startOpenBao } from '../../support/openbao.ts';
import { must } from '../../support/openbao-setup.ts';
import { makeRotationToken } from '../../support/rotation-policy.ts';
import { describeWithServers } from '../../support/servers.ts';
import { startTimeProxy, type TimeProxy } from '../../support/time-proxy.ts';
import { until } from '../../support/until.ts';
import { type ControllerFixture, controllerFixture, type RunningController } from './support/controller.ts';

const DAY = 24 * 3_600_000;
const alice = caller('user:alice');

describeWithServers('a controller that rotates passwords', ({ cluster }) => {
	let bao: OpenBao;
	let proxy: TimeProxy;
	let api: ApiUnderTest;
	let fixture: ControllerFixture;
	let tokenFile: string;
	beforeAll(async () => {
		bao = await startOpenBao();
		proxy = await startTimeProxy(bao);
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
	const start = async (): Promise<RunningController> =>
		fixture.start({
			ENVTIER_CONTROLLER_NAMESPACE: await cluster.createNamespace(),
			ENVTIER_CONTROLLER_KUBECONFIG: cluster.kubeconfig,
			ENVTIER_CONTROLLER_ROLLOUTS: 'false',
			ENVTIER_CONTROLLER_ROTATION: 'true',
			ENVTIER_CONTROLLER_ROTATION_RATE: '600',
			ENVTIER_CONTROLLER_ROTATION_VAULT_TOKEN_FILE: tokenFile,
			ENVTIER_VAULT_ADDR: proxy.addr,
		});
	const version = async (key: string): Promise<number> => {
		const read = await must(bao, 'GET', `secret/metadata/orgs/acme/secrets/${key}`);
		return (read as { data: { current_version: number } }).data.current_version;
	};
	const create = async (name: string): Promise<void> => {
		const body = { type: 'password', name, rotation: { every: '90d' } };
		const made = await api.send('POST', '/api/org/secrets', { as: alice, body });
		expect(made.status, made.text).toBe(201);
	};
	const lookedAgain = async (): Promise<void> => {
		const looks = (): number => proxy.seen().filter((step) => /rotations\/?\?list/.test(step)).length;
		const before = looks();
		await until('two more looks', () => looks() > before + 1);
	};

	test('killed before or after each of its requests to Vault, each due time makes exactly one new value', async () => {
		await create('WALKED');
		proxy.pass(91 * DAY);
		proxy.setFault(() => 'pass');
		const first = await start();
		await until('a new value', async () => (await version('WALKED')) === 2);
		await until('the audit', () => first.process.stdout().includes('"result":"done"'));
		await first.process.stop(0);
		const last = proxy.steps().findIndex((step) => step.startsWith('PATCH')) + 1;
		expect(last).toBeGreaterThan(3);
		for (let number = 1; number <= last + 1; number++)
			for (const fault of ['hold', 'hold-answer'] as const) {
				const before = await version('WALKED');
				proxy.pass(91 * DAY);
				proxy.setFault((step) => (step === number ? fault : 'pass'));
				const killed = await start();
				await until(`${fault} of request ${number}`, () => proxy.held() > 0);
				await killed.process.stop(0);
				proxy.setFault(() => 'pass');
				const next = await start();
				await until(
					`a new value after ${fault} of request ${number}`,
					async () => (await version('WALKED')) > before,
				);
				await lookedAgain();
				await next.process.stop(0);
				expect(await version('WALKED'), `${fault} of request ${number}`).toBe(before + 1);
			}
	});

	test('its metrics, its log and the audit on standard output', async () => {
		await create('TOLD');
		proxy.pass(91 * DAY);
		const controller = await start();
		try {
			await until('a new value', async () => (await version('TOLD')) === 2);
			const metrics = async () => samplesOf((await call({ url: `${controller.url}/metrics` })).text);
			await until('the count', async () => {
				const samples = await metrics();
				return (samples.get('envtier_controller_rotations_total{result="done"}') ?? 0) >= 1;
			});
			const samples = await metrics();
			expect(samples.get('envtier_controller_rotating_secrets')).toBeGreaterThan(0);
			expect(samples.get('envtier_controller_rotation_look_age_seconds')).toBeLessThan(30);
			const lines = controller.process.stdout().split('\n');
			const audit = lines.filter((line) => line.startsWith('{"type":"audit"') && line.includes('"TOLD"'));
			expect(audit.map((line) => (JSON.parse(line) as { phase: string }).phase)).toEqual([
				'intent',
				'result',
			]);
		} finally {
			await controller.stop();
		}
	});
});
