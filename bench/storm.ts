/**
 * Creates 500 pods, half of them annotated, as fast as the API server takes them, on a real node with two
 * replicas of the webhook; one is killed in between. Fails if an annotated pod exists without its init
 * container, or another pod was refused.
 */
import process from 'node:process';
import type { V1PodList } from '@kubernetes/client-node';
import { ANNOTATION_PREFIX } from '../contract/names.ts';
import { expectStatus } from '../test/support/kubernetes/cluster.ts';
import { kubectlFor } from '../test/support/kubernetes/kubectl.ts';
import { installEnvtier } from '../test/support/kubernetes/node/install.ts';
import { type Node, startNode } from '../test/support/kubernetes/node/node.ts';
import { startNodeVault } from '../test/support/kubernetes/node/vault.ts';
import { createPod, injectedInto, podOf } from '../test/support/kubernetes/pods.ts';
import { percentile } from './support/stats.ts';

const PODS = 500;
/** Number of parallel requests. */
const CLIENTS = 16;
/** Maximum number of attempts for a pod. A controller retries as well. */
const TRIES = 20;

interface Outcome {
	readonly annotated: boolean;
	/** Time from the first attempt until the pod exists, in ms. */
	readonly ms: number;
	readonly refusals: readonly string[];
}

/** The result of a storm. */
interface StormResult {
	readonly outcomes: readonly Outcome[];
	readonly seconds: number;
	/** The pods in the API server after all requests. */
	readonly stored: V1PodList['items'];
}

async function createOne(node: Node, namespace: string, index: number): Promise<Outcome> {
	const annotated = index % 2 === 0;
	const pod = podOf({
		name: `pod-${index}`,
		...(annotated ? { envtier: { deployment: 'shop', service: 'web' } } : {}),
		// No scheduler starts these pods. The bench measures only their creation.
		spec: { schedulerName: 'nobody' },
	});
	const start = performance.now();
	const refusals: string[] = [];
	for (;;) {
		const { status, body } = await createPod(node, namespace, pod);
		if (status === 201) {
			return { annotated, ms: performance.now() - start, refusals };
		}
		refusals.push(body.message ?? `status ${status}`);
		if (refusals.length === TRIES) throw new Error(`pod-${index}: ${refusals.at(-1)}`);
	}
}

/** Kills a replica without notice, as the loss of its node would. */
async function killOne(node: Node): Promise<void> {
	const path = '/api/v1/namespaces/envtier-system/pods';
	const answer = await node.request<{ items: { metadata: { name: string } }[] }>('GET', path);
	const name = expectStatus(answer, 200, 'listing the replicas').items[0]?.metadata.name ?? '';
	const run = kubectlFor(node.programs.kubectl, node.access);
	const { code, stderr } = await run(
		'-n',
		'envtier-system',
		'delete',
		'pod',
		name,
		'--grace-period=0',
		'--force',
	);
	if (code !== 0) throw new Error(`killing ${name} failed: ${stderr}`);
}

async function storm(node: Node): Promise<StormResult> {
	const namespace = await node.createNamespace();
	const start = performance.now();
	const outcomes: Outcome[] = [];
	let next = 0;
	let killed: Promise<void> | undefined;
	const client = async (): Promise<void> => {
		while (next < PODS) {
			const index = next++;
			if (index === PODS / 2) killed = killOne(node);
			outcomes.push(await createOne(node, namespace, index));
		}
	};
	await Promise.all(Array.from({ length: CLIENTS }, client));
	const seconds = (performance.now() - start) / 1000;
	await killed;
	const answer = await node.request<V1PodList>('GET', `/api/v1/namespaces/${namespace}/pods`);
	return { outcomes, seconds, stored: expectStatus(answer, 200, 'listing the pods').items };
}

/** Prints the result. Returns false if a pod is wrong. */
function report({ outcomes, seconds, stored }: StormResult): boolean {
	const say = (line: string): void => void process.stdout.write(`${line}\n`);
	const groups = [true, false].map((annotated) => outcomes.filter((one) => one.annotated === annotated));
	const [annotated = [], others = []] = groups;
	say(
		`${outcomes.length} pods in ${seconds.toFixed(1)} s, ${CLIENTS} at a time, one of 2 replicas killed midway`,
	);
	for (const at of [0.5, 0.99]) {
		const [one = 0, other = 0] = [annotated, others].map((group) =>
			percentile(
				group.map(({ ms }) => ms),
				at,
			),
		);
		const added = (one - other).toFixed(1);
		say(`p${at * 100}: annotated ${one.toFixed(1)} ms, others ${other.toFixed(1)} ms, added ${added} ms`);
	}
	const asking = stored.filter(
		({ metadata }) => metadata?.annotations?.[`${ANNOTATION_PREFIX}deployment`] !== undefined,
	);
	const bare = asking.filter((pod) => injectedInto(pod).length === 0).length;
	const refused = others.filter(({ refusals }) => refusals.length > 0).length;
	const again = annotated.filter(({ refusals }) => refusals.length > 0);
	say(`annotated pods without init container: ${bare}; other pods refused: ${refused}`);
	say(`annotated pods that were created at a second try or later: ${again.length}`);
	const words = again[0]?.refusals[0];
	if (words !== undefined) say(`  for example: ${words}`);
	return bare === 0 && refused === 0 && stored.length === PODS && asking.length === PODS / 2;
}

const say = (line: string): void => void process.stderr.write(`[storm] ${line}\n`);
const node = await startNode(say);
if (!node.ok) throw new Error(node.error);
try {
	await using vault = await startNodeVault(node.value);
	const vaultAt = { vaultAddr: vault.insideAddr, vaultCaPem: vault.caPem };
	const choices = { overlay: 'production', replicas: 2, ...vaultAt } as const;
	const installed = await installEnvtier(node.value, choices, say);
	if (!installed.ok) throw new Error(installed.error);
	if (!report(await storm(node.value))) process.exitCode = 1;
} finally {
	await node.value.stop();
}
