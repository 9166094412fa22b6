import type { CoreV1Event } from '@kubernetes/client-node';
import fc from 'fast-check';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { startTcpProxy } from '../../support/fault-proxy.ts';
import { call } from '../../support/http.ts';
import { expectStatus } from '../../support/kubernetes/cluster.ts';
import {
	type ApiFault,
	type ApiRequest,
	type FaultyApiServer,
	isWatchOrItsList,
	PASS,
	startFaultyApiServer,
} from '../../support/kubernetes/faulty-apiserver.ts';
import { samplesOf } from '../../support/metrics.ts';
import { deleteSecret } from '../../support/openbao-setup.ts';
import { type Scratch, scratch } from '../../support/scratch.ts';
import { type ScriptedVault, startScriptedVault } from '../../support/scripted-vault.ts';
import { describeWithServers } from '../../support/servers.ts';
import { type Authority, makeAuthority } from '../../support/tls.ts';
import { until } from '../../support/until.ts';
import type { ControllerEnv, RunningController } from './support/controller.ts';
import { type ManagedSecretFixture, managedSecretFixture, type Tenant } from './support/managed-secrets.ts';

const B64 = (value: string): string => Buffer.from(value).toString('base64');
/** Runs of the fuzz below; more for a long search. */
const RUNS = Number(process.env['ENVTIER_TEST_FUZZ_RUNS'] ?? 2);

describeWithServers('ManagedSecrets, when something fails', ({ cluster }) => {
	let fixture: ManagedSecretFixture;
	let place: Scratch;
	let authority: Authority;
	beforeAll(async () => {
		fixture = await managedSecretFixture(cluster);
		place = await scratch('managed-secrets');
		authority = await makeAuthority();
	});
	afterAll(async () => {
		await fixture?.remove();
		await place?.remove();
	});

	/** The Lease of a controller that was killed is taken after 15 s: each one may have one of its own. */
	const ownLease = async (): Promise<ControllerEnv> => ({
		ENVTIER_CONTROLLER_NAMESPACE: await cluster.createNamespace(),
		ENVTIER_CONTROLLER_KUBECONFIG: cluster.kubeconfig,
	});
	/** A Vault that is asked by way of a script. */
	const vaultThrough = async (seen: (path: string) => void): Promise<ScriptedVault> =>
		startScriptedVault({
			upstream: fixture.bao,
			tls: await authority.issue({ names: ['127.0.0.1'] }),
			http1Only: true,
			script: ({ path }) => {
				seen(path);
				return undefined;
			},
		});
	const sample = async ({ url }: RunningController, name: string): Promise<number> =>
		samplesOf((await call({ url: `${url}/metrics` })).text).get(name) ?? 0;
	const eventsOf = async ({ namespace }: Tenant): Promise<readonly CoreV1Event[]> => {
		const path = `/api/v1/namespaces/${namespace}/events`;
		return expectStatus(await cluster.request<{ items: CoreV1Event[] }>('GET', path), 200, 'Events').items;
	};
	const versionOf = async (tenant: Tenant, name: string): Promise<string | undefined> =>
		(await tenant.secret(name))?.metadata?.resourceVersion;

	test('killed at any step of a look, the next controller comes to the same end and doubles nothing', async () => {
		let seen: (step: string) => void = () => undefined;
		await using api = await startFaultyApiServer(cluster);
		await using vault = await vaultThrough((path) => seen(`vault ${path}`));
		const kubeconfig = await fixture.kubeconfig(api);
		const env = async (): Promise<ControllerEnv> => ({
			...(await ownLease()),
			ENVTIER_CONTROLLER_KUBECONFIG: kubeconfig,
			ENVTIER_VAULT_ADDR: vault.addr,
			ENVTIER_VAULT_CA: authority.certPem,
		});
		// Its Lease is in another namespace each time, which the account has no right on by itself.
		const leases = {
			apiGroups: ['coordination.k8s.io'],
			resources: ['leases'],
			verbs: ['create', 'get', 'update'],
		};
		const rbac = '/apis/rbac.authorization.k8s.io/v1';
		await cluster.request('POST', `${rbac}/clusterroles`, {
			metadata: { name: 'test-leases' },
			rules: [leases],
		});
		await cluster.request('POST', `${rbac}/clusterrolebindings`, {
			metadata: { name: 'test-leases' },
			roleRef: { apiGroup: 'rbac.authorization.k8s.io', kind: 'ClusterRole', name: 'test-leases' },
			subjects: [{ kind: 'ServiceAccount', namespace: 'envtier-system', name: 'envtier-controller' }],
		});
		const steps: string[] = [];
		let complete = false;
		for (let killAt = 1; !complete; killAt += 1) {
			const shop = await fixture.tenant();
			await shop.put('A', 'a');
			let count = 0;
			let kill: () => void = () => undefined;
			const killed = new Promise<void>((resolve) => {
				kill = resolve;
			});
			let victim: RunningController | undefined;
			seen = (step) => {
				count += 1;
				if (count !== killAt) return;
				steps.push(step.replaceAll(shop.namespace, 'NS').replace(/\?.*$/, ''));
				victim?.process.signal('SIGKILL');
				kill();
			};
			api.setFault((request) => {
				const { method, path } = request;
				// Watches and their lists are no steps.
				const ofIt = path.includes(`/namespaces/${shop.namespace}`) && !isWatchOrItsList(request);
				if (ofIt) seen(`${method} ${path}`);
				return PASS;
			});
			victim = await fixture.start(await env());
			await shop.create('web', { keys: [{ source: 'A' }] });
			const done = shop.synced('web').then(
				() => true,
				() => false,
			);
			complete = !(await Promise.race([
				killed.then(() => true),
				// The Event is the last step.
				until('all steps', async () => (await done) && (await eventsOf(shop)).length > 0).then(() => false),
			]));
			await victim.process.stop(0);
			seen = () => undefined;
			const before = await versionOf(shop, 'web');
			if (complete) break;
			const next = await fixture.start(await ownLease());
			await shop.synced('web');
			expect(await shop.values('web'), steps.at(-1)).toEqual({ A: 'a' });
			// What was written before is not written again.
			if (before !== undefined) expect(await versionOf(shop, 'web'), steps.at(-1)).toBe(before);
			const created = (await eventsOf(shop)).filter(({ reason }) => reason === 'SecretCreated');
			expect(created.reduce((sum, { count: times = 1 }) => sum + times, 0)).toBeLessThanOrEqual(1);
			await next.process.stop(0);
			await shop.remove('web');
		}
		// Every step was among them.
		const has = (step: RegExp) =>
			expect(
				steps.some((one) => step.test(one)),
				`${step} of ${steps}`,
			).toBe(true);
		has(/^POST .*\/serviceaccounts\/web\/token/);
		has(/^vault auth\/kubernetes\/login/);
		has(/^vault secret\/metadata/);
		has(/^vault secret\/data/);
		has(/^GET .*\/secrets\/web/);
		has(/^PATCH .*\/secrets\/web/);
		has(/^PATCH .*\/managedsecrets\/web\/status/);
		has(/^POST .*\/events/);
	}, 180_000);

	test('starting a controller does nothing that was not due: Vault is not asked for a Secret that is current', async () => {
		const shop = await fixture.tenant();
		await shop.put('A', 'a');
		await shop.create('web', { keys: [{ source: 'A' }] });
		const first = await fixture.start();
		const before = await shop.synced('web');
		await first.stop();
		const asked: string[] = [];
		await using vault = await vaultThrough((path) => asked.push(path));
		const second = await fixture.start({
			ENVTIER_VAULT_ADDR: vault.addr,
			ENVTIER_VAULT_CA: authority.certPem,
		});
		try {
			// When a new one in the same namespace is done, the old one has been looked at as well.
			await shop.create('barrier', { keys: [{ source: 'A' }] });
			await shop.synced('barrier');
			expect(asked.filter((path) => path.endsWith('/login'))).toHaveLength(1);
			expect((await shop.get('web')).metadata.resourceVersion).toBe(before.metadata.resourceVersion);
			// A Secret that was deleted while no controller ran is noticed at the start.
		} finally {
			await second.stop();
		}
		await cluster.request('DELETE', `/api/v1/namespaces/${shop.namespace}/secrets/web`);
		const third = await fixture.start();
		try {
			await until('the Secret', async () => (await shop.values('web'))?.['A'] === 'a');
		} finally {
			await third.stop();
		}
	});

	test('of two controllers one writes; when it ends, the other goes on', async () => {
		const first = await fixture.start();
		await until('a leader', async () => (await sample(first, 'envtier_controller_leader')) === 1);
		const second = await fixture.start();
		try {
			const shop = await fixture.tenant();
			await shop.put('A', 'a');
			await shop.create('web', { keys: [{ source: 'A' }] });
			await shop.synced('web');
			expect(await sample(second, 'envtier_controller_managed_secret_syncs_total{result="created"}')).toBe(0);
			await first.stop();
			await shop.create('next', { keys: [{ source: 'A' }] });
			await shop.synced('next');
			expect(await sample(second, 'envtier_controller_managed_secret_syncs_total{result="created"}')).toBe(1);
		} finally {
			await second.stop();
		}
	});

	test('while Vault is away the last Secret stays, the condition says so, and then everything goes on', async () => {
		await using proxy = await startTcpProxy(Number(new URL(fixture.bao.addr).port));
		const controller = await fixture.start({ ENVTIER_VAULT_ADDR: `https://127.0.0.1:${proxy.port}` });
		try {
			const shop = await fixture.tenant();
			await shop.put('A', 'one');
			await shop.create('web', { keys: [{ source: 'A' }], refreshInterval: '10s' });
			await shop.synced('web');
			await proxy.refuse(true);
			await shop.put('A', 'two');
			const { message } = await shop.condition('web', 'Synced', 'VaultUnavailable');
			expect(message).toContain(`https://127.0.0.1:${proxy.port}`);
			expect(await shop.condition('web', 'Ready', 'SecretKept')).toMatchObject({ status: 'True' });
			expect(await shop.values('web')).toEqual({ A: 'one' });
			await until(
				'the metric',
				async () => (await sample(controller, 'envtier_controller_managed_secrets_failing')) === 1,
			);
			await proxy.refuse(false);
			await until('the new value', async () => (await shop.values('web'))?.['A'] === 'two');
			await shop.synced('web');
		} finally {
			await controller.stop();
		}
	});

	test('a watch that breaks off, or tells what is old, loses nothing', async () => {
		await using api = await startFaultyApiServer(cluster);
		const controller = await fixture.start({ ENVTIER_CONTROLLER_KUBECONFIG: await fixture.kubeconfig(api) });
		try {
			const shop = await fixture.tenant();
			await shop.put('A', 'a');
			await shop.put('B', 'b');
			await shop.create('web', { keys: [{ source: 'A' }] });
			await shop.synced('web');
			// The watches cannot be opened again, and 410 comes for the old version.
			api.setFault(({ isWatch }) => (isWatch ? { kind: 'answer', status: 410 } : PASS));
			api.dropWatches();
			await cluster.request('DELETE', `/api/v1/namespaces/${shop.namespace}/secrets/web`);
			await shop.patch('web', { spec: { keys: [{ source: 'A' }, { source: 'B' }] } });
			api.setFault(() => PASS);
			await until('the Secret', async () => (await shop.values('web'))?.['B'] === 'b');
			// The controller sees neither a foreign change nor its own writes.
			api.holdWatches(true);
			await shop.patchSecret('web', { data: { A: B64('changed'), FOREIGN: B64('theirs') } });
			await shop.patch('web', { spec: { keys: [{ source: 'B' }] } });
			api.holdWatches(false);
			await until('the last spec', async () => {
				const values = await shop.values('web');
				return values?.['B'] === 'b' && values['FOREIGN'] === 'theirs';
			});
			await shop.synced('web');
		} finally {
			await controller.stop();
		}
	});

	test('generated ManagedSecrets on an API server that fails: all converge, and nothing of others is touched', async () => {
		await using api = await startFaultyApiServer(cluster);
		const controller = await fixture.start({ ENVTIER_CONTROLLER_KUBECONFIG: await fixture.kubeconfig(api) });
		try {
			await fc.assert(
				fc.asyncProperty(
					fc.array(GENERATED, { minLength: 6, maxLength: 8 }),
					fc.array(fc.integer({ min: 0, max: 24 }), { minLength: 50, maxLength: 50 }),
					async (items, dice) => {
						api.setFault(faultsOf(api, dice));
						const tenants = await Promise.all(items.map(prepared));
						await Promise.all(tenants.map((tenant, i) => act(tenant, items[i] as Generated)));
						api.setFault(() => PASS);
						for (const [i, tenant] of tenants.entries()) await converged(tenant, items[i] as Generated);
						for (const tenant of tenants) await tenant.remove('web');
					},
				),
				{ numRuns: RUNS, endOnFailure: true },
			);
		} finally {
			await controller.stop();
		}
	}, 120_000);

	async function prepared(one: Generated): Promise<Tenant> {
		const tenant = await fixture.tenant();
		for (const key of KEYS) await tenant.put(key, '0');
		if (one.existing !== 'none') {
			const annotations = one.existing === 'adopted' ? { 'secret.envtier.dev/adopt': 'web' } : {};
			const metadata = { name: 'web', annotations };
			const path = `/api/v1/namespaces/${tenant.namespace}/secrets`;
			const made = await cluster.request('POST', path, { metadata, data: { THEIRS: B64('theirs') } });
			expectStatus(made, 201, 'a Secret of somebody else');
		}
		const deletionPolicy = one.retained ? 'Retain' : 'Delete';
		await tenant.create('web', { keys: keysOf(one, one.keys), refreshInterval: '10s', deletionPolicy });
		return tenant;
	}
	async function act(tenant: Tenant, one: Generated): Promise<void> {
		for (const step of one.actions) {
			if (step.kind === 'value') await tenant.put(step.key, step.value);
			else if (step.kind === 'remove')
				await deleteSecret(fixture.bao, `deployments/${tenant.namespace}/secrets/${step.key}`);
			else if (step.kind === 'spec') await tenant.patch('web', { spec: { keys: keysOf(one, step.keys) } });
			else await disturb(tenant, one, step);
		}
	}
	/** Deletes or changes the Secret, if it is one of ours. A request may come too early or too late. */
	async function disturb(tenant: Tenant, one: Generated, step: Disturbance): Promise<void> {
		if (one.existing !== 'none') return;
		const path = `/api/v1/namespaces/${tenant.namespace}/secrets/web`;
		if (step.kind === 'delete-secret') await cluster.request('DELETE', path);
		else if (one.keys.includes(step.key)) {
			const body = { data: { [nameOf(one, step.key)]: B64('changed') } };
			await cluster.request('PATCH', path, body, { contentType: 'application/merge-patch+json' });
		}
	}
	async function converged(tenant: Tenant, one: Generated): Promise<void> {
		const { keys, vault } = endOf(one);
		const isMissing = keys.some((key) => !vault.has(key));
		const theirs: Readonly<Record<string, string>> = one.existing === 'none' ? {} : { THEIRS: 'theirs' };
		if (isMissing || one.existing === 'foreign') {
			await tenant.condition('web', 'Synced', isMissing ? 'KeysMissing' : 'SecretNotOwned');
			expect((await tenant.values('web')) ?? {}).toMatchObject(theirs);
			if (one.existing === 'foreign') expect(await tenant.values('web')).toEqual(theirs);
			return;
		}
		const wanted = Object.fromEntries(keys.map((key) => [nameOf(one, key), vault.get(key)]));
		await until(`${JSON.stringify(wanted)}`, async () => {
			const values = (await tenant.values('web')) ?? {};
			const found = Object.fromEntries(Object.keys(wanted).map((key) => [key, values[key]]));
			if (JSON.stringify(found) === JSON.stringify(wanted)) return true;
			throw new Error(JSON.stringify([values, (await tenant.get('web')).status]));
		});
		expect(await tenant.values('web')).toMatchObject(theirs);
		await tenant.synced('web');
	}
});

const KEYS = ['A', 'B', 'C'] as const;
type Key = (typeof KEYS)[number];
type Disturbance = { readonly kind: 'delete-secret' } | { readonly kind: 'change-secret'; readonly key: Key };
/** What somebody does to a ManagedSecret, to its Secret or in Vault. */
type Action =
	| { readonly kind: 'value'; readonly key: Key; readonly value: string }
	| { readonly kind: 'remove'; readonly key: Key }
	| { readonly kind: 'spec'; readonly keys: readonly Key[] }
	| Disturbance;
/** A ManagedSecret, what is there before, and what happens to it. */
interface Generated {
	readonly keys: readonly Key[];
	readonly renamed: boolean;
	readonly retained: boolean;
	readonly existing: 'none' | 'foreign' | 'adopted';
	readonly actions: readonly Action[];
}

const KEY: fc.Arbitrary<Key> = fc.constantFrom(...KEYS);
const SOME_KEYS = fc.uniqueArray(KEY, { minLength: 1 });
const ACTION: fc.Arbitrary<Action> = fc.oneof(
	fc.record({ kind: fc.constant('value' as const), key: KEY, value: fc.constantFrom('1', '2', '3') }),
	fc.record({ kind: fc.constant('remove' as const), key: KEY }),
	fc.record({ kind: fc.constant('spec' as const), keys: SOME_KEYS }),
	fc.record({ kind: fc.constant('delete-secret' as const) }),
	fc.record({ kind: fc.constant('change-secret' as const), key: KEY }),
);
const GENERATED: fc.Arbitrary<Generated> = fc.record({
	keys: SOME_KEYS,
	renamed: fc.boolean(),
	retained: fc.boolean(),
	existing: fc.constantFrom('none' as const, 'foreign' as const, 'adopted' as const),
	actions: fc.array(ACTION, { maxLength: 3 }),
});

const nameOf = ({ renamed }: Generated, key: Key): string => (renamed ? `${key}.txt` : key);
const keysOf = (one: Generated, keys: readonly Key[]) =>
	keys.map((key) => ({ source: key, name: nameOf(one, key) }));

/** A model: what Vault has in the end, and the keys of the last spec. */
function endOf({ keys: first, actions }: Generated) {
	const vault = new Map<Key, string>(KEYS.map((key) => [key, '0']));
	let keys = first;
	for (const step of actions) {
		if (step.kind === 'value') vault.set(step.key, step.value);
		else if (step.kind === 'remove') vault.delete(step.key);
		else if (step.kind === 'spec') keys = step.keys;
	}
	return { keys, vault };
}

const FAULTS: readonly ApiFault[] = [
	{ kind: 'answer', status: 409 },
	{ kind: 'answer', status: 429 },
	{ kind: 'answer', status: 500 },
	{ kind: 'reset' },
	{ kind: 'lost' },
];

/** A fifth of the requests fail, some watches with 410, and now and then all watches break off. */
function faultsOf(api: FaultyApiServer, dice: readonly number[]): (request: ApiRequest) => ApiFault {
	let turn = 0;
	return ({ path, isWatch }) => {
		// Who leads is tested elsewhere.
		if (path.includes('/leases')) return PASS;
		turn += 1;
		if (turn % 20 === 0) api.dropWatches();
		if (isWatch) return turn % 7 === 0 ? { kind: 'answer', status: 410 } : PASS;
		return FAULTS[dice[turn % dice.length] ?? 0] ?? PASS;
	};
}
