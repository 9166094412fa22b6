/**
 * Runs the built controller with 5,000 passwords that rotate, on a real API server and a real OpenBao behind
 * a proxy that lets time pass: what they cost an hour while none is due, and then all are due at once, with
 * the default rate for a moment and with the highest one until the end. Fails if a password did not get
 * exactly one new value, if more than the rate did, or if the controller took more than 150 MiB.
 */
import process from 'node:process';
import { setTimeout as sleep } from 'node:timers/promises';
import { openSchedule } from '../../controller/rotation/schedule.ts';
import { ROTATION_RATE } from '../../controller/variables.ts';
import { controllerFixture } from '../../test/cluster/apiserver/support/controller.ts';
import { startApiServer } from '../../test/support/kubernetes/apiserver.ts';
import { startFaultyApiServer } from '../../test/support/kubernetes/faulty-apiserver.ts';
import { startOpenBao } from '../../test/support/openbao.ts';
import { makeRotationToken } from '../../test/support/rotation-policy.ts';
import { shippedEnvironment, shippedOptions } from '../../test/support/shipped-options.ts';
import { startTimeProxy } from '../../test/support/time-proxy.ts';
import { until } from '../../test/support/until.ts';
import { say, seconds } from '../support/controller.ts';
import { countVersions, DUE, makePasswords } from '../support/passwords.ts';
import { cpuOf, memoryOf, peakOf } from '../support/proc.ts';
import { followRate } from '../support/rate.ts';

/** Fewer for a quick run; the figures in docs/performance.md are for 100. */
const NAMESPACES = Number(process.env['ENVTIER_BENCH_NAMESPACES'] ?? 100);
const IN_EACH = 50;
const ALL = NAMESPACES * IN_EACH;
/** Seconds between two looks here, and by default. */
const PERIOD = 5;
const DEFAULT_PERIOD = 60;
const DEFAULT_RATE = 60;
/** Milliseconds that the controller has nothing to do, and that it rotates with the default rate. */
const IDLE = 20_000;
const SLOW = 30_000;
const MAX_MIB = 150;
/** Milliseconds that all of it may take; more on a machine with other work. */
const MAX_TIME = Number(process.env['ENVTIER_BENCH_SECONDS'] ?? 470) * 1_000;
const HOUR = 3_600;

const left = (): number => Math.max(0, MAX_TIME - performance.now());

/**
 * How often an hour these passwords are read while none is due: the controller's schedule on a clock that
 * runs fast.
 */
function readsInAnHour(): number {
	let now = 0;
	const schedule = openSchedule(() => now);
	const names = Array.from({ length: ALL }, (_, i) => `entry ${i}`);
	const secret = { folder: 'deployments/shop/secrets', key: 'PASSWORD' };
	let reads = 0;
	schedule.keepOnly(names);
	const hours = 4;
	// Without the first hour, which begins with a look at all of them.
	for (; now < (1 + hours) * HOUR * 1_000; now += DEFAULT_PERIOD * 1_000)
		for (const name of schedule.toRead(0)) {
			if (now >= HOUR * 1_000) reads += 1;
			schedule.read(name, secret, { kind: 'waits', until: Number.POSITIVE_INFINITY });
		}
	return reads / hours;
}

const options = await shippedOptions('controller');
const environment = await shippedEnvironment('controller');
const started = await startApiServer();
if (!started.ok) throw new Error(started.error);
const cluster = started.value;
const bao = await startOpenBao();
const fixture = await controllerFixture(cluster, bao);
try {
	await using api = await startFaultyApiServer(cluster);
	await using vault = await startTimeProxy(bao);
	const { file: tokenFile } = await makeRotationToken(bao);
	const deployments = Array.from({ length: NAMESPACES }, (_, i) => `bench-${i}`);
	const passwords = await makePasswords(bao, deployments, IN_EACH);
	say(`made after ${seconds(performance.now())} s; the controller runs with ${options.join(' ')}`);

	const requests = (): number => vault.seen().length;
	const patches = (): number => vault.seen().filter((step) => step.startsWith('PATCH')).length;
	const looks = (): number => vault.seen().filter((step) => /rotations\/?\?list/.test(step)).length;
	const kubeconfig = await fixture.kubeconfig(api);
	const start = async (rate: number) => {
		const controller = await fixture.start(
			{
				ENVTIER_CONTROLLER_KUBECONFIG: kubeconfig,
				ENVTIER_CONTROLLER_ROLLOUTS: 'false',
				ENVTIER_CONTROLLER_ROTATION: 'true',
				ENVTIER_CONTROLLER_ROTATION_RATE: String(rate),
				ENVTIER_CONTROLLER_ROTATION_VAULT_TOKEN_FILE: tokenFile,
				ENVTIER_CONTROLLER_PERIOD: String(PERIOD),
				ENVTIER_VAULT_ADDR: vault.addr,
			},
			options,
			environment,
		);
		const metric = (name: string) => fixture.counted(controller, `envtier_controller_${name}`);
		return {
			pid: controller.process.pid,
			metric,
			stop: controller.stop,
			/** Resolves when it has read all of them and looks at the index alone. */
			settled: async (): Promise<void> => {
				await until('all to be known', async () => (await metric('rotating_secrets')) === ALL, {
					timeoutMs: left(),
				});
				const before = looks();
				await until('two more looks', () => looks() >= before + 2, { timeoutMs: left() });
			},
		};
	};

	let began = performance.now();
	const first = await start(DEFAULT_RATE);
	const startRate = followRate(requests);
	await until('all to be known', async () => (await first.metric('rotating_secrets')) === ALL, {
		timeoutMs: left(),
	});
	say(
		`${ALL} passwords that rotate, none of them due: known ${seconds(performance.now() - began)} s after the start, with ${requests()} requests to Vault, at most ${vault.mostAtOnce('GET')} at the same time and ${startRate.peak()} in a second; highest memory ${peakOf(first.pid).toFixed(0)} MiB`,
	);
	startRate[Symbol.dispose]();
	await first.settled();
	const idle = [requests(), looks(), api.requests.length, cpuOf(first.pid)] as const;
	await sleep(IDLE);
	const each = (requests() - idle[0]) / (looks() - idle[1]);
	const ofIndex = (each * HOUR) / DEFAULT_PERIOD;
	const ofApi = ((api.requests.length - idle[2]) * HOUR) / (IDLE / 1000);
	const reads = readsInAnHour();
	say(
		`idle: ${each.toFixed(1)} requests to Vault in a look, ${Math.round(ofIndex)} an hour with the default period, and ${Math.round(reads)} an hour that read each password again; ${Math.round(ofApi)} an hour to the API server`,
	);
	say(
		`idle: ${(((cpuOf(first.pid) - idle[3]) / IDLE) * 100).toFixed(1)} % of a core, looking every ${PERIOD} s; memory ${memoryOf(first.pid).rss.toFixed(0)} MiB`,
	);

	vault.setFault(() => 'pass');
	vault.pass(DUE);
	began = performance.now();
	let from = requests();
	await until('the first new value', () => patches() > 0, { timeoutMs: left() });
	say(
		`all are due at once: the first one has a new value after ${seconds(performance.now() - began)} s (period ${PERIOD} s)`,
	);
	const slow = performance.now();
	await sleep(SLOW);
	const rotated = patches();
	const perMinute = ((rotated - 1) * 60_000) / (performance.now() - slow);
	say(
		`the default rate of ${DEFAULT_RATE}: ${perMinute.toFixed(0)} new values a minute, so that all take ${(ALL / DEFAULT_RATE).toFixed(0)} minutes; highest memory ${peakOf(first.pid).toFixed(0)} MiB`,
	);
	await first.stop();

	began = performance.now();
	from = requests();
	vault.setFault(() => 'pass');
	const second = await start(ROTATION_RATE.max);
	using rate = followRate(requests);
	const progress = setInterval(
		() => say(`  ${patches()} of ${ALL} after ${seconds(performance.now() - began)} s`),
		20_000,
	);
	try {
		await until('all new values', () => patches() >= ALL, { timeoutMs: left(), everyMs: 200 });
	} finally {
		clearInterval(progress);
	}
	const took = performance.now() - began;
	const now = ALL - rotated;
	say(
		`a new leader with the highest rate of ${ROTATION_RATE.max}: the other ${now} after ${seconds(took)} s, ${((now * 60_000) / took).toFixed(0)} a minute, with ${requests() - from} requests to Vault, at most ${vault.mostAtOnce('GET')} at the same time and ${rate.peak()} in a second; one write at a time: ${vault.mostAtOnce('PATCH') === 1}`,
	);
	await second.settled();
	const peak = peakOf(second.pid);
	const versions = await countVersions(bao, passwords);
	const writes = vault.seen().filter((step) => step.startsWith('PATCH'));
	say(
		`highest memory ${peak.toFixed(0)} MiB, ${memoryOf(second.pid).rss.toFixed(0)} at the end; ${versions.get(2) ?? 0} passwords have exactly two versions, ${writes.length} writes to ${new Set(writes).size} of them; ended after ${seconds(performance.now())} s`,
	);
	await second.stop();
	if (
		versions.get(2) !== ALL ||
		writes.length !== ALL ||
		vault.mostAtOnce('PATCH') > 1 ||
		perMinute > DEFAULT_RATE * 1.05 ||
		peak > MAX_MIB
	) {
		say(`failed: versions ${JSON.stringify([...versions])}`);
		process.exitCode = 1;
	}
} finally {
	await fixture.remove();
	await bao.stop();
	await cluster.stop();
}
