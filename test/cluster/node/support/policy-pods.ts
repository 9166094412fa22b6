import type { V1Container, V1Deployment, V1NetworkPolicy, V1PodTemplateSpec } from '@kubernetes/client-node';
import { parseAllDocuments } from 'yaml';
import type { Cluster } from '../../../support/kubernetes/cluster.ts';
import { type Kubectl, mustKubectl } from '../../../support/kubernetes/kubectl.ts';
import { untilReady } from '../../../support/kubernetes/run-pod.ts';
import { create } from './observe.ts';

const NAME_LABEL = 'app.kubernetes.io/name';

/** What a network policy is about: the labels and the named ports of a program's pods. */
export interface ProgramPods {
	/** The value of the label `app.kubernetes.io/name`. */
	readonly name: string;
	readonly labels: Readonly<Record<string, string>>;
	readonly ports: V1Container['ports'];
}

/** The network policies of rendered manifests, and the programs that have pods there. */
export interface Rendered {
	readonly policies: readonly V1NetworkPolicy[];
	readonly programs: readonly ProgramPods[];
}

/** Reads rendered manifests: YAML of `kubectl kustomize` or `helm template`. */
export function readRendered(text: string): Rendered {
	const objects = parseAllDocuments(text).map((document) => document.toJS() as V1Deployment | null);
	const ofKind = (...kinds: readonly string[]) =>
		objects.filter((object) => object !== null && kinds.includes(object.kind ?? '')) as V1Deployment[];
	const templates = ofKind('Deployment', 'Job').map(({ spec }) => spec?.template as V1PodTemplateSpec);
	return {
		policies: ofKind('NetworkPolicy') as unknown as readonly V1NetworkPolicy[],
		programs: templates.map(({ metadata, spec }) => ({
			name: metadata?.labels?.[NAME_LABEL] ?? '',
			labels: metadata?.labels ?? {},
			ports: spec?.containers[0]?.ports ?? [],
		})),
	};
}

/** A running pod that answers connections. */
export interface AnsweringPod {
	readonly namespace: string;
	readonly name: string;
	readonly ip: string;
}

/** Starts a pod that answers on ports, and waits until it is ready. */
export async function startAnsweringPod(
	cluster: Cluster,
	namespace: string,
	{ name, labels, ports }: ProgramPods,
	answers: readonly number[],
): Promise<AnsweringPod> {
	const servers = answers.map((port) => `httpd -f -p ${port} -h /bin &`).join('\n');
	await create(cluster, `/api/v1/namespaces/${namespace}/pods`, {
		metadata: { name, labels },
		spec: {
			terminationGracePeriodSeconds: 0,
			automountServiceAccountToken: false,
			containers: [
				{
					...{ name: 'main', image: 'localhost/busybox:1', ports },
					// As root: some of the ports are below 1024.
					command: ['sh', '-ec', `${servers}\nwait`],
				},
			],
		},
	});
	const pod = await untilReady(cluster, namespace, name);
	return { namespace, name, ip: pod.status?.podIP ?? '' };
}

/** Where a connection leads. */
export interface Target {
	readonly to: AnsweringPod;
	readonly port: number;
}

/** Connects from a pod to all targets at the same time; tells for each whether there was a connection. */
export async function connections(
	kubectl: Kubectl,
	{ namespace, name }: AnsweringPod,
	targets: readonly Target[],
): Promise<readonly boolean[]> {
	const attempts = targets.map(
		({ to, port }, index) => `(nc -w 3 ${to.ip} ${port} </dev/null >/dev/null 2>&1 && echo ${index}) &`,
	);
	const script = [...attempts, 'wait'].join('\n');
	const printed = await mustKubectl(kubectl, 'exec', '-n', namespace, name, '--', 'sh', '-c', script);
	const connected = new Set(printed.trim().split('\n'));
	return targets.map((_, index) => connected.has(`${index}`));
}
