import type { V1Pod } from '@kubernetes/client-node';
import fc, { type Arbitrary } from 'fast-check';
import { STATUS_ANNOTATION } from '../../../webhook/annotations/annotations.ts';
import { isAddedVolume, isFetcherName } from '../../../webhook/pod/added-names.ts';
import type { ContainerFacts } from '../../../webhook/pod/container.ts';
import { type EarlierInjection, separateInjection } from '../../../webhook/pod/earlier-injection.ts';
import { podAnnotations, podFacts } from '../../../webhook/pod/pod.ts';
import { type ArbitraryContainer, type ArbitraryPod, anyJson, askingPods } from './arbitrary-pods.ts';

const status = fc.oneof(
	fc.string(),
	fc.constantFrom('', '{}', '{"fetchers":["envtier-fetch"]}', '{"containers":["a"],"image":"x"}'),
	fc
		.record({ fetchers: anyJson, containers: fc.array(fc.string(), { maxLength: 3 }), image: anyJson })
		.map((value) => JSON.stringify(value)),
);
const fetcherName = fc.constantFrom(
	'envtier-fetch',
	'envtier-fetch-101',
	'envtier-fetch-1000',
	'envtier-fetch-7',
);
const volumeName = fc.constantFrom(
	...['envtier-secrets', 'envtier-secrets-101', 'envtier-secrets-part-2', 'envtier-token', 'own'],
);
const mount = fc.record(
	{
		name: volumeName,
		mountPath: fc.constantFrom('/secrets', '/secrets/x', '/var/run/secrets/envtier.dev', '/', '/data'),
		readOnly: fc.boolean(),
		subPath: fc.constant('x'),
	},
	{ requiredKeys: ['name', 'mountPath'], noNullPrototype: true },
);
const variable = fc.oneof(
	fc.record(
		{
			name: fc.constantFrom('ENVTIER_VAULT_ADDR', 'ENVTIER_X', 'NODE_OPTIONS', 'HTTP_PROXY'),
			value: fc.string(),
		},
		{ noNullPrototype: true },
	),
	fc
		.record({ volumeName, path: fc.constantFrom('native.env', 'env'), key: fc.constantFrom('A', 'TOKEN') })
		.map((fileKeyRef) => ({ name: `FROM_${fileKeyRef.key}`, valueFrom: { fileKeyRef } })),
);
const lists: Record<string, Arbitrary<unknown>> = {
	env: fc.array(variable, { maxLength: 3 }),
	volumeMounts: fc.array(mount, { maxLength: 3 }),
	command: fc.array(fc.string(), { maxLength: 2 }),
	args: fc.array(fc.string(), { maxLength: 2 }),
	envFrom: fc.constantFrom([], [{ secretRef: { name: 'x' } }]),
	restartPolicy: fc.constantFrom('Always', 'Never'),
	image: fc.constantFrom('evil:1', 'registry.example.com/envtier/fetcher:1'),
	securityContext: fc.record(
		{
			runAsUser: fc.constantFrom(0, 1000),
			privileged: fc.boolean(),
			capabilities: fc.constant({ add: ['ALL'] }),
		},
		{ requiredKeys: [], noNullPrototype: true },
	),
	lifecycle: fc.constantFrom({}, { preStop: { exec: { command: ['x'] } } }),
	terminationMessagePath: fc.constantFrom('/dev/termination-log', '/secrets/env'),
};
const fetcher = fc
	.tuple(fetcherName, fc.record(lists, { requiredKeys: [], noNullPrototype: true }))
	.map(([name, rest]) => ({ name, ...rest }) as ArbitraryContainer);
const volume = fc
	.tuple(volumeName, fc.constantFrom('emptyDir', 'hostPath', 'projected'))
	.map(([name, kind]) => ({ name, [kind]: {} }));
const wrapped = ['sh', '-c', '. /secrets/env && exec "$@"', 'envtier-wrap', 'x'];

/** Other parts that a user adds to a pod. */
interface Forgery {
	readonly status: string;
	readonly fetchers: readonly ArbitraryContainer[];
	readonly volumes: readonly object[];
	readonly edits: readonly (readonly [number, Edit])[];
}

const edit = fc.oneof(mount, variable, fc.constant('wrapper' as const));
type Edit = typeof edit extends Arbitrary<infer T> ? T : never;

const forgeries: Arbitrary<Forgery> = fc.record({
	status,
	fetchers: fc.uniqueArray(fetcher, { maxLength: 3, selector: ({ name }) => name }),
	volumes: fc.uniqueArray(volume, { maxLength: 3, selector: ({ name }) => name as string }),
	edits: fc.array(fc.tuple(fc.nat(), edit), { maxLength: 4 }),
});

function apply(container: ArbitraryContainer, change: Edit): void {
	if (change === 'wrapper') Object.assign(container, { command: wrapped });
	else if ('mountPath' in change) container.volumeMounts = [...(container.volumeMounts ?? []), change];
	else container.env = [...(container.env ?? []), change];
}

function forge(pod: ArbitraryPod, { status: said, fetchers, volumes, edits }: Forgery): ArbitraryPod {
	const forged = structuredClone(pod);
	forged.metadata.annotations = { ...forged.metadata.annotations, [STATUS_ANNOTATION]: said };
	const names = new Set(forged.spec.initContainers?.map(({ name }) => name));
	const others = fetchers.filter(({ name }) => !names.has(name));
	if (others.length > 0) forged.spec.initContainers = [...(forged.spec.initContainers ?? []), ...others];
	const { volumes: own } = forged.spec as { volumes?: object[] | null };
	if (volumes.length > 0) forged.spec['volumes'] = [...(own ?? []), ...volumes];
	const all = [...forged.spec.containers, ...(forged.spec.initContainers ?? [])];
	for (const [at, change] of edits) {
		const container = all[at % all.length];
		if (container !== undefined) apply(container, change);
	}
	return JSON.parse(JSON.stringify(forged)) as ArbitraryPod;
}

/**
 * Pods with a status annotation and parts with our names that a person typed, half of them on top of a real
 * injection.
 *
 * @param inject the pod after its injection; undefined if it is not injected
 * @param pods the pods that are forged
 */
export const forgedPods = (
	inject: (pod: ArbitraryPod) => V1Pod | undefined,
	pods: Arbitrary<ArbitraryPod> = askingPods,
): Arbitrary<ArbitraryPod> =>
	fc
		.tuple(pods, forgeries, fc.boolean())
		.map(([pod, forgery, injected]) =>
			forge(((injected ? inject(pod) : undefined) as ArbitraryPod | undefined) ?? pod, forgery),
		);

function withoutParts(pod: V1Pod, parts: EarlierInjection, { list, index }: ContainerFacts): void {
	const container = pod.spec?.[list]?.[index];
	const { mounts, variables, wrappers } = parts.of({ list, index } as ContainerFacts);
	for (const mounted of mounts.toReversed()) container?.volumeMounts?.splice(mounted.index, 1);
	for (const taken of variables.toReversed()) container?.env?.splice(taken.index, 1);
	for (const at of wrappers.toReversed()) container?.command?.splice(at, 4);
}

/** The pod without the status and without anything that bears our names. */
export function stripped(forged: ArbitraryPod): V1Pod {
	const pod = structuredClone(forged) as unknown as V1Pod;
	const annotations = podAnnotations(forged);
	const facts = podFacts(forged, annotations.ok ? annotations.value : undefined);
	if (!facts.ok) throw new Error(facts.error);
	const { parts } = separateInjection(facts.value);
	delete pod.metadata?.annotations?.[STATUS_ANNOTATION];
	for (const holder of parts.containers) withoutParts(pod, parts, holder);
	const { spec } = pod;
	if (spec?.initContainers)
		spec.initContainers = spec.initContainers.filter(({ name }) => !isFetcherName(name));
	if (spec?.volumes) spec.volumes = spec.volumes.filter(({ name }) => !isAddedVolume(name));
	return pod;
}
