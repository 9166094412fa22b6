/** The controller in a cluster, from its image and manifests, with an OpenBao and the shipped policy. */
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { V1Deployment, V1PodList, V1ReplicaSetList } from '@kubernetes/client-node';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { parseRevisionMessage } from '../../../contract/refresh.ts';
import { envtier } from '../../cli/support/command.ts';
import { kubectlFor, mustKubectl } from '../../support/kubernetes/kubectl.ts';
import { installController } from '../../support/kubernetes/node/controller.ts';
import { MAIN } from '../../support/kubernetes/pods.ts';
import { untilReady } from '../../support/kubernetes/run-pod.ts';
import { describeWithNode } from '../../support/node-servers.ts';
import { createToken, deleteSecret, putSecret } from '../../support/openbao-setup.ts';
import { until } from '../../support/until.ts';
import { create, untilLogged } from './support/observe.ts';
import { makeRotatingPassword } from './support/rotation.ts';
import { makeTenant, type Tenant } from './support/tenant.ts';

const READS = 'echo "level $LEVEL"; trap "exit 0" TERM; while :; do sleep 1 & wait $! || true; done';
/** Says how often it was told to read its file again. */
const WAITS = 'trap "exit 0" TERM; trap "echo told" HUP; while :; do sleep 1 & wait $! || true; done';
const SYSTEM = 'envtier-system';
const CONTROLLER = 'deployment/envtier-controller';

/** What the pods of a Deployment do. */
interface Pods {
	readonly script?: string;
	/** Annotations that select what they read, without Envtier's prefix. */
	readonly reads?: Readonly<Record<string, string>>;
}

describeWithNode('the controller in a cluster', (servers) => {
	const { cluster, vault } = servers;
	const kubectl = kubectlFor(servers.kubectl, cluster, 150_000);
	let dir: string;
	let removeController: (() => Promise<void>) | undefined;
	beforeAll(async () => {
		dir = await mkdtemp(join(tmpdir(), 'envtier-node-controller-'));
		removeController = await installController(servers, {
			ENVTIER_CONTROLLER_PERIOD: '2',
			ENVTIER_CONTROLLER_BATCH: '1',
		});
	});
	afterAll(async () => {
		await removeController?.();
		await rm(dir, { recursive: true, force: true });
	});

	const get = async <T>(path: string): Promise<T> => (await cluster.request<T>('GET', path)).body;

	/** Starts a Deployment of two pods. By default they say the level that they read. */
	async function deployed(
		{ namespace, template: templateOf }: Tenant,
		name: string,
		{ script = READS, reads = { env: 'LEVEL' } }: Pods = {},
	) {
		const apps = `/apis/apps/v1/namespaces/${namespace}`;
		const template = templateOf(
			{ containers: [{ ...MAIN, image: 'localhost/busybox:1', command: ['sh', '-c', script] }] },
			// Other tests write secrets of the organization meanwhile.
			{ ...reads, 'on-change': 'rollout', tiers: 'deployment,service' },
		);
		const labels = { app: name };
		await create(cluster, `${apps}/deployments`, {
			apiVersion: 'apps/v1',
			kind: 'Deployment',
			metadata: { name },
			spec: {
				replicas: 2,
				selector: { matchLabels: labels },
				template: { ...template, metadata: { ...template.metadata, labels } },
			},
		});
		const object = () => get<V1Deployment>(`${apps}/deployments/${name}`);
		const state = async (): Promise<Record<string, string> | undefined> => {
			const text = (await object()).metadata?.annotations?.['rollout.envtier.dev/state'];
			return text === undefined ? undefined : (JSON.parse(text) as Record<string, string>);
		};
		const revisions = async (): Promise<ReadonlySet<string | undefined>> => {
			const query = new URLSearchParams({ labelSelector: `app=${name}` });
			const { items } = await get<V1PodList>(`/api/v1/namespaces/${namespace}/pods?${query}`);
			return new Set(
				items
					.filter(({ metadata }) => metadata?.deletionTimestamp === undefined)
					.map(({ status }) =>
						parseRevisionMessage(status?.initContainerStatuses?.[0]?.state?.terminated?.message ?? ''),
					),
			);
		};
		const settled = () =>
			until(
				'the rollout to end',
				async () => {
					const { metadata, status } = await object();
					const { observedGeneration, readyReplicas, replicas, updatedReplicas } = status ?? {};
					const counts = [readyReplicas, replicas, updatedReplicas];
					return observedGeneration === metadata?.generation && counts.every((count) => count === 2);
				},
				{ timeoutMs: 90_000 },
			);
		const replicaSets = async () =>
			(await get<V1ReplicaSetList>(`${apps}/replicasets?labelSelector=app%3D${name}`)).items;
		await settled();
		return { object, state, revisions, settled, replicaSets };
	}

	interface Row {
		readonly pod: string;
		readonly state: string;
		readonly revision?: string;
		readonly why: string;
	}
	const status = async (
		namespace: string,
		args: readonly string[],
		env: Readonly<Record<string, string>> = {},
	): Promise<readonly Row[]> => {
		const words = ['status', '--kubeconfig', cluster.kubeconfig, '-n', namespace, '--output', 'json'];
		const { code, stdout, stderr } = await envtier([...words, ...args], { env });
		expect([code, stderr]).toEqual([0, '']);
		return JSON.parse(stdout).pods as readonly Row[];
	};
	const states = (rows: readonly Row[]): ReadonlySet<string> => new Set(rows.map(({ state }) => state));

	test('a change makes one new ReplicaSet, and pods with the new value of a variable', async () => {
		const tenant = await makeTenant(servers);
		const { namespace } = tenant;
		const { state, revisions, settled, replicaSets } = await deployed(tenant, 'app');
		const first = await until('a recorded revision', state);
		// The revision of the controller is the one that the fetchers tell.
		expect(await revisions()).toEqual(new Set([first['revision']]));
		// The application reads one variable: another key of its tiers is no change.
		await putSecret(vault, `deployments/${namespace}/secrets/OTHER`, 'x');

		await putSecret(vault, `deployments/${namespace}/services/web/secrets/LEVEL`, 'warn');
		const second = await until('a rollout', async () => {
			const now = await state();
			return now?.['rolled'] === undefined ? undefined : now;
		});
		await settled();
		expect(await replicaSets()).toHaveLength(2);
		await until('all pods to be new', async () => {
			const seen = await revisions();
			return seen.size === 1 && seen.has(second['revision']);
		});
		await untilLogged(kubectl, namespace, ['deployment/app'], 'level warn');
		const rows = await status(namespace, ['deployment/app']);
		expect([rows.length, ...states(rows)]).toEqual([2, 'fresh']);

		// The tier below shows through.
		await deleteSecret(vault, `deployments/${namespace}/services/web/secrets/LEVEL`);
		await until('another rollout', async () => (await state())?.['rolled'] !== second['rolled']);
		await settled();
		await untilLogged(kubectl, namespace, ['deployment/app'], 'level info');
		expect(await replicaSets()).toHaveLength(3);
		const log = await mustKubectl(kubectl, '-n', SYSTEM, 'logs', CONTROLLER, '--all-pods');
		expect(log).not.toContain('"level":50');
		expect(log).toContain('new pods with revision');
	});

	test('a password that rotates reaches new pods by a rollout, and a running pod by its sidecar', async () => {
		const tenant = await makeTenant(servers);
		const { namespace } = tenant;
		await using rotating = await makeRotatingPassword(servers, namespace, 'SESSION_KEY');
		const { state, settled, replicaSets } = await deployed(tenant, 'app', { script: WAITS, reads: {} });
		const spec = {
			shareProcessNamespace: true,
			containers: [{ ...MAIN, image: 'localhost/busybox:1', command: ['sh', '-c', WAITS] }],
		};
		const refreshed = { refresh: '10s', 'on-change': 'signal:SIGHUP', tiers: 'deployment,service' };
		const kept = tenant.pod(spec, refreshed);
		await create(cluster, `/api/v1/namespaces/${namespace}/pods`, {
			...kept,
			metadata: { ...kept.metadata, name: 'kept' },
		});
		const before = await untilReady(cluster, namespace, 'kept');
		const fileOf = async (what: string): Promise<string> =>
			(await kubectl('exec', '-n', namespace, what, '-c', 'main', '--', 'cat', '/secrets/env')).stdout;
		const first = await rotating.value();
		expect([await fileOf('deployment/app'), await fileOf('kept')]).toEqual([
			expect.stringContaining(first),
			expect.stringContaining(first),
		]);
		await until('a recorded revision', state);

		await rotating.letItRotate();
		await until('a new version', async () => (await rotating.version()) === 2);
		const second = await rotating.value();
		await until('a rollout', async () => (await state())?.['rolled'], { timeoutMs: 60_000 });
		await settled();
		await until('the new value in a new pod', async () => (await fileOf('deployment/app')).includes(second));
		await untilLogged(kubectl, namespace, ['kept', '-c', 'main'], 'told');
		expect(await fileOf('kept')).toContain(second);
		const after = await untilReady(cluster, namespace, 'kept');
		expect([after.metadata?.uid, after.status?.containerStatuses?.[0]?.restartCount]).toEqual([
			before.metadata?.uid,
			0,
		]);
		const rows = await status(namespace, ['deployment/app']);
		expect([rows.length, ...states(rows)]).toEqual([2, 'fresh']);
		expect([await rotating.version(), (await replicaSets()).length]).toEqual([2, 2]);
		const log = await mustKubectl(kubectl, '-n', SYSTEM, 'logs', CONTROLLER, '--all-pods');
		expect(log + rotating.output()).not.toContain(second);
	});

	test('an upgrade of the controller rolls nothing, and its work goes on', async () => {
		const tenant = await makeTenant(servers);
		const { object, state } = await deployed(tenant, 'app');
		await until('a recorded revision', state);
		const before = (await object()).metadata?.generation;
		await mustKubectl(kubectl, '-n', SYSTEM, 'rollout', 'restart', CONTROLLER);
		await mustKubectl(kubectl, '-n', SYSTEM, 'rollout', 'status', CONTROLLER, '--timeout=120s');
		const other = await deployed(tenant, 'other');
		await until('a record by the new controller', other.state, { timeoutMs: 60_000 });
		expect((await object()).metadata?.generation).toBe(before);
	});

	test('envtier status knows what a sidecar has written, from its log', async () => {
		const tenant = await makeTenant(servers);
		const { namespace } = tenant;
		const caFile = join(dir, 'vault-ca.pem');
		await writeFile(caFile, vault.caPem);
		const env = {
			VAULT_ADDR: vault.addr,
			VAULT_CACERT: caFile,
			VAULT_TOKEN: await createToken(vault, ['envtier_controller_secret']),
		};
		const spec = { containers: [{ ...MAIN, image: 'localhost/busybox:1', command: ['sleep', '600'] }] };
		const pod = tenant.pod(spec, { refresh: '24h', tiers: 'deployment,service' });
		await create(cluster, `/api/v1/namespaces/${namespace}/pods`, pod);
		await untilLogged(
			kubectl,
			namespace,
			['pod/app', '-c', 'envtier-refresh'],
			'keeping the secrets current',
		);
		const untilState = (wanted: string) =>
			until(
				`a pod that is ${wanted}`,
				async () => {
					const rows = await status(namespace, [], env);
					return rows[0]?.state === wanted ? rows : undefined;
				},
				{ timeoutMs: 60_000 },
			);
		const [first] = await untilState('fresh');
		const secret = `deployments/${namespace}/services/web/secrets/LEVEL`;
		await putSecret(vault, secret, 'warn');
		const [stale] = await untilState('stale');
		expect(stale).toMatchObject({
			revision: first?.revision,
			why: 'its sidecar has not written the change yet: it checks every 86400 s, and now with envtier refresh',
		});
		const check = () => envtier(['refresh', '--kubeconfig', cluster.kubeconfig, '-n', namespace, 'pod/app']);
		expect((await check()).code).toBe(0);
		const [second] = await untilState('fresh');
		expect(second?.revision).not.toBe(first?.revision);
		// An equal value is another version: nothing is written, and the pod is fresh again.
		await putSecret(vault, secret, 'warn');
		await untilState('stale');
		expect((await check()).code).toBe(0);
		const [third] = await untilState('fresh');
		expect(third?.revision).not.toBe(second?.revision);
		// Without Vault nobody knows what is current.
		expect((await status(namespace, []))[0]).toMatchObject({ state: 'unknown', revision: third?.revision });
	});
});
