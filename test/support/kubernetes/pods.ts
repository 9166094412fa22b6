import type { V1Container, V1Pod, V1PodSpec } from '@kubernetes/client-node';
import { ANNOTATION_PREFIX, INJECTED } from '../../../contract/names.ts';
import type { ApiAnswer, ApiRequestOptions } from './client.ts';
import type { Cluster } from './cluster.ts';

/** What a test says of a pod; the rest is the least that the API server takes. */
export interface PodOptions {
	readonly name?: string;
	/** Annotations without Envtier's prefix: `{ deployment: 'shop' }`. */
	readonly envtier?: Readonly<Record<string, string>>;
	/** Other annotations. */
	readonly annotations?: Readonly<Record<string, string>>;
	readonly spec?: Partial<V1PodSpec>;
}

/** A container that says its UID and passes Pod Security "restricted". */
export const MAIN: V1Container = {
	name: 'main',
	image: 'registry.example/app:1',
	securityContext: {
		runAsNonRoot: true,
		runAsUser: 1000,
		allowPrivilegeEscalation: false,
		capabilities: { drop: ['ALL'] },
		seccompProfile: { type: 'RuntimeDefault' },
	},
};

/** A pod as a person would write it, with one container. */
export function podOf({ name = 'web', envtier = {}, annotations = {}, spec = {} }: PodOptions): V1Pod {
	const ours = Object.entries(envtier).map(([key, value]) => [ANNOTATION_PREFIX + key, value]);
	return {
		apiVersion: 'v1',
		kind: 'Pod',
		metadata: { name, annotations: { ...annotations, ...Object.fromEntries(ours) } },
		spec: { containers: [MAIN], ...spec },
	};
}

/** Creates a pod in a namespace; `query` is added to the URL (`dryRun=All`). */
export function createPod(
	cluster: Cluster,
	namespace: string,
	pod: V1Pod,
	query = '',
	options: ApiRequestOptions = {},
): Promise<ApiAnswer<V1Pod & { message?: string }>> {
	return cluster.request('POST', `/api/v1/namespaces/${namespace}/pods?${query}`, pod, options);
}

/** The names of the init containers that injection added. */
export function injectedInto(pod: V1Pod): readonly string[] {
	const names = (pod.spec?.initContainers ?? []).map(({ name }) => name);
	return names.filter((name) => name.startsWith(INJECTED.container));
}

/** Has the API server try a pod that asks for secrets, without storing it. */
export function tryPod(cluster: Cluster, namespace: string): ReturnType<typeof createPod> {
	const pod = podOf({ name: crypto.randomUUID(), envtier: { deployment: 'shop' } });
	return createPod(cluster, namespace, pod, 'dryRun=All');
}

/** What stands in the way of such a pod; undefined when it is injected. */
export async function refusalOf(cluster: Cluster, namespace: string): Promise<string | undefined> {
	const { status, body } = await tryPod(cluster, namespace);
	return status === 201 && injectedInto(body).length === 1 ? undefined : `${status} ${body.message}`;
}

/** Which containers of a pod mount Envtier's volume, and where. */
export function secretMounts(pod: V1Pod): Readonly<Record<string, string>> {
	const all = [...(pod.spec?.initContainers ?? []), ...(pod.spec?.containers ?? [])];
	const readers = all.filter(({ name }) => !name.startsWith(INJECTED.container));
	const mounts = readers.flatMap(({ name, volumeMounts = [] }) =>
		volumeMounts
			.filter((mount) => mount.name.startsWith(INJECTED.volume))
			.map((mount) => [name, mount.mountPath] as const),
	);
	return Object.fromEntries(mounts);
}
