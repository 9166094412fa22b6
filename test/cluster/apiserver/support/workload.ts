import type { V1Deployment, V1Pod } from '@kubernetes/client-node';
import { revisionMessage } from '../../../../contract/refresh.ts';
import { revisionOf } from '../../../../lib/kv/revision.ts';
import { type Cluster, expectStatus } from '../../../support/kubernetes/cluster.ts';
import { MAIN } from '../../../support/kubernetes/pods.ts';
import type { VaultApi } from '../../../support/openbao.ts';

/** The revision that a fetcher tells which reads these keys of the deployment tier now. */
export async function revisionNow(
	vault: VaultApi,
	deployment: string,
	keys: readonly string[],
): Promise<string> {
	const winners = keys.map(async (key) => {
		const read = await vault.request('GET', `secret/metadata/deployments/${deployment}/secrets/${key}`);
		const { data } = read.json as {
			data: { current_version: number; versions: Record<string, { created_time: string }> };
		};
		const { current_version: version, versions } = data;
		return { tier: 'deployment', key, version: `${version} ${versions[version]?.created_time}` } as const;
	});
	return revisionOf(await Promise.all(winners));
}

/** Where the workloads of a namespace are. */
const DEPLOYMENTS = (namespace: string): string => `/apis/apps/v1/namespaces/${namespace}/deployments`;
const PODS = (namespace: string): string => `/api/v1/namespaces/${namespace}/pods`;

/** A Deployment on an API server without controllers: its status and its pods are the test's. */
export interface TestWorkload {
	readonly namespace: string;
	readonly name: string;
	get(): Promise<V1Deployment>;
	/** Changes the Deployment by a merge patch. */
	patch(body: object): Promise<V1Deployment>;
	/** Says that all replicas are new and ready, or what else the status is to say. */
	settle(status?: object): Promise<void>;
	/** Makes a pod of the current template; the webhook injects it. `revision` is what its fetcher tells. */
	startPod(revision?: string): Promise<V1Pod>;
	/** The state that the controller recorded. */
	state(): Promise<Readonly<Record<string, string>> | undefined>;
	/** The revision in the pod template. */
	rolled(): Promise<string | undefined>;
}

const MERGE = { contentType: 'application/merge-patch+json' };

/** What differs from a Deployment of one replica named `web`. */
interface Manifest {
	readonly name?: string;
	readonly annotations?: Readonly<Record<string, string>>;
	readonly replicas?: number;
}

/** The manifest of a Deployment whose pods read the secrets of the deployment named like the namespace. */
export function manifestOf(
	namespace: string,
	{ name = 'web', annotations = {}, replicas = 1 }: Manifest = {},
): V1Deployment {
	const labels = { app: name };
	const own = { 'envtier.dev/deployment': namespace, 'envtier.dev/on-change': 'rollout' };
	return {
		apiVersion: 'apps/v1',
		kind: 'Deployment',
		metadata: { name },
		spec: {
			replicas,
			selector: { matchLabels: labels },
			template: {
				metadata: { labels, annotations: { ...own, ...annotations } },
				spec: { containers: [MAIN] },
			},
		},
	};
}

/** Creates a Deployment whose pods read the secrets of the deployment named like the namespace. */
export async function makeWorkload(
	cluster: Cluster,
	namespace: string,
	manifest: Manifest = {},
): Promise<TestWorkload> {
	const body = manifestOf(namespace, manifest);
	expectStatus(await cluster.request('POST', DEPLOYMENTS(namespace), body), 201, 'creating a Deployment');
	return testWorkload(cluster, namespace, manifest.name);
}

/** A Deployment that exists. */
export function testWorkload(cluster: Cluster, namespace: string, name = 'web'): TestWorkload {
	const path = `${DEPLOYMENTS(namespace)}/${name}`;
	const get = async (): Promise<V1Deployment> =>
		expectStatus(await cluster.request<V1Deployment>('GET', path), 200, 'reading a Deployment');
	let pods = 0;
	const workload: TestWorkload = {
		namespace,
		name,
		get,
		patch: async (change) =>
			expectStatus(
				await cluster.request<V1Deployment>('PATCH', path, change, MERGE),
				200,
				'changing a Deployment',
			),
		settle: async (status = {}) => {
			const { metadata } = await get();
			const all = {
				observedGeneration: metadata?.generation,
				replicas: 1,
				updatedReplicas: 1,
				readyReplicas: 1,
			};
			const change = { status: { ...all, availableReplicas: 1, ...status } };
			expectStatus(await cluster.request('PATCH', `${path}/status`, change, MERGE), 200, 'writing a status');
		},
		startPod: async (revision) => {
			const { spec } = await get();
			pods += 1;
			const podName = `${name}-${pods}`;
			const { metadata, spec: podSpec } = spec?.template ?? {};
			const pod = { metadata: { ...metadata, name: podName }, spec: podSpec };
			const made = expectStatus(
				await cluster.request<V1Pod>('POST', PODS(namespace), pod),
				201,
				'creating a pod',
			);
			if (revision === undefined) return made;
			const terminated = { exitCode: 0, message: revisionMessage(revision) };
			const status = {
				name: 'envtier-fetch',
				...{ ready: true, restartCount: 0, image: '', imageID: '', state: { terminated } },
			};
			const change = { status: { initContainerStatuses: [status] } };
			return expectStatus(
				await cluster.request<V1Pod>('PATCH', `${PODS(namespace)}/${podName}/status`, change, MERGE),
				200,
				'writing the status of a pod',
			);
		},
		state: async () => {
			const text = (await get()).metadata?.annotations?.['rollout.envtier.dev/state'];
			return text === undefined ? undefined : (JSON.parse(text) as Record<string, string>);
		},
		rolled: async () => (await get()).spec?.template.metadata?.annotations?.['rollout.envtier.dev/revision'],
	};
	return workload;
}
