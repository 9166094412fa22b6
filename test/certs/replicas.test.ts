import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { expectStatus } from '../support/kubernetes/cluster.ts';
import { refusalOf } from '../support/kubernetes/pods.ts';
import { type Scratch, scratch } from '../support/scratch.ts';
import { until } from '../support/until.ts';
import { type Balancer, startBalancer } from './self-managed/balancer.ts';
import {
	NAMESPACE,
	type Replica,
	registerAt,
	SECRET,
	startReplica,
	tokenKubeconfig,
} from './self-managed/replica.ts';
import { describeOnApiServer, type Flow, flow } from './support.ts';

/** As long as a kube-proxy may send new connections to a replica that is gone. */
const STALE_MS = 2_000;
const PATIENT = { timeoutMs: 60_000, everyMs: 50 };

await describeOnApiServer('replicas that a real API server calls without a pause', (cluster) => {
	let place: Scratch;
	let balancer: Balancer;
	let kubeconfig: string;
	let namespace: string;
	const all: Replica[] = [];
	let serving: readonly Replica[] = [];
	const route = (): void => balancer.use(serving.map(({ port }) => port));

	/** Starts one more and sends it calls once it is ready, as a Service does. */
	async function add(): Promise<void> {
		const replica = await startReplica(kubeconfig, {});
		all.push(replica);
		await until('it to be ready', async () => (await replica.readiness()).status === 200, PATIENT);
		serving = [...serving, replica];
		route();
	}

	beforeAll(async () => {
		place = await scratch('replicas');
		balancer = await startBalancer();
		await cluster.createNamespace({ name: NAMESPACE });
		namespace = await cluster.createNamespace();
		const rights = {
			roleRef: { apiGroup: 'rbac.authorization.k8s.io', kind: 'ClusterRole', name: 'cluster-admin' },
			subjects: [{ kind: 'ServiceAccount', name: 'default', namespace: NAMESPACE }],
		};
		const binding = { metadata: { name: 'replicas' }, ...rights };
		const bindings = '/apis/rbac.authorization.k8s.io/v1/clusterrolebindings';
		expectStatus(await cluster.request('POST', bindings, binding), 201, 'giving rights');
		const token = await cluster.token(NAMESPACE, 'default', [], 3600);
		kubeconfig = await tokenKubeconfig(place.dir, cluster, token);
		await registerAt(cluster, balancer.port);
		await Promise.all([add(), add()]);
		await until('a pod to be injected', async () => (await admitted()) === undefined, PATIENT);
	});
	afterAll(async () => {
		for (const replica of all) await replica.process.stop(0);
		await balancer?.[Symbol.asyncDispose]();
		await cluster.request('DELETE', SECRET);
		await cluster.stop();
		await place?.remove();
	});

	const admitted = () => refusalOf(cluster, namespace);

	/** Begins to create pods and waits until that goes well. */
	async function load(): Promise<Flow> {
		const pods = flow(admitted);
		await until('the load to be there', () => pods.done() > 20, PATIENT);
		return pods;
	}

	/** Removes a replica from the Service and stops it, as the manifests do: preStop, then SIGTERM. */
	async function retire(replica: Replica): Promise<void> {
		serving = serving.filter((one) => one !== replica);
		route();
		await sleep(500);
		replica.process.signal('SIGTERM');
		expect(await replica.process.exited).toEqual({ code: 0, signal: null });
	}

	test('every replica replaced, one after the other: no call is lost', async () => {
		const pods = await load();
		for (const old of serving) {
			await add();
			await retire(old);
		}
		const before = pods.done();
		await until('calls after it', () => pods.done() > before + 20, PATIENT);
		expect(await pods.stop()).toEqual([]);
		expect(pods.done()).toBeGreaterThan(100);
	});

	test('one killed at once: its calls are refused, never let through, and nothing fails once it is out of the Service', async () => {
		const pods = await load();
		const [victim] = serving;
		const before = pods.done();
		victim?.process.signal('SIGKILL');
		await victim?.process.exited;
		// The Service does not know yet: a half of the new connections still goes to it.
		await sleep(STALE_MS);
		serving = serving.filter((one) => one !== victim);
		route();
		const out = pods.done();
		await until('calls after it', () => pods.done() > out + 100, PATIENT);
		const lost = await pods.stop();
		process.stderr.write(
			`[replicas] killed: ${lost.length} of ${out - before} calls within ${STALE_MS} ms lost: ${lost.slice(0, 4).join(' | ')}\n`,
		);
		for (const line of lost) {
			expect(line).toMatch(/^after \d+: 500 .*failed calling webhook "inject.envtier.dev"/);
			// Four are under way at a time.
			expect(Number(/^after (\d+)/.exec(line)?.[1])).toBeLessThanOrEqual(out + 4);
		}
	});
});
