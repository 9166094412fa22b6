/**
 * The shipped network policies, enforced by kube-network-policies. Pods of a test's own stand for the
 * programs, with their labels and named ports, so that there is something to connect to on every port.
 */
import { mkdir, writeFile } from 'node:fs/promises';
import { join, relative } from 'node:path';
import { describe, expect, test } from 'vitest';
import { stringify } from 'yaml';
import { CHART, helmFor } from '../../support/kubernetes/helm.ts';
import { kubectlFor, mustKubectl } from '../../support/kubernetes/kubectl.ts';
import { preparePrograms } from '../../support/kubernetes/programs.ts';
import { describeWithNode } from '../../support/node-servers.ts';
import { scratch } from '../../support/scratch.ts';
import { until } from '../../support/until.ts';
import { create } from './support/observe.ts';
import {
	type AnsweringPod,
	connections,
	type Rendered,
	readRendered,
	startAnsweringPod,
} from './support/policy-pods.ts';

const MANIFESTS = join(import.meta.dirname, '../../../deploy/manifests');
/** A port that no program listens on. */
const OTHER = 9999;
/** DNS, the API server (two ports), Vault, PostgreSQL, and one that nobody needs. */
const OUTSIDE = [53, 443, 6443, 8200, 5432, 80];

type Outcome = 'allowed' | 'refused';

/** A sentence, who connects to whom on which port, and what comes of it. */
type Row = readonly [sentence: string, from: string, to: string, port: number, outcome: Outcome];

/** `outsider` and `prometheus` are pods in two other namespaces. */
const COMMON: readonly Row[] = [
	['anybody reaches the webhook: no selector names the API server', 'outsider', 'webhook', 8443, 'allowed'],
	['nobody reaches another port of the webhook', 'outsider', 'webhook', OTHER, 'refused'],
	['nobody reaches another port of the API', 'prometheus', 'api', OTHER, 'refused'],
	['nobody reaches another port of the Reveal program', 'prometheus', 'reveal', OTHER, 'refused'],
	['nobody reaches another port of the controller', 'prometheus', 'controller', OTHER, 'refused'],
	['a named caller reaches the API', 'prometheus', 'api', 8443, 'allowed'],
	['a named caller reaches the Reveal program', 'prometheus', 'reveal', 8443, 'allowed'],
	['a named Prometheus reaches the controller’s metrics', 'prometheus', 'controller', 8080, 'allowed'],
	['the webhook reaches an API server on 443', 'webhook', 'outsider', 443, 'allowed'],
	['the webhook reaches an API server on 6443', 'webhook', 'outsider', 6443, 'allowed'],
	['the webhook does not reach Vault', 'webhook', 'outsider', 8200, 'refused'],
	['the webhook needs no DNS', 'webhook', 'outsider', 53, 'refused'],
	['the webhook reaches no other port', 'webhook', 'outsider', 80, 'refused'],
	...['api', 'reveal', 'controller'].flatMap((name): readonly Row[] => [
		[`the ${name} reaches DNS`, name, 'outsider', 53, 'allowed'],
		[`the ${name} reaches an API server on 443`, name, 'outsider', 443, 'allowed'],
		[`the ${name} reaches an API server on 6443`, name, 'outsider', 6443, 'allowed'],
		[`the ${name} reaches Vault`, name, 'outsider', 8200, 'allowed'],
		[`the ${name} reaches no other port`, name, 'outsider', 80, 'refused'],
	]),
	['the controller does not reach PostgreSQL', 'controller', 'outsider', 5432, 'refused'],
	['a pod without a policy reaches what it wants', 'prometheus', 'outsider', 80, 'allowed'],
];

const OF_MANIFESTS: readonly Row[] = [
	...COMMON,
	['without peers in the policy anybody reaches the API', 'outsider', 'api', 8443, 'allowed'],
	['without peers anybody reaches the Reveal program', 'outsider', 'reveal', 8443, 'allowed'],
	['without peers anybody reaches the metrics', 'outsider', 'controller', 8080, 'allowed'],
	['the API with an audit store reaches PostgreSQL', 'api', 'outsider', 5432, 'allowed'],
	['the Jobs of the audit store reach PostgreSQL', 'api-audit', 'outsider', 5432, 'allowed'],
	['the Jobs of the audit store reach DNS', 'api-audit', 'outsider', 53, 'allowed'],
	['the Jobs of the audit store do not reach Vault', 'api-audit', 'outsider', 8200, 'refused'],
	['the Jobs of the audit store do not reach an API server', 'api-audit', 'outsider', 443, 'refused'],
	['nobody reaches the Jobs of the audit store', 'prometheus', 'api-audit', 8443, 'refused'],
];

const OF_CHART: readonly Row[] = [
	...COMMON,
	['with peers in the values nobody else reaches the API', 'outsider', 'api', 8443, 'refused'],
	['with peers nobody else reaches the Reveal program', 'outsider', 'reveal', 8443, 'refused'],
	['with peers nobody else reaches the metrics', 'outsider', 'controller', 8080, 'refused'],
	['the API without an audit store does not reach PostgreSQL', 'api', 'outsider', 5432, 'refused'],
];

describeWithNode('the shipped network policies', (servers) => {
	const { cluster, networkPolicies } = servers;
	if (!networkPolicies.ok) {
		describe.skip('enforced', () => test(`needs a node that enforces them: ${networkPolicies.error}`));
		return;
	}
	const kubectl = kubectlFor(servers.kubectl, cluster);

	const makeNamespace = (prefix: string): Promise<string> => cluster.createNamespace({ prefix });

	/** The manifests, with all that has a network policy. */
	const manifests = async (): Promise<Rendered> => {
		await using files = await scratch('network-policies');
		const overlay = join(files.dir, 'overlay');
		await mkdir(overlay);
		const at = (folder: string): string => relative(overlay, join(MANIFESTS, folder));
		const kustomization = {
			namespace: 'envtier-system',
			resources: ['overlays/production', 'api', 'reveal', 'controller'].map(at),
			components: [at('components/audit')],
		};
		await writeFile(join(overlay, 'kustomization.yaml'), stringify(kustomization));
		return readRendered(await mustKubectl(kubectl, 'kustomize', overlay));
	};
	/** The chart, with peers for all that takes some. */
	const chart = async (peers: string): Promise<Rendered> => {
		const programs = await preparePrograms(['helm']);
		if (!programs.ok) throw new Error(programs.error);
		const namespace = { matchLabels: { 'kubernetes.io/metadata.name': peers } };
		const from = [{ namespaceSelector: namespace }];
		const part = { enabled: true, networkPolicy: { from } };
		const { code, stdout, stderr } = await helmFor(programs.value.helm, cluster)(
			...['template', 'envtier', CHART, '--namespace', 'envtier-system'],
			...['--set', 'settings.ENVTIER_VAULT_ADDR=https://vault.vault.svc:8200'],
			...['api', 'reveal', 'controller'].flatMap((name) => ['--set-json', `${name}=${JSON.stringify(part)}`]),
		);
		if (code !== 0) throw new Error(`helm template ended with ${code}: ${stderr}`);
		return readRendered(stdout);
	};

	/** Runs all rows, each client with all of its connections at once. */
	const tried = async (
		rows: readonly Row[],
		pods: ReadonlyMap<string, AnsweringPod>,
	): Promise<Readonly<Record<string, Outcome>>> => {
		const podOf = (name: string): AnsweringPod => {
			const pod = pods.get(name);
			if (pod === undefined) throw new Error(`no pod ${name}`);
			return pod;
		};
		const byClient = Map.groupBy(rows, ([, from]) => from);
		const outcomes = await Promise.all(
			[...byClient].map(async ([from, own]) => {
				const targets = own.map(([, , to, port]) => ({ to: podOf(to), port }));
				const connected = await connections(kubectl, podOf(from), targets);
				return own.map(([sentence], index) => [sentence, connected[index] ? 'allowed' : 'refused'] as const);
			}),
		);
		return Object.fromEntries(outcomes.flat());
	};

	test.concurrent.for<readonly [string, (peers: string) => Promise<Rendered>, readonly Row[]]>([
		['of the manifests', manifests, OF_MANIFESTS],
		['of the chart', chart, OF_CHART],
	])('%s allow what the programs need, and nothing else', async ([, render, rows]) => {
		const [own, outside, peers] = await Promise.all(['own-', 'outside-', 'peers-'].map(makeNamespace));
		const { policies, programs } = await render(peers ?? '');
		const start = (namespace = '', name: string, what: Omit<Rendered['programs'][number], 'name'>) =>
			startAnsweringPod(cluster, namespace, { name, ...what }, [8080, 8443, OTHER, ...OUTSIDE]);
		const plain = { labels: {}, ports: [] };
		const started = await Promise.all([
			start(outside, 'outsider', plain),
			start(peers, 'prometheus', plain),
			...programs.map(({ name, ...what }) => start(own, name.replace('envtier-', ''), what)),
		]);
		const pods = new Map(started.map((pod) => [pod.name, pod]));

		const open = Object.fromEntries(rows.map(([sentence]) => [sentence, 'allowed']));
		expect(await tried(rows, pods), 'without policies').toEqual(open);

		for (const { apiVersion, kind, metadata, spec } of policies)
			await create(cluster, `/apis/networking.k8s.io/v1/namespaces/${own}/networkpolicies`, {
				...{ apiVersion, kind, spec },
				metadata: { name: metadata?.name },
			});
		const wanted = Object.fromEntries(rows.map(([sentence, , , , outcome]) => [sentence, outcome]));
		let last: Readonly<Record<string, Outcome>> = {};
		await until('the policies to be enforced', async () => {
			last = await tried(rows, pods);
			return Object.entries(wanted).every(([sentence, outcome]) => last[sentence] === outcome);
		}).catch(() => undefined);
		expect(last).toEqual(wanted);
		for (const namespace of [own, outside, peers])
			await cluster.request('DELETE', `/api/v1/namespaces/${namespace}`);
	});
});
