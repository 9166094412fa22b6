/**
 * Runs the built controller with 5,000 ManagedSecrets on a real API server and a real OpenBao: time until all
 * Secrets are there, memory, what a new leader asks, and the requests of a look. Fails if the controller took
 * more than 150 MiB, or if a new leader asked Vault for anything.
 */
import process from 'node:process';
import pLimit from 'p-limit';
import { managedSecretFixture, type Tenant } from '../../test/cluster/apiserver/support/managed-secrets.ts';
import { call } from '../../test/support/http.ts';
import { startApiServer } from '../../test/support/kubernetes/apiserver.ts';
import { isWatchOrItsList, startFaultyApiServer } from '../../test/support/kubernetes/faulty-apiserver.ts';
import { samplesOf } from '../../test/support/metrics.ts';
import { startScriptedVault } from '../../test/support/scripted-vault.ts';
import { shippedEnvironment, shippedOptions } from '../../test/support/shipped-options.ts';
import { makeAuthority } from '../../test/support/tls.ts';
import { until } from '../../test/support/until.ts';
import { say } from '../support/controller.ts';
import { peakOf } from '../support/proc.ts';

/** Fewer for a quick run; the figures in docs/performance.md are for 100. */
const NAMESPACES = Number(process.env['ENVTIER_BENCH_NAMESPACES'] ?? 100);
const IN_EACH = 50;
const ALL = NAMESPACES * IN_EACH;
const KEYS = ['A', 'B', 'C', 'D', 'E'];
/** Keys in each Secret. */
const SELECTED = 3;
/** Further ManagedSecrets, whose requests are counted. */
const COUNTED = 100;
const MAX_MIB = 150;
const IMAGE = [await shippedOptions('controller'), await shippedEnvironment('controller')] as const;
const HOUR = 3_600;

const started = await startApiServer();
if (!started.ok) throw new Error(started.error);
const cluster = started.value;
const fixture = await managedSecretFixture(cluster);
const limit = pLimit(16);
const looks = async (url: string, result: string): Promise<number> =>
	samplesOf((await call({ url: `${url}/metrics` })).text).get(
		`envtier_controller_managed_secret_syncs_total{result="${result}"}`,
	) ?? 0;
try {
	const tenants = await Promise.all(
		Array.from({ length: NAMESPACES }, () =>
			limit(async () => {
				const tenant = await fixture.tenant();
				for (const key of KEYS) await tenant.put(key, `value of ${key}`);
				return tenant;
			}),
		),
	);
	const create = (tenant: Tenant, number: number): Promise<unknown> => {
		const keys = KEYS.slice(number % 3, (number % 3) + SELECTED).map((source) => ({ source }));
		return limit(() => tenant.create(`secret-${number}`, { keys }));
	};
	await Promise.all(
		tenants.flatMap((tenant) => Array.from({ length: IN_EACH }, (_, number) => create(tenant, number))),
	);

	const began = performance.now();
	const first = await fixture.start({}, ...IMAGE);
	await until('all Secrets', async () => (await looks(first.url, 'created')) >= ALL, {
		timeoutMs: 1_200_000,
		everyMs: 500,
	});
	const took = (performance.now() - began) / 1000;
	const peak = peakOf(first.process.pid);
	say(
		`${ALL} ManagedSecrets in ${NAMESPACES} namespaces, ${SELECTED} keys each: all Secrets after ${took.toFixed(0)} s (${(ALL / took).toFixed(0)} a second), highest memory ${peak.toFixed(0)} MiB`,
	);
	await first.stop();

	await using api = await startFaultyApiServer(cluster);
	const authority = await makeAuthority();
	await using vault = await startScriptedVault({
		upstream: fixture.bao,
		tls: await authority.issue({ names: ['127.0.0.1'] }),
		http1Only: true,
		script: () => undefined,
	});
	const kubeconfig = await fixture.kubeconfig(api);
	const restarted = performance.now();
	const second = await fixture.start(
		{
			ENVTIER_CONTROLLER_KUBECONFIG: kubeconfig,
			ENVTIER_VAULT_ADDR: vault.addr,
			ENVTIER_VAULT_CA: authority.certPem,
		},
		...IMAGE,
	);
	const known = async (): Promise<number> =>
		samplesOf((await call({ url: `${second.url}/metrics` })).text).get(
			'envtier_controller_managed_secrets',
		) ?? 0;
	await until('the view', async () => (await known()) === ALL, { timeoutMs: 60_000 });
	const listed = (performance.now() - restarted) / 1000;
	const atStart = [api.requests.length, vault.requests.length] as const;
	say(
		`a new leader knows them after ${listed.toFixed(1)} s, with ${atStart[0]} requests to the API server and ${atStart[1]} to Vault`,
	);
	const [tenant] = tenants;
	if (tenant === undefined) throw new Error('no tenant');
	await Promise.all(Array.from({ length: COUNTED }, (_, i) => create(tenant, IN_EACH + i)));
	await until('the further ones', async () => (await looks(second.url, 'created')) >= COUNTED, {
		timeoutMs: 60_000,
	});
	// Watches, their lists and the Lease are no part of a look.
	const ofLooks = api.requests
		.slice(atStart[0])
		.filter((request) => !isWatchOrItsList(request) && !request.path.includes('/leases')).length;
	const perLook = [ofLooks / COUNTED, (vault.requests.length - atStart[1]) / COUNTED] as const;
	const perHour = perLook.map((count) => Math.round(count * ALL));
	say(
		`a first look takes ${perLook[0].toFixed(1)} requests to the API server and ${perLook[1].toFixed(1)} to Vault; with an interval of ${HOUR} s at most ${perHour[0]} and ${perHour[1]} an hour`,
	);
	const later = peakOf(second.process.pid);
	say(`highest memory of the new leader ${later.toFixed(0)} MiB`);
	await second.stop();
	if (Math.max(peak, later) > MAX_MIB || atStart[1] > 0) process.exitCode = 1;
} finally {
	await fixture.remove();
	await cluster.stop();
}
