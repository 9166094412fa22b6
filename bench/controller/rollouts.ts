/**
 * Runs the built controller with 1,000 workloads on a real API server and a real OpenBao: time to steady
 * state, memory, requests of an hour. Then changes a secret of the organization that 500 of them read. Fails
 * if more rollouts than the limit ran at a time, if one of them was not rolled or was rolled twice, if the
 * controller took more than 150 MiB, or if all of it takes more than six minutes.
 */
import process from 'node:process';
import { setTimeout as sleep } from 'node:timers/promises';
import pLimit from 'p-limit';
import { controllerFixture } from '../../test/cluster/apiserver/support/controller.ts';
import { startApiServer } from '../../test/support/kubernetes/apiserver.ts';
import { startFaultyApiServer } from '../../test/support/kubernetes/faulty-apiserver.ts';
import { putSecret } from '../../test/support/openbao-setup.ts';
import { shippedEnvironment, shippedOptions } from '../../test/support/shipped-options.ts';
import { until } from '../../test/support/until.ts';
import { say, seconds, stopsAtEnd, untilSteady } from '../support/controller.ts';
import { cpuOf, memoryOf, peakOf } from '../support/proc.ts';
import { makeWorkload, ORG, playDeployments } from '../support/workloads.ts';

/** Fewer for a quick run; the figures in docs/performance.md are for 100. */
const NAMESPACES = Number(process.env['ENVTIER_BENCH_NAMESPACES'] ?? 100);
const IN_EACH = 10;
const WORKLOADS = NAMESPACES * IN_EACH;
/** Of each namespace, so many read the organization's secrets as well. */
const READERS_IN_EACH = 5;
const READERS = NAMESPACES * READERS_IN_EACH;
const KEYS = 20;
/** Rollouts at a time. */
const LIMIT = 10;
/** Seconds between two polls here, and by default. */
const PERIOD = 10;
const DEFAULT_PERIOD = 60;
/** Milliseconds that the controller has nothing to do. */
const IDLE = 20_000;
const MAX_MIB = 150;
/** Milliseconds that all of it may take. */
const MAX_TIME = 350_000;
const HOUR = 3_600;

/** Milliseconds that are left. */
const left = (): number => Math.max(0, MAX_TIME - performance.now());

const limit = pLimit(16);
const all = <T>(items: readonly T[], work: (item: T) => Promise<unknown>): Promise<unknown> =>
	Promise.all(items.map((item) => limit(() => work(item))));
const numbers = (count: number): readonly number[] => Array.from({ length: count }, (_, i) => i);

const options = await shippedOptions('controller');
const environment = await shippedEnvironment('controller');
const started = await startApiServer();
if (!started.ok) throw new Error(started.error);
const cluster = started.value;
const fixture = await controllerFixture(cluster);
try {
	await using apiProxy = await startFaultyApiServer(cluster);
	await using vaultProxy = await startFaultyApiServer({ url: fixture.bao.addr, caPem: fixture.bao.caPem });
	const namespaces = await Promise.all(
		numbers(NAMESPACES).map(() => limit(() => cluster.createNamespace({ prefix: 'bench-' }))),
	);
	const secrets = namespaces.flatMap((name) =>
		numbers(KEYS).map((key) => `deployments/${name}/secrets/KEY_${key}`),
	);
	await all(secrets, (path) => putSecret(fixture.bao, path, 'value'));
	await all(numbers(KEYS), (key) => putSecret(fixture.bao, `orgs/${ORG}/secrets/ORG_${key}`, 'value'));
	const workloads = namespaces.flatMap((name) => numbers(IN_EACH).map((number) => ({ name, number })));
	await all(workloads, ({ name, number }) =>
		makeWorkload(cluster, name, `app-${number}`, number < READERS_IN_EACH),
	);

	say(`made after ${seconds(performance.now())} s; the controller runs with ${options.join(' ')}`);
	const began = performance.now();
	const controller = await fixture.start(
		{
			ENVTIER_CONTROLLER_PERIOD: String(PERIOD),
			ENVTIER_CONTROLLER_BATCH: '1',
			ENVTIER_CONTROLLER_LIMIT: String(LIMIT),
			ENVTIER_CONTROLLER_KUBECONFIG: await fixture.kubeconfig(apiProxy),
			ENVTIER_VAULT_ADDR: `https://127.0.0.1:${vaultProxy.port}`,
			ENVTIER_VAULT_CA: vaultProxy.caPem,
		},
		options,
		environment,
	);
	const { pid } = controller.process;
	await using _stop = stopsAtEnd(controller);
	const patches = () => apiProxy.requests.filter(({ method }) => method === 'PATCH').length;
	await until('all records', () => patches() >= WORKLOADS, { timeoutMs: left() });
	say(`${WORKLOADS} workloads in ${NAMESPACES} namespaces, ${NAMESPACES * KEYS + KEYS} secrets`);
	say(
		`recorded after ${seconds(performance.now() - began)} s, with ${apiProxy.requests.length} requests to the API server and ${vaultProxy.requests.length} to Vault`,
	);

	// Each workload is looked at once more after its record.
	await untilSteady(() => apiProxy.requests.length, left());
	say(`steady after ${seconds(performance.now() - began)} s`);

	const polls = () => fixture.polls(controller);
	const [requests, reads, from, cpu] = [
		apiProxy.requests.length,
		vaultProxy.requests.length,
		await polls(),
		cpuOf(pid),
	];
	await sleep(IDLE);
	const rounds = ((await polls()) - from) / (NAMESPACES + 1);
	const perRound = (vaultProxy.requests.length - reads) / rounds;
	const perSecond = (apiProxy.requests.length - requests) / (IDLE / 1000);
	say(
		`idle: ${Math.round(perRound)} requests to Vault in a poll, ${Math.round((perRound * HOUR) / DEFAULT_PERIOD)} an hour with the default period; ${Math.round(perSecond * HOUR)} an hour to the API server`,
	);
	say(
		`idle: ${(((cpuOf(pid) - cpu) / IDLE) * 100).toFixed(1)} % of a core, polling every ${PERIOD} s; memory ${memoryOf(pid).rss.toFixed(0)} MiB`,
	);

	const deployments = await playDeployments(cluster, WORKLOADS);
	const changed = performance.now();
	await putSecret(fixture.bao, `orgs/${ORG}/secrets/ORG_0`, 'other');
	await until('all rollouts', () => deployments.rolled.size === READERS && deployments.running.size === 0, {
		timeoutMs: left(),
		everyMs: 200,
	});
	const first = (deployments.first() ?? Number.NaN) - changed;
	say(
		`a changed secret of the organization: the first pod template changed after ${seconds(first)} s (period ${PERIOD} s, batch window 1 s), all ${READERS} after ${seconds(performance.now() - changed)} s, at most ${deployments.most()} at a time`,
	);
	// Nothing follows.
	const after = await polls();
	await until('two more polls', async () => (await polls()) > after + 2 * (NAMESPACES + 1), {
		timeoutMs: left(),
	});
	deployments.close();
	const twice = [...deployments.rolled.values()].filter(({ times }) => times !== 1).length;
	const peak = peakOf(pid);
	if (twice > 0 || deployments.rolled.size !== READERS || deployments.most() > LIMIT || peak > MAX_MIB) {
		say(`failed: ${deployments.rolled.size} rolled, ${twice} of them more than once`);
		process.exitCode = 1;
	}
} finally {
	await fixture.remove();
	await cluster.stop();
}
