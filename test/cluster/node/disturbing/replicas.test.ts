import { dirname, join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, expect, test } from 'vitest';
import { type Flow, flow } from '../../../certs/support.ts';
import { kubectlFor, mustKubectl } from '../../../support/kubernetes/kubectl.ts';
import { untilServing } from '../../../support/kubernetes/node/install.ts';
import { refusalOf } from '../../../support/kubernetes/pods.ts';
import { describeWithNode } from '../../../support/node-servers.ts';
import { runProcess } from '../../../support/process.ts';
import { until } from '../../../support/until.ts';
import { replicaNames, replicasOf, untilReplicasGone } from '../support/observe.ts';

const SYSTEM = 'envtier-system';
const NAME = 'envtier-webhook';
const SELECTOR = `app.kubernetes.io/name=${NAME}`;
const PATIENT = { timeoutMs: 110_000, everyMs: 100 };
/** Calls at a time of one `flow`. */
const AT_A_TIME = 4;
/** Between two of them: a load, and not a contest for the cores with what is looked at. */
const PAUSE_MS = 15;

/** Calls at a time when replicas are killed. */
const IN_FLIGHT = 16;
/** How a call ends whose replica is gone: its connection breaks, or cannot be made. */
const LOSS = /EOF|broken pipe|connection (?:reset|refused)/;

/** A call that came to nothing, and when. */
interface Lost {
	readonly at: number;
	readonly words: string;
}

/** From the killing of a replica until it was ready again. */
interface Span {
	readonly from: number;
	readonly to: number;
}

describeWithNode('two replicas behind the Service, called by the API server without a pause', (servers) => {
	const { cluster, prefix } = servers;
	const kubectl = kubectlFor(servers.kubectl, cluster, PATIENT.timeoutMs);
	const must = (...args: readonly string[]) => mustKubectl(kubectl, ...args);
	const ctr = async (...args: readonly string[]): Promise<void> => {
		const socket = join(dirname(cluster.kubeconfig), 'containerd.sock');
		const [command = '', ...rest] = [...prefix, 'ctr', '--address', socket, '--namespace', 'k8s.io'];
		const { code, stderr } = await runProcess({ command, args: [...rest, ...args] });
		expect(code, stderr).toBe(0);
	};
	const replicas = () => replicasOf(cluster);
	const namesOf = () => replicaNames(cluster);
	/** Until then an old replica still answers, which is what is looked at. */
	const untilGone = (before: readonly string[]) => untilReplicasGone(cluster, before);

	// What a failed test leaves must not fail the next.
	afterEach(async () => {
		await must('uncordon', '--selector=kubernetes.io/os=linux');
		await untilServing(cluster);
	}, 200_000);

	/** Pods that ask for secrets, created all the while; what is lost is put into `lost`. */
	async function load(lost: Lost[]): Promise<Flow> {
		await untilServing(cluster);
		const namespace = await cluster.createNamespace();
		const pods = flow(async () => {
			const words = await refusalOf(cluster, namespace);
			if (words !== undefined) lost.push({ at: performance.now(), words });
			await sleep(PAUSE_MS);
			return undefined;
		});
		await until('the load to be there', () => pods.done() > 20, PATIENT);
		return pods;
	}

	/** Nothing may fail while `meanwhile` goes on. */
	async function losesNothing(meanwhile: () => Promise<void>): Promise<void> {
		const lost: Lost[] = [];
		const pods = await load(lost);
		const problems: string[] = [];
		try {
			await meanwhile();
			const before = pods.done();
			await until('calls after it', () => pods.done() > before + 20, PATIENT);
		} finally {
			problems.push(...(await pods.stop()), ...lost.map(({ words }) => words));
			process.stderr.write(`[replicas] ${pods.done()} calls, ${problems.length} lost\n`);
		}
		expect(problems).toEqual([]);
		expect(pods.done()).toBeGreaterThan(200);
	}

	test('a rollout, and kubectl rollout undo right after it, lose no call', async () => {
		const before = await namesOf();
		const deployment = `deployment/${NAME}`;
		const image = await must('-n', SYSTEM, 'get', deployment, '-o', 'jsonpath={..image}');
		// The version that comes next is the same under another name.
		const next = 'registry.example.com/envtier-webhook:next';
		await ctr('images', 'tag', '--force', `docker.io/library/${image}`, next);
		await losesNothing(async () => {
			await must('-n', SYSTEM, 'set', 'image', deployment, `webhook=${next}`);
			await must('-n', SYSTEM, 'rollout', 'status', deployment, '--timeout=100s');
			const between = await namesOf();
			await must('-n', SYSTEM, 'rollout', 'undo', deployment);
			await must('-n', SYSTEM, 'rollout', 'status', deployment, '--timeout=100s');
			await untilGone([...before, ...between]);
		});
		expect(await must('-n', SYSTEM, 'get', deployment, '-o', 'jsonpath={..image}')).toBe(image);
	}, 240_000);

	test('kubectl delete pod, of each of them in turn, loses no call', async () => {
		const before = await namesOf();
		await losesNothing(async () => {
			for (const name of before) {
				await must('-n', SYSTEM, 'delete', 'pod', name, '--timeout=100s');
				await untilServing(cluster);
			}
			await untilGone(before);
		});
	}, 240_000);

	test('kubectl drain of their node, which evicts one when the other’s successor is ready, loses no call', async () => {
		const [node = ''] = (await must('get', 'nodes', '-o', 'jsonpath={.items[*].metadata.name}')).split(' ');
		const before = await namesOf();
		await losesNothing(async () => {
			const draining = kubectl('drain', node, `--pod-selector=${SELECTOR}`, '--delete-emptydir-data');
			await until(
				'one replica to be gone and its successor to find no node',
				async () => {
					const now = await replicas();
					const kept = now.filter(({ metadata }) => before.includes(metadata?.name ?? ''));
					return kept.length === 1 && now.some(({ status }) => status?.phase === 'Pending');
				},
				PATIENT,
			);
			// There is no other node here: this one takes pods again in its place, and the drain goes on.
			await must('uncordon', node);
			const { code, stdout, stderr } = await draining;
			expect(code, stderr).toBe(0);
			expect(stderr).toContain("Cannot evict pod as it would violate the pod's disruption budget");
			for (const name of before) expect(stdout).toContain(`pod/${name} evicted`);
			await untilServing(cluster);
			await untilGone(before);
		});
	}, 240_000);

	/** Kills a replica's process at once; gives when that was, and when it was ready again. */
	async function kill(name: string): Promise<Span> {
		const container = async () => {
			const pod = (await replicas()).find(({ metadata }) => metadata?.name === name);
			return pod?.status?.containerStatuses?.[0];
		};
		const { containerID = '', restartCount = 0 } = (await container()) ?? {};
		const from = performance.now();
		await ctr('tasks', 'kill', '--signal', 'SIGKILL', containerID.replace('containerd://', ''));
		const startedAgain = async () => {
			const now = await container();
			return now !== undefined && now.restartCount > restartCount && now.ready;
		};
		await until('the kubelet to have started it again', startedAgain, PATIENT);
		return { from, to: performance.now() };
	}

	test('each of them, killed at once, loses what it had in flight and the connections that still lead to it, and nothing else', async () => {
		const lost: Lost[] = [];
		const loads: Flow[] = [];
		const done = (): number => loads.reduce((sum, one) => sum + one.done(), 0);
		const spans: Span[] = [];
		try {
			while (loads.length * AT_A_TIME < IN_FLIGHT) loads.push(await load(lost));
			for (const name of await namesOf()) {
				spans.push(await kill(name));
				const before = done();
				await until('calls after it', () => done() > before + 200, PATIENT);
			}
		} finally {
			for (const one of loads) await one.stop();
		}
		const within = spans.map(({ from, to }) => lost.filter(({ at }) => from <= at && at <= to));
		for (const [position, span] of spans.entries()) tell(span, within[position] ?? []);
		process.stderr.write(`[replicas] ${lost.length} of ${done()} calls lost\n`);
		for (const { words } of lost) {
			// Refused at once, not after the 5 s timeout of a call, and never created without its secrets.
			expect(words).toContain('500 Internal error occurred: failed calling webhook "inject.envtier.dev"');
			expect(words).not.toMatch(/deadline|timeout(?!=)/i);
		}
		expect(within.flat()).toHaveLength(lost.length);
		// The API server continues with its other connections: less than half of its calls fail until the replica
		// is back.
		for (const { length } of within) expect(length).toBeLessThanOrEqual(4 * IN_FLIGHT);
	}, 240_000);
});

/** Says what was lost with a replica, for docs/operations.md. */
function tell({ from, to }: Span, lost: readonly Lost[]): void {
	const kinds = Map.groupBy(lost, ({ words }) => LOSS.exec(words)?.[0] ?? words);
	const counts = [...kinds].map(([kind, { length }]) => `${length} ${kind}`);
	const last = Math.max(0, ...lost.map(({ at }) => at - from));
	process.stderr.write(
		`[replicas] killed, ready again after ${Math.round(to - from)} ms; lost: ${counts.join(', ') || 'none'}, the last after ${Math.round(last)} ms\n`,
	);
}
