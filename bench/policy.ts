/**
 * Measures the creation of a pod on a real API server: without Envtier, with the policy for plain pods, and
 * with the built webhook. The three alternate, each in its own namespace. Also measures pods without
 * annotations where the policy is in force. Then prints the CEL cost of the policy's expressions for a pod
 * of 100 containers, compared with their budgets.
 */
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import process from 'node:process';
import type { KubernetesObject, V1Pod } from '@kubernetes/client-node';
import { parse } from 'yaml';
import { SHIPPED } from '../policy/files.ts';
import { policyObjects, refusals } from '../policy/objects.ts';
import { type ApiServer, startApiServer } from '../test/support/kubernetes/apiserver.ts';
import { startCelEvaluator } from '../test/support/kubernetes/cel.ts';
import { expectStatus } from '../test/support/kubernetes/cluster.ts';
import { createPod, injectedInto, podOf } from '../test/support/kubernetes/pods.ts';
import { policyKubernetes } from '../test/support/kubernetes/versions.ts';
import { startWebhook } from '../test/support/webhook.ts';
import { percentile } from './support/stats.ts';

const ROOT = join(import.meta.dirname, '..');
const PODS = 1000;
const ROUNDS = 20;
const GROUP = '/apis/admissionregistration.k8s.io/v1';
const ASKS = { deployment: 'shop', service: 'web', require: 'DATABASE_URL' };
const SETTINGS = {
	ENVTIER_VAULT_ADDR: 'https://vault.vault.svc:8200',
	ENVTIER_FETCHER_IMAGE: 'registry.example.com/envtier/fetcher:1.0.0',
};

interface Way {
	readonly name: string;
	/** Label of the namespace, which selects the policy or the webhook. */
	readonly label: 'none' | 'policy' | 'webhook';
	readonly envtier: Readonly<Record<string, string>>;
	readonly ms: number[];
	cpuMs: number;
}

const way = (name: string, label: Way['label'], envtier: Way['envtier'] = ASKS): Way => ({
	name,
	label,
	envtier,
	ms: [],
	cpuMs: 0,
});

const WAYS = [
	way('nothing of Envtier', 'none'),
	way('the policy', 'policy'),
	way('the webhook', 'webhook'),
	way('asks for nothing, nothing of Envtier', 'none', {}),
	way('asks for nothing, the policy in force', 'policy', {}),
];

/** The API server's process, by its port. */
function pidOf({ url }: ApiServer): string {
	const port = `--secure-port=${new URL(url).port}`;
	const pid = readdirSync('/proc').find((pid) => {
		try {
			return /^\d+$/.test(pid) && readFileSync(`/proc/${pid}/cmdline`, 'utf8').split('\0').includes(port);
		} catch {
			return false;
		}
	});
	if (pid === undefined) throw new Error('the API server’s process is not found in /proc');
	return pid;
}

/** User and system time of a process in ms (proc(5), stat: fields 14 and 15, in hundredths of a second). */
function cpuMs(pid: string): number {
	const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
	const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
	return (Number(fields[11]) + Number(fields[12])) * 10;
}

const COLLECTIONS: Readonly<Record<string, string>> = {
	MutatingAdmissionPolicy: 'mutatingadmissionpolicies',
	MutatingAdmissionPolicyBinding: 'mutatingadmissionpolicybindings',
	ValidatingAdmissionPolicy: 'validatingadmissionpolicies',
	ValidatingAdmissionPolicyBinding: 'validatingadmissionpolicybindings',
};

type Policy = KubernetesObject & { spec: { matchConstraints?: { namespaceSelector?: object } } };

async function apply(
	cluster: ApiServer,
	objects: readonly object[],
	labels: readonly string[],
): Promise<void> {
	for (const object of structuredClone(objects) as Policy[]) {
		const matchExpressions = [{ key: 'bench', operator: 'In', values: labels }];
		if (object.spec.matchConstraints !== undefined)
			object.spec.matchConstraints.namespaceSelector = { matchExpressions };
		const path = `${GROUP}/${COLLECTIONS[object.kind ?? '']}`;
		expectStatus(await cluster.request('POST', path, object), 201, `applying the ${object.kind}`);
	}
}

function read(path: string): readonly object[] {
	return readFileSync(join(ROOT, path), 'utf8')
		.split(/^---$/m)
		.map((text) => parse(text) as object);
}

const started = await startApiServer([], policyKubernetes());
if (!started.ok) throw new Error(started.error);
const cluster = started.value;
const webhook = await startWebhook(SETTINGS);
try {
	const namespaces = new Map<string, string>();
	for (const label of ['none', 'policy', 'webhook'])
		namespaces.set(label, await cluster.createNamespace({ labels: { bench: label } }));
	await cluster.createNamespace({ name: 'envtier-system' });
	const settings = { metadata: { name: 'envtier-settings' }, data: SETTINGS };
	const response = await cluster.request('POST', '/api/v1/namespaces/envtier-system/configmaps', settings);
	expectStatus(response, 201, 'making the settings');
	await apply(cluster, policyObjects(SHIPPED), ['policy']);
	await apply(cluster, read('deploy/manifests/base/require-injection.yaml'), ['policy', 'webhook']);
	const [configuration] = read('deploy/manifests/base/webhook-configuration.yaml') as [
		{ webhooks: { clientConfig: object; namespaceSelector: object }[] },
	];
	for (const each of configuration.webhooks) {
		each.clientConfig = {
			url: `${webhook.url}/mutate`,
			caBundle: Buffer.from(webhook.caPem).toString('base64'),
		};
		each.namespaceSelector = { matchLabels: { bench: 'webhook' } };
	}
	const path = `${GROUP}/mutatingwebhookconfigurations`;
	expectStatus(await cluster.request('POST', path, configuration), 201, 'registering the webhook');

	let count = 0;
	const create = async ({ label, envtier }: Way): Promise<number> => {
		const pod = podOf({ name: `pod-${count++}`, envtier });
		const start = performance.now();
		const { status, body } = await createPod(cluster, namespaces.get(label) ?? '', pod);
		const ms = performance.now() - start;
		const wanted = label !== 'none' && envtier === ASKS ? 1 : 0;
		if (status !== 201 || injectedInto(body).length !== wanted)
			throw new Error(`${label}: ${status} ${body.message ?? injectedInto(body)}`);
		return ms;
	};
	const bound = Date.now() + 30_000;
	for (const each of WAYS)
		while (true)
			try {
				for (let i = 0; i < 50; i++) await create(each);
				break;
			} catch (error) {
				// The API server takes a moment to see policies and webhook configurations.
				if (Date.now() > bound) throw error;
				await new Promise((resolve) => setTimeout(resolve, 100));
			}
	const pid = pidOf(cluster);
	for (let round = 0; round < ROUNDS; round++)
		for (const each of WAYS) {
			const before = cpuMs(pid);
			for (let i = 0; i < PODS / ROUNDS; i++) each.ms.push(await create(each));
			each.cpuMs += cpuMs(pid) - before;
		}
	const line = (cells: readonly string[]): void =>
		void process.stdout.write(
			`${cells.map((cell, i) => (i === 0 ? cell.padEnd(40) : cell.padStart(12))).join('')}\n`,
		);
	process.stdout.write(`${PODS} pods each, one at a time, Kubernetes ${policyKubernetes().version}\n`);
	line(['', 'p50 ms', 'p99 ms', 'CPU ms/pod']);
	for (const { name, ms, cpuMs: cpu } of WAYS)
		line([name, percentile(ms, 0.5).toFixed(2), percentile(ms, 0.99).toFixed(2), (cpu / PODS).toFixed(2)]);
} finally {
	await webhook.stop();
	await cluster.stop();
}

const evaluator = await startCelEvaluator();
if (!evaluator.ok) throw new Error(evaluator.error);
try {
	const [mutating = {}] = policyObjects(SHIPPED);
	const alone = { spec: refusals() };
	const mounts = Array.from({ length: 9 }, (_, i) => ({
		name: `cache-${i}`,
		mountPath: `/var/cache/application/${i}`,
	}));
	const pod = (containers: number, volumeMounts: readonly object[]): V1Pod =>
		podOf({
			envtier: ASKS,
			spec: {
				securityContext: { runAsUser: 1000 },
				volumes: volumeMounts.map((_, i) => ({ name: `cache-${i}`, emptyDir: {} })),
				containers: Array.from({ length: containers }, (_, i) => ({
					name: `application-${i}`,
					image: 'registry.example.com/shop/web:1',
					volumeMounts: [...(volumeMounts as { name: string; mountPath: string }[])],
				})),
			},
		});
	process.stdout.write(
		'\nCEL cost: match condition (of 2,500,000), mutation (of 10,000,000), refusals where no webhook is\n',
	);
	for (const [name, original] of [
		['1 container', pod(1, [])],
		['100 containers', pod(100, [])],
		['100 containers, 9 mounts each', pod(100, mounts)],
	] as const) {
		const question = { settings: SETTINGS, namespace: { name: 'shop' }, pod: original };
		const first = await evaluator.value.evaluate({ ...question, policy: mutating });
		const again = await evaluator.value.evaluate({ ...question, policy: mutating, pod: first.pod });
		const refused = await evaluator.value.evaluate({ ...question, policy: alone, pod: first.pod });
		const error = first.error ?? again.error ?? refused.error ?? refused.denied?.[0];
		if (error !== undefined) throw new Error(`${name}: ${error}`);
		const share = (cost: number, of: number): string =>
			`${cost.toLocaleString('en-US')} (${((100 * cost) / of).toFixed(2)} %)`;
		process.stdout.write(
			`${name}: ${share(first.matchCost, 2_500_000)}, ${share(first.cost, 10_000_000)}, ${share(refused.cost, 10_000_000)}; at a reinvocation ${share(again.matchCost, 2_500_000)}, ${share(again.cost, 10_000_000)}\n`,
		);
	}
} finally {
	await evaluator.value.stop();
}
