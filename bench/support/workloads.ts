import { setTimeout as sleep } from 'node:timers/promises';
import type { V1Pod } from '@kubernetes/client-node';
import pino from 'pino';
import { revisionMessage } from '../../contract/refresh.ts';
import { openKubernetes } from '../../lib/kubernetes/client.ts';
import { watchList } from '../../lib/kubernetes/watch.ts';
import { type Cluster, expectStatus } from '../../test/support/kubernetes/cluster.ts';
import { until } from '../../test/support/until.ts';

/** Milliseconds that new pods take to become ready. */
const POD_START = 500;
const MERGE = { contentType: 'application/merge-patch+json' };

/** The organization whose secrets some workloads read. */
export const ORG = 'acme';

/** A pod as the webhook makes it, as far as the controller looks at it. */
function podOf(namespace: string, name: string, annotations: object, readsOrg: boolean): V1Pod {
	const variables = {
		ENVTIER_VAULT_ADDR: 'https://vault.example:8200',
		ENVTIER_VAULT_ROLE: 'web',
		ENVTIER_DEPLOYMENT: namespace,
		ENVTIER_ON_CHANGE: 'rollout',
		...(readsOrg ? { ENVTIER_ORG: ORG } : {}),
	};
	const env = Object.entries(variables).map(([key, value]) => ({ name: key, value }));
	return {
		metadata: { name: `${name}-1`, labels: { app: name }, annotations: { ...annotations } },
		spec: {
			initContainers: [{ name: 'envtier-fetch', image: 'envtier-fetcher:0.1.0', env }],
			containers: [{ name: 'main', image: 'registry.example/app:1' }],
		},
	};
}

/** Creates a Deployment that asks for rollouts, with one pod. It reads the deployment of its namespace. */
export async function makeWorkload(
	cluster: Cluster,
	namespace: string,
	name: string,
	readsOrg: boolean,
): Promise<void> {
	const labels = { app: name };
	const annotations = { 'envtier.dev/deployment': namespace, 'envtier.dev/on-change': 'rollout' };
	const pod = podOf(namespace, name, annotations, readsOrg);
	const deployments = `/apis/apps/v1/namespaces/${namespace}/deployments`;
	const body = {
		metadata: { name },
		spec: {
			selector: { matchLabels: labels },
			template: { metadata: { labels, annotations }, spec: { containers: pod.spec?.containers } },
		},
	};
	expectStatus(await cluster.request('POST', deployments, body), 201, 'creating a Deployment');
	await settle(cluster, namespace, name, 1);
	const pods = `/api/v1/namespaces/${namespace}/pods`;
	expectStatus(await cluster.request('POST', pods, pod), 201, 'creating a pod');
	const terminated = { exitCode: 0, message: revisionMessage(`v1:${'0'.repeat(32)}`) };
	const fetcher = { name: 'envtier-fetch', ready: true, restartCount: 0, image: '', imageID: '' };
	const status = { initContainerStatuses: [{ ...fetcher, state: { terminated } }] };
	await cluster.request('PATCH', `${pods}/${name}-1/status`, { status }, MERGE);
}

/** Says that all pods are new and ready, as Kubernetes' own controllers would. */
async function settle(
	cluster: Cluster,
	namespace: string,
	name: string,
	observedGeneration: number,
): Promise<void> {
	const status = { observedGeneration, replicas: 1, updatedReplicas: 1, readyReplicas: 1 };
	const path = `/apis/apps/v1/namespaces/${namespace}/deployments/${name}/status`;
	expectStatus(await cluster.request('PATCH', path, { status }, MERGE), 200, 'writing a status');
}

interface Seen {
	readonly generation: number;
	readonly revision: string | undefined;
}

/** What the played Deployment controller has seen. */
export interface PlayedDeployments {
	/** The revision of each template, and how often it has changed. */
	readonly rolled: ReadonlyMap<string, { readonly revision: string; readonly times: number }>;
	/** The rollouts that run. */
	readonly running: ReadonlySet<string>;
	/** The most that ran at a time. */
	most(): number;
	/** When the first template changed, by `performance.now()`. */
	first(): number | undefined;
	close(): void;
}

/**
 * Plays Kubernetes' Deployment controller: a rollout is ready after a moment. Counts what runs at a time.
 *
 * @param count the Deployments that there are
 */
export async function playDeployments(cluster: Cluster, count: number): Promise<PlayedDeployments> {
	const opened = await openKubernetes({ kubeconfig: cluster.kubeconfig });
	if (!opened.ok) throw new Error(opened.error);
	const running = new Set<string>();
	const rolled = new Map<string, { readonly revision: string; readonly times: number }>();
	let most = 0;
	let first: number | undefined;
	const ready = async (key: string, generation: number): Promise<void> => {
		await sleep(POD_START);
		const [namespace = '', name = ''] = key.split('/');
		await settle(cluster, namespace, name, generation);
		running.delete(key);
	};
	const view = watchList<Seen>(
		opened.value,
		{
			path: '/apis/apps/v1/deployments',
			keep: (object) => {
				const { metadata, spec } = object as unknown as {
					metadata: { generation: number };
					spec: { template: { metadata: { annotations?: Record<string, string> } } };
				};
				return {
					generation: metadata.generation,
					revision: spec.template.metadata.annotations?.['rollout.envtier.dev/revision'],
				};
			},
			changed: (key, seen) => {
				const last = rolled.get(key);
				if (seen?.revision === undefined || seen.revision === last?.revision) return;
				first ??= performance.now();
				running.add(key);
				rolled.set(key, { revision: seen.revision, times: (last?.times ?? 0) + 1 });
				most = Math.max(most, running.size);
				void ready(key, seen.generation);
			},
		},
		pino({ level: 'silent' }),
	);
	await until('the Deployments', () => view.current()?.size === count, { timeoutMs: 60_000 });
	return { rolled, running, most: () => most, first: () => first, close: () => view.close() };
}
