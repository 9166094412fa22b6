/**
 * Runs the built controller with everything switched on, on a real API server and a real OpenBao behind a
 * proxy that lets time pass: 1,000 workloads, 5,000 ManagedSecrets and 5,000 passwords that rotate. Time to
 * steady state, memory, requests of an hour. Then all passwords are due at once, and a secret of the
 * organization changes that 500 workloads read, and a ManagedSecret is new. Fails if one of the workloads was
 * not rolled or was rolled twice, if a password did not get exactly one new value, or if the controller took
 * more than 180 MiB.
 */
import process from 'node:process';
import { setTimeout as sleep } from 'node:timers/promises';
import pLimit from 'p-limit';
import { ROTATION_RATE } from '../../controller/variables.ts';
import { managedSecretFixture, type Tenant } from '../../test/cluster/apiserver/support/managed-secrets.ts';
import { startApiServer } from '../../test/support/kubernetes/apiserver.ts';
import { startFaultyApiServer } from '../../test/support/kubernetes/faulty-apiserver.ts';
import { trustCluster } from '../../test/support/kubernetes/vault-auth.ts';
import { startOpenBao } from '../../test/support/openbao.ts';
import { putSecret } from '../../test/support/openbao-setup.ts';
import { makeRotationToken } from '../../test/support/rotation-policy.ts';
import { shippedEnvironment, shippedOptions } from '../../test/support/shipped-options.ts';
import { startTimeProxy } from '../../test/support/time-proxy.ts';
import { until } from '../../test/support/until.ts';
import { say, seconds, stopsAtEnd, untilSteady } from '../support/controller.ts';
import { countVersions, DUE, makePasswords } from '../support/passwords.ts';
import { cpuOf, memoryOf, peakOf } from '../support/proc.ts';
import { makeWorkload, ORG, playDeployments } from '../support/workloads.ts';

/** Fewer for a quick run; the figures in docs/performance.md are for 100. */
const NAMESPACES = Number(process.env['ENVTIER_BENCH_NAMESPACES'] ?? 100);
const WORKLOADS_IN_EACH = 10;
/** Of each namespace, so many workloads read the organization's secrets as well. */
const READERS_IN_EACH = 5;
const MANAGED_IN_EACH = 50;
const PASSWORDS_IN_EACH = 50;
const KEYS = 20;
const WORKLOADS = NAMESPACES * WORKLOADS_IN_EACH;
const READERS = NAMESPACES * READERS_IN_EACH;
const MANAGED = NAMESPACES * MANAGED_IN_EACH;
const PASSWORDS = NAMESPACES * PASSWORDS_IN_EACH;
/** Keys of each Secret. */
const SELECTED = 3;
/** Seconds between two polls here, and by default. */
const PERIOD = 10;
const DEFAULT_PERIOD = 60;
/** Milliseconds that the controller has nothing to do. */
const IDLE = 30_000;
/** Below the memory limit of the pod, 192 MiB. */
const MAX_MIB = 180;
/** Milliseconds that all of it may take; more on a machine with other work. */
const MAX_TIME = Number(process.env['ENVTIER_BENCH_SECONDS'] ?? 470) * 1_000;
const HOUR = 3_600;

const left = (): number => Math.max(0, MAX_TIME - performance.now());
const numbers = (count: number): readonly number[] => Array.from({ length: count }, (_, i) => i);
const limit = pLimit(16);
const all = <T, R>(items: readonly T[], work: (item: T) => Promise<R>): Promise<readonly R[]> =>
	Promise.all(items.map((item) => limit(() => work(item))));

/** Three keys, other ones for each ManagedSecret. */
const specOf = (number: number) => ({
	keys: numbers(SELECTED).map((i) => ({ source: `KEY_${(number + i) % KEYS}` })),
});

const options = await shippedOptions('controller');
const environment = await shippedEnvironment('controller');
const started = await startApiServer();
if (!started.ok) throw new Error(started.error);
const cluster = started.value;
const bao = await startOpenBao();
await trustCluster(bao, cluster);
const fixture = await managedSecretFixture(cluster, bao);
try {
	await using api = await startFaultyApiServer(cluster);
	await using vault = await startTimeProxy(bao);
	const { file: tokenFile } = await makeRotationToken(bao);
	const tenants: readonly Tenant[] = await all(numbers(NAMESPACES), async () => {
		const tenant = await fixture.tenant();
		for (const key of numbers(KEYS)) await tenant.put(`KEY_${key}`, `value of ${key}`);
		return tenant;
	});
	await all(numbers(KEYS), (key) => putSecret(bao, `orgs/${ORG}/secrets/ORG_${key}`, 'value'));
	say(`${NAMESPACES} namespaces after ${seconds(performance.now())} s`);
	const eachTenant = (count: number) =>
		tenants.flatMap((tenant) => numbers(count).map((number) => ({ tenant, number })));
	await all(eachTenant(WORKLOADS_IN_EACH), ({ tenant, number }) =>
		makeWorkload(cluster, tenant.namespace, `app-${number}`, number < READERS_IN_EACH),
	);
	say(`${WORKLOADS} workloads after ${seconds(performance.now())} s`);
	await all(eachTenant(MANAGED_IN_EACH), ({ tenant, number }) =>
		tenant.create(`secret-${number}`, specOf(number)),
	);
	say(`${MANAGED} ManagedSecrets after ${seconds(performance.now())} s`);
	const names = tenants.map(({ namespace }) => namespace);
	const passwords = await makePasswords(bao, names, PASSWORDS_IN_EACH);
	say(
		`${PASSWORDS} passwords after ${seconds(performance.now())} s; the controller runs with ${options.join(' ')}`,
	);

	const began = performance.now();
	const controller = await fixture.start(
		{
			ENVTIER_CONTROLLER_ROLLOUTS: 'true',
			ENVTIER_CONTROLLER_ROTATION: 'true',
			ENVTIER_CONTROLLER_ROTATION_RATE: String(ROTATION_RATE.max),
			ENVTIER_CONTROLLER_ROTATION_VAULT_TOKEN_FILE: tokenFile,
			ENVTIER_CONTROLLER_PERIOD: String(PERIOD),
			ENVTIER_CONTROLLER_BATCH: '1',
			ENVTIER_CONTROLLER_KUBECONFIG: await fixture.kubeconfig(api),
			ENVTIER_VAULT_ADDR: vault.addr,
		},
		options,
		environment,
	);
	const { pid } = controller.process;
	await using _stop = stopsAtEnd(controller);
	const metric = (name: string) => fixture.counted(controller, `envtier_controller_${name}`);
	const synced = () => metric('managed_secret_syncs_total{result="created"}');
	const recorded = (): number =>
		api.requests.filter(({ method, path }) => method === 'PATCH' && path.includes('/deployments/')).length;
	const patches = (): number => vault.seen().filter((step) => step.startsWith('PATCH')).length;
	const progress = setInterval(
		async () =>
			say(
				`  after ${seconds(performance.now() - began)} s: ${recorded()} records, ${await synced()} Secrets, ${await metric('rotating_secrets')} passwords known, ${patches()} new values; ${memoryOf(pid).rss.toFixed(0)} MiB`,
			),
		20_000,
	);
	using _progress = { [Symbol.dispose]: () => clearInterval(progress) };

	await until(
		'all of it',
		async () => {
			const isThere = recorded() >= WORKLOADS && (await synced()) >= MANAGED;
			return isThere && (await metric('rotating_secrets')) === PASSWORDS;
		},
		{ timeoutMs: left(), everyMs: 500 },
	);
	say(
		`${WORKLOADS} workloads recorded, ${MANAGED} Secrets written and ${PASSWORDS} passwords known ${seconds(performance.now() - began)} s after the start, with ${api.requests.length} requests to the API server and ${vault.seen().length} to Vault; highest memory ${peakOf(pid).toFixed(0)} MiB`,
	);

	await untilSteady(() => api.requests.length, left());
	say(`steady after ${seconds(performance.now() - began)} s`);
	// The polls of the versions, and the looks at the index of passwords.
	const polls = () => metric('polls_total{result="ok"}');
	const idle = [await polls(), vault.seen().length, api.requests.length, cpuOf(pid)] as const;
	await sleep(IDLE);
	const rounds = ((await polls()) - idle[0]) / (NAMESPACES + 1);
	const ofVault = ((vault.seen().length - idle[1]) / rounds) * (HOUR / DEFAULT_PERIOD);
	const ofApi = ((api.requests.length - idle[2]) * HOUR) / (IDLE / 1000);
	say(
		`idle: ${Math.round(ofVault)} requests to Vault an hour with the default period, ${Math.round(ofApi)} an hour to the API server; ${(((cpuOf(pid) - idle[3]) / IDLE) * 100).toFixed(1)} % of a core, polling every ${PERIOD} s; memory ${memoryOf(pid).rss.toFixed(0)} MiB, highest so far ${peakOf(pid).toFixed(0)}`,
	);

	const deployments = await playDeployments(cluster, WORKLOADS);
	vault.setFault(() => 'pass');
	vault.pass(DUE);
	await until('the first new value', () => patches() > 0, { timeoutMs: left() });
	const [tenant] = tenants;
	if (tenant === undefined) throw new Error('no tenant');
	const changed = performance.now();
	await putSecret(bao, `orgs/${ORG}/secrets/ORG_0`, 'other');
	await tenant.create('late', specOf(0));
	await until('the late Secret', () => tenant.secret('late'), { timeoutMs: left() });
	say(
		`while all passwords are due: a new ManagedSecret has its Secret after ${seconds(performance.now() - changed)} s`,
	);
	await until('all rollouts', () => deployments.rolled.size === READERS && deployments.running.size === 0, {
		timeoutMs: left(),
		everyMs: 200,
	});
	const first = (deployments.first() ?? Number.NaN) - changed;
	say(
		`a changed secret of the organization: the first pod template changed after ${seconds(first)} s (period ${PERIOD} s, batch window 1 s), all ${READERS} after ${seconds(performance.now() - changed)} s, at most ${deployments.most()} at a time; ${patches()} of ${PASSWORDS} new values meanwhile`,
	);
	await until('all new values', () => patches() >= PASSWORDS, { timeoutMs: left(), everyMs: 500 });
	say(`all new values ${seconds(performance.now() - changed)} s after the change`);
	// Nothing follows.
	const after = await polls();
	await until('two more polls', async () => (await polls()) > after + 2 * (NAMESPACES + 1), {
		timeoutMs: left(),
	});
	deployments.close();
	const versions = await countVersions(bao, passwords);
	const twice = [...deployments.rolled.values()].filter(({ times }) => times !== 1).length;
	const isExact = versions.get(2) === PASSWORDS && patches() === PASSWORDS;
	if (twice > 0 || deployments.rolled.size !== READERS || !isExact || peakOf(pid) > MAX_MIB) {
		say(
			`failed: ${deployments.rolled.size} rolled, ${twice} of them more than once, ${patches()} writes of passwords, versions ${JSON.stringify([...versions])}`,
		);
		process.exitCode = 1;
	}
} finally {
	await fixture.remove();
	await bao.stop();
	await cluster.stop();
}
