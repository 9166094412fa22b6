import { randomUUID } from 'node:crypto';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { stringify } from 'yaml';
import { revisionMessage } from '../../../contract/refresh.ts';
import { envtier } from '../../cli/support/command.ts';
import { openShell, runExamples } from '../../cli/support/examples.ts';
import { expectStatus } from '../../support/kubernetes/cluster.ts';
import { podOf } from '../../support/kubernetes/pods.ts';
import { createToken, putSecret } from '../../support/openbao-setup.ts';
import { describeWithServers } from '../../support/servers.ts';
import { until } from '../../support/until.ts';
import { type ControllerFixture, controllerFixture, type RunningController } from './support/controller.ts';
import { makeWorkload, revisionNow, type TestWorkload } from './support/workload.ts';

const RBAC = '/apis/rbac.authorization.k8s.io/v1';
const MERGE = { contentType: 'application/merge-patch+json' };
const NONE = `v1:${'0'.repeat(32)}`;

interface Row {
	readonly pod: string;
	readonly workload?: string;
	readonly state: string;
	readonly why: string;
	readonly revision?: string;
	readonly current?: string;
	readonly currentFrom?: string;
}

describeWithServers('envtier status on a cluster', ({ cluster }) => {
	let fixture: ControllerFixture;
	let dir: string;
	let caFile: string;
	beforeAll(async () => {
		fixture = await controllerFixture(cluster);
		dir = await mkdtemp(join(tmpdir(), 'envtier-status-'));
		caFile = join(dir, 'ca.pem');
		await writeFile(caFile, fixture.bao.caPem);
	});
	afterAll(async () => {
		await fixture?.remove();
		await rm(dir, { recursive: true, force: true });
	});

	/** The caller's own Vault, with the controller's policy unless given. */
	async function withVault(policies: readonly string[] = ['envtier-controller']) {
		const { bao } = fixture;
		return { VAULT_ADDR: bao.addr, VAULT_CACERT: caFile, VAULT_TOKEN: await createToken(bao, policies) };
	}

	async function run(
		namespace: string,
		args: readonly string[],
		env: Readonly<Record<string, string>> = {},
		kubeconfig = cluster.kubeconfig,
	) {
		const all = ['status', '--kubeconfig', kubeconfig, '-n', namespace, ...args];
		return await envtier(all, { env });
	}
	async function rows(...args: Parameters<typeof run>): Promise<readonly Row[]> {
		const [namespace, words, ...rest] = args;
		const { code, stdout, stderr } = await run(namespace, [...words, '--output', 'json'], ...rest);
		expect([code, stderr]).toEqual([0, '']);
		return JSON.parse(stdout).pods as readonly Row[];
	}

	/** A namespace with a secret, and a Deployment whose one pod has read it. */
	async function tenant(): Promise<TestWorkload> {
		const namespace = await cluster.createNamespace();
		await putSecret(fixture.bao, `deployments/${namespace}/secrets/LEVEL`, 'info');
		const workload = await makeWorkload(cluster, namespace);
		await workload.startPod(await now(workload));
		await workload.settle();
		return workload;
	}
	const now = ({ namespace }: { readonly namespace: string }) =>
		revisionNow(fixture.bao, namespace, ['LEVEL']);
	const change = ({ namespace }: TestWorkload) =>
		putSecret(fixture.bao, `deployments/${namespace}/secrets/LEVEL`, 'debug');

	describe('with a controller', () => {
		let controller: RunningController;
		beforeAll(async () => {
			controller = await fixture.start();
		});
		afterAll(() => controller?.stop());

		test('a pod is fresh, then stale until a new one is there', async () => {
			const workload = await tenant();
			await until('a record', () => workload.state());
			const first = await now(workload);
			const args = ['deployment/web'];
			expect(await rows(workload.namespace, args)).toEqual([
				{
					...{ pod: 'web-1', workload: 'deployment/web', state: 'fresh', why: '' },
					...{ revision: first, current: first, currentFrom: 'controller' },
				},
			]);
			await change(workload);
			await until('a rollout', () => workload.rolled());
			const second = await now(workload);
			await workload.startPod(second);
			expect(await rows(workload.namespace, args)).toMatchObject([
				{
					...{ pod: 'web-1', state: 'stale', revision: first, current: second },
					why: 'its rollout runs, or has stopped: see kubectl rollout status',
				},
				{ pod: 'web-2', state: 'fresh', revision: second, current: second },
			]);
		});

		test('a change that waits makes a pod stale, with the reason', async () => {
			const workload = await tenant();
			await until('a record', () => workload.state());
			await workload.patch({ spec: { paused: true } });
			await workload.settle();
			await change(workload);
			await until('a record that it waits', async () => (await workload.state())?.['pending']);
			const current = await now(workload);
			expect(await rows(workload.namespace, ['deploy/web'])).toMatchObject([
				{ state: 'stale', current, why: 'it is not rolled: it is paused' },
			]);
			await workload.patch({ spec: { paused: false } });
			await workload.settle();
			await until('a rollout', () => workload.rolled());
			expect((await workload.state())?.['pending']).toBeUndefined();
		});
	});

	test('Vault with the caller’s token says what is current, also for pods that no controller looks at', async () => {
		const workload = await tenant();
		await addPod(workload.namespace, 'lone', { deployment: workload.namespace }, await now(workload));
		const env = await withVault();
		const first = await now(workload);
		expect(await rows(workload.namespace, [], env)).toMatchObject([
			{ pod: 'lone', state: 'fresh', revision: first, current: first, currentFrom: 'vault' },
			{ pod: 'web-1', state: 'fresh', currentFrom: 'vault' },
		]);
		await change(workload);
		const current = await now(workload);
		expect(await rows(workload.namespace, [], env)).toMatchObject([
			{ pod: 'lone', state: 'stale', current, why: 'it read its secrets when it started: start a new pod' },
			{ pod: 'web-1', state: 'stale', current, why: 'the controller has not recorded this workload' },
		]);
		const { code, stdout } = await run(workload.namespace, ['pod/lone'], env);
		expect([code, stdout]).toEqual([
			0,
			[
				'POD   WORKLOAD  STATE  REVISION     CURRENT      WHY',
				`lone            stale  ${first.slice(0, 11)}  ${current.slice(0, 11)}  it read its secrets when it started: start a new pod`,
				'',
			].join('\n'),
		]);
	});

	test('the examples of docs/cli.md show a pod that is stale', async () => {
		const workload = await tenant();
		await change(workload);
		await using shell = await openShell();
		const env = { ...(await withVault()), KUBECONFIG: cluster.kubeconfig };
		await runExamples('envtier status', async (line) => {
			const here = line.replace(' -n shop', ` -n ${workload.namespace}`);
			const { code, stdout, stderr } = await shell.run(here, env);
			expect([code, stderr], line).toEqual([0, '']);
			expect(stdout).toContain('web-1');
		});
	});

	/** Creates a pod, and says what its fetcher told; undefined: it has not ended. */
	async function addPod(
		namespace: string,
		name: string,
		annotations: Readonly<Record<string, string>>,
		revision: string | undefined,
		statuses: readonly object[] = [],
	): Promise<void> {
		const path = `/api/v1/namespaces/${namespace}/pods`;
		const pod = podOf({ name, envtier: annotations });
		expectStatus(await cluster.request('POST', path, pod), 201, `creating ${name}`);
		const terminated = { exitCode: 0, message: revision === undefined ? '' : revisionMessage(revision) };
		const state = revision === undefined ? { running: {} } : { terminated };
		const fetcher = { name: 'envtier-fetch', ready: true, restartCount: 0, image: '', imageID: '', state };
		const status = { initContainerStatuses: [fetcher, ...statuses] };
		const answer = await cluster.request('PATCH', `${path}/${name}/status`, { status }, MERGE);
		expectStatus(answer, 200, `the status of ${name}`);
	}

	test('what cannot be told is unknown, and says why', async () => {
		const workload = await tenant();
		const { namespace } = workload;
		const deployment = namespace;
		await addPod(namespace, 'starting', { deployment }, undefined);
		await addPod(namespace, 'skips', { deployment, empty: 'skip' }, NONE);
		const sidecar = { name: 'envtier-refresh', ready: true, restartCount: 0, image: '', imageID: '' };
		const running = { ...sidecar, state: { running: { startedAt: new Date().toISOString() } } };
		await addPod(namespace, 'refreshed', { deployment, refresh: 'true' }, NONE, [running]);
		await addPod(namespace, 'plain', { inject: 'false' }, NONE);
		const why = new Map((await rows(namespace, [])).map((row) => [row.pod, `${row.state}: ${row.why}`]));
		expect(Object.fromEntries(why)).toEqual({
			starting: 'unknown: its fetcher has not ended yet',
			skips: 'unknown: it skips empty values (envtier.dev/empty: skip), which versions do not show',
			refreshed: expect.stringContaining('unknown: the log of its sidecar cannot be read: '),
			'web-1': expect.stringMatching(
				/^unknown: no controller records .* with VAULT_ADDR and VAULT_TOKEN it is read from Vault$/,
			),
		});
		const named = await rows(namespace, ['deployment/web']);
		expect(named[0]?.why).toContain('no controller has recorded its revision');
		const stranger = await rows(namespace, ['pod/web-1'], await withVault(['default']));
		expect(stranger[0]).toMatchObject({ state: 'unknown' });
		expect(stranger[0]?.why).toContain('add to the policy of your token: path "secret/metadata/deployments/');
	});

	/** A kubeconfig of a service account with these rights. */
	async function kubeconfigWith(
		namespace: string,
		rules: readonly (readonly [string, readonly string[]])[],
	): Promise<string> {
		const name = `someone-${randomUUID().slice(0, 8)}`;
		await cluster.createServiceAccount(namespace, name);
		const body = {
			metadata: { name },
			rules: rules.map(([resource, verbs]) => ({ apiGroups: ['', 'apps'], resources: [resource], verbs })),
		};
		const at = `${RBAC}/namespaces/${namespace}`;
		expectStatus(await cluster.request('POST', `${at}/roles`, body), 201, 'role');
		const subjects = [{ kind: 'ServiceAccount', name, namespace }];
		const roleRef = { apiGroup: 'rbac.authorization.k8s.io', kind: 'Role', name };
		const binding = { metadata: { name }, subjects, roleRef };
		expectStatus(await cluster.request('POST', `${at}/rolebindings`, binding), 201, 'role binding');
		const file = join(dir, `${name}.kubeconfig`);
		const ca = Buffer.from(cluster.caPem).toString('base64');
		const config = {
			apiVersion: 'v1',
			kind: 'Config',
			clusters: [{ name: 'one', cluster: { server: cluster.url, 'certificate-authority-data': ca } }],
			users: [{ name: 'one', user: { token: await cluster.token(namespace, name) } }],
			contexts: [{ name: 'one', context: { cluster: 'one', user: 'one', namespace } }],
			'current-context': 'one',
		};
		await writeFile(file, stringify(config), { mode: 0o600 });
		return file;
	}

	test.for([
		['nothing', [], [], 5, /you may not list the pods of namespace/],
		[
			'pods alone, and names a workload',
			[['pods', ['list']]],
			['deploy/web'],
			5,
			/may not get the deployment/,
		],
		['everything, and names what is not there', [['deployments', ['get']]], ['deploy/no'], 6, /not found/],
		['everything, and names nonsense', [], ['web'], 2, /write KIND\/NAME/],
	] as const)('someone who may see %s gets a clear error', async ([, rules, args, expected, message]) => {
		const namespace = await cluster.createNamespace();
		await makeWorkload(cluster, namespace);
		const kubeconfig = await kubeconfigWith(namespace, rules);
		const { code, stderr } = await run(namespace, args, {}, kubeconfig);
		expect(stderr).toMatch(message);
		expect(code).toBe(expected);
	});

	test('without the right to get workloads pods are shown, as unknown', async () => {
		const workload = await tenant();
		const { namespace } = workload;
		const owner = { apiVersion: 'apps/v1', kind: 'ReplicaSet', name: 'web-abc', uid: 'u', controller: true };
		const metadata = { labels: { 'pod-template-hash': 'abc' }, ownerReferences: [owner] };
		const path = `/api/v1/namespaces/${namespace}/pods/web-1`;
		expectStatus(await cluster.request('PATCH', path, { metadata }, MERGE), 200, 'owning a pod');
		const kubeconfig = await kubeconfigWith(namespace, [['pods', ['list']]]);
		expect(await rows(namespace, [], {}, kubeconfig)).toMatchObject([
			{
				...{ pod: 'web-1', workload: 'deployment/web', state: 'unknown', revision: await now(workload) },
				why: expect.stringContaining('you may not get its workload: '),
			},
		]);
	});

	test('a namespace without such pods says so; a workload without them is an error', async () => {
		const namespace = await cluster.createNamespace();
		const empty = await run(namespace, []);
		expect([empty.code, empty.stdout, empty.stderr]).toEqual([
			0,
			'',
			`no pod in namespace ${namespace} gets secrets from Envtier\n`,
		]);
		await makeWorkload(cluster, namespace);
		const named = await run(namespace, ['deployment/web', '--output', 'json']);
		expect([named.code, JSON.parse(named.stdout).pods]).toEqual([1, []]);
		expect(named.stderr).toContain('no pod of deployment/web in namespace');
	});
});
