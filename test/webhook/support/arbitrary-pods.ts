import fc, { type Arbitrary } from 'fast-check';
import { ANNOTATION_PREFIX } from '../../../contract/names.ts';
import { ANNOTATIONS } from '../../../webhook/annotations/annotations.ts';

/**
 * A pod as decoded JSON: with the shapes that the API server sends, and fields that Envtier does not know.
 */
export type ArbitraryPod = {
	[member: string]: unknown;
	metadata: { annotations?: Record<string, string> | null; [member: string]: unknown };
	spec: {
		containers: ArbitraryContainer[];
		initContainers?: ArbitraryContainer[] | null;
		[member: string]: unknown;
	};
};

/** A container as decoded JSON. */
export type ArbitraryContainer = {
	[member: string]: unknown;
	name: string;
	env?: { name: string; [member: string]: unknown }[] | null;
	volumeMounts?: { name: string; mountPath: string; [member: string]: unknown }[] | null;
};

/** A member that may be missing, null, or there. */
const maybe = <T>(value: Arbitrary<T>): Arbitrary<T | null | undefined> =>
	fc.oneof(
		{ weight: 2, arbitrary: fc.constant(undefined) },
		{ weight: 1, arbitrary: fc.constant(null) },
		{ weight: 4, arbitrary: value },
	);

/** Members with undefined values are left out, as in JSON. */
const record = <T extends object>(model: { [K in keyof T]: Arbitrary<T[K]> }): Arbitrary<T> =>
	fc
		.record(model)
		.map((made) => Object.fromEntries(Object.entries(made).filter(([, value]) => value !== undefined)) as T);

const label = fc.stringMatching(/^[a-z][a-z0-9]{0,6}(-[a-z0-9]{1,4})?$/);
/** Few, so that containers share users, and root is among them. */
const id = fc.constantFrom(0, 101, 1000, 1001, 65532, 2147483647);
const json = fc.jsonValue({ maxDepth: 2, stringUnit: 'grapheme' });

const capabilities = record({
	add: maybe(fc.subarray(['DAC_OVERRIDE', 'CAP_DAC_READ_SEARCH', 'NET_ADMIN', 'ALL'])),
	drop: maybe(fc.subarray(['ALL', 'DAC_OVERRIDE', 'cap_dac_override', 'NET_RAW'])),
});

const security = record({
	runAsUser: maybe(id),
	runAsGroup: maybe(id),
	privileged: maybe(fc.boolean()),
	capabilities: maybe(capabilities),
	seLinuxOptions: maybe(json),
});

const quantities = record({
	cpu: fc.constantFrom(undefined, '1', '250m'),
	memory: fc.constantFrom(undefined, '1Gi', '64Mi'),
	'nvidia.com/gpu': fc.constantFrom(undefined, '1'),
});
const resources = record({ requests: maybe(quantities), limits: maybe(quantities) });

const PATHS = [
	'/data',
	'/etc/app',
	'/var/run/secrets/kubernetes.io/serviceaccount',
	'/tmp/',
	'relative',
	'/secrets-old',
];

function container(name: string): Arbitrary<ArbitraryContainer> {
	return record<ArbitraryContainer>({
		name: fc.constant(name),
		image: maybe(fc.constantFrom('web:1', 'registry.example.com:5000/a/web@sha256:00')),
		command: maybe(fc.array(fc.string(), { minLength: 1, maxLength: 2 })),
		env: maybe(
			fc.uniqueArray(
				record({ name: fc.constantFrom('PATH', 'MODE', 'JAVA_OPTS'), value: maybe(fc.string()) }),
				{
					maxLength: 3,
					selector: (variable) => variable.name,
				},
			),
		) as Arbitrary<ArbitraryContainer['env']>,
		volumeMounts: maybe(
			fc.uniqueArray(
				record({
					name: label,
					mountPath: fc.constantFrom(...PATHS),
					subPath: maybe(label),
					readOnly: maybe(fc.boolean()),
				}),
				{ maxLength: 4, selector: (mount) => mount.mountPath },
			),
		) as Arbitrary<ArbitraryContainer['volumeMounts']>,
		volumeDevices: maybe(
			fc.array(record({ name: label, devicePath: fc.constantFrom('/dev/xvda') }), { maxLength: 1 }),
		),
		securityContext: maybe(security),
		resources: maybe(resources),
		restartPolicy: fc.constantFrom(undefined, 'Always'),
		livenessProbe: maybe(json),
	});
}

function containers(min: number): Arbitrary<ArbitraryContainer[]> {
	return fc
		.uniqueArray(label, { minLength: min, maxLength: 4 })
		.chain((names) => fc.tuple(...names.map(container)));
}

const kinds = fc.constantFrom('emptyDir', 'configMap', 'secret', 'persistentVolumeClaim', 'hostPath', 'csi');
const volume = fc.tuple(label, kinds, json).map(([name, kind, source]) => ({ name, [kind]: source }));

/** What others put into annotations: anything, under any name but ours. */
const foreign = fc.dictionary(
	fc.oneof(
		fc.constantFrom('vault.hashicorp.com/role', 'a/b~c', 'constructor', 'toString', '__proto__'),
		label,
	),
	fc.string({ unit: 'grapheme' }),
	{ maxKeys: 4, noNullPrototype: true },
);

/** Values that each annotation accepts, `containers` aside: its names have to exist. */
const accepted = record<Record<string, string | undefined>>({
	service: fc.option(label, { nil: undefined }),
	inject: fc.constantFrom(undefined, 'true'),
	org: fc.option(label, { nil: undefined }),
	role: fc.option(label, { nil: undefined }),
	require: fc.constantFrom(undefined, 'A', ' A , B_2'),
	path: fc.constantFrom(undefined, '/secrets', '/run/envtier'),
	format: fc.constantFrom(undefined, 'json', 'files,shell,dotenv'),
	env: fc.constantFrom(undefined, 'TOKEN', 'TOKEN, PGPASSWORD=PASSWORD'),
	'compose.URL': fc.constantFrom(undefined, '${A:url}$$', '${URL}${OTHER}'),
	'sealed.TOKEN': fc.constantFrom(undefined, 'vault:v1:AAAA', 'cluster:vault:v2:AAAABBBB'),
	'compose.OTHER': fc.constantFrom(undefined, '${A:shell}'),
	keys: fc.constantFrom(undefined, undefined, 'A', 'A=B, C'),
	prefix: fc.constantFrom(undefined, undefined, '=DB_'),
	wrap: fc.oneof({ weight: 5, arbitrary: fc.constantFrom(undefined, 'false') }, fc.constant('true')),
	'run-as-user': fc.constantFrom(undefined, '1000', '4711'),
	'run-as-group': fc.constantFrom(undefined, '0', '4711'),
	'init-order': fc.constantFrom(undefined, 'first', 'last'),
});

/** Anything under any name that is ours or nearly ours. */
const anything = fc.dictionary(
	fc.oneof(
		fc.constantFrom(
			...Object.keys(ANNOTATIONS),
			...['compose.A', 'compose', 'compose.', 'compose.toString', 'keys.web', 'wrap.web', 'prefix.__proto__'],
			'status',
			'vault-addr',
			'image',
			'',
			'__proto__',
		),
		label,
	),
	fc.oneof(
		label,
		fc.string({ unit: 'binary' }),
		fc.constantFrom('', 'true', '/', '../..', '$(X)', '{"fetchers":["envtier-fetch"]}'),
	),
	{ maxKeys: 4, noNullPrototype: true },
);

const prefixed = (asks: object): Record<string, string> =>
	Object.fromEntries(
		Object.entries(asks).map(([name, value]) => [ANNOTATION_PREFIX + name, value as string]),
	);

function pod(annotations: Arbitrary<Record<string, string> | null | undefined>): Arbitrary<ArbitraryPod> {
	const parts = fc.record({
		annotations,
		labels: maybe(fc.dictionary(label, label, { maxKeys: 2, noNullPrototype: true })),
		generateName: fc.option(label, { nil: undefined }),
		containers: containers(1),
		initContainers: maybe(containers(0)),
		volumes: maybe(fc.uniqueArray(volume, { maxLength: 3, selector: ({ name }) => name })),
		securityContext: maybe(security),
		serviceAccountName: fc.option(label, { nil: undefined }),
		resources: maybe(resources),
		nodeSelector: maybe(fc.dictionary(label, label, { maxKeys: 1, noNullPrototype: true })),
		restartPolicy: fc.constantFrom('Always', 'Never', 'OnFailure'),
		tolerations: maybe(json),
	});
	return parts.map(({ annotations: own, labels, generateName, initContainers, ...spec }) => {
		// Names are unique among all containers of a pod.
		const taken = new Set(spec.containers.map(({ name }) => name));
		const others = initContainers?.filter(({ name }) => !taken.has(name)) ?? initContainers;
		return stripped({
			apiVersion: 'v1',
			kind: 'Pod',
			metadata: { name: 'pod', generateName, labels, annotations: own },
			spec: { ...spec, initContainers: others },
		});
	});
}

/** The value as JSON carries it: without undefined members, and with `__proto__` as a normal member. */
function stripped<T>(value: object): T {
	return JSON.parse(JSON.stringify(value)) as T;
}

/** Pods as the API server sends them, which ask for secrets in a way that is accepted. */
export const askingPods: Arbitrary<ArbitraryPod> = pod(
	fc
		.tuple(accepted, foreign, label)
		.map(([asks, others, deployment]) => ({ ...others, ...prefixed({ ...asks, deployment }) })),
);

/** Pods as the API server sends them, with annotations that may mean anything or nothing. */
export const anyPods: Arbitrary<ArbitraryPod> = pod(
	fc.oneof(
		maybe(foreign),
		fc
			.tuple(anything, foreign)
			.map(([asks, others]) => ({ ...others, ...prefixed({ deployment: 'shop', ...asks }) })),
	),
);

/** JSON of any shape, with names that the webhook reads and names that are special in JavaScript. */
const wild = fc.letrec<{ value: unknown; object: unknown }>((tie) => ({
	value: fc.oneof(
		{ depthSize: 'small', withCrossShrink: true },
		fc.constantFrom(null, true, 0, -1, 1e300, '', 'Always', 'envtier-fetch', '/secrets'),
		fc.string({ unit: 'binary' }),
		fc.double(),
		fc.array(tie('value'), { maxLength: 3 }),
		tie('object'),
	),
	object: fc.dictionary(
		fc.constantFrom(
			'name',
			'value',
			'valueFrom',
			'env',
			'mountPath',
			'volumeMounts',
			'capabilities',
			'drop',
			'runAsUser',
			'requests',
			'limits',
			'cpu',
			'toString',
			'valueOf',
			'toJSON',
			'constructor',
			'__proto__',
			'length',
		),
		tie('value'),
		{ maxKeys: 4, noNullPrototype: true },
	),
})).value;

/** JSON of any shape, as decoded from text. */
export const anyJson: Arbitrary<unknown> = fc
	.oneof(fc.jsonValue(), wild)
	.map((value) => JSON.parse(JSON.stringify(value ?? null)));

type Node = Record<string, unknown> | unknown[];

/** Every place in a value, as the object and the member that holds it. */
function places(value: unknown): [Node, string][] {
	if (typeof value !== 'object' || value === null) return [];
	const node = value as Node;
	return Object.entries(node).flatMap(([member, inner]) => [
		[node, member] as [Node, string],
		...places(inner),
	]);
}

/** Pods of which some part is not what the API has there. */
export const brokenPods: Arbitrary<unknown> = fc
	.tuple(askingPods, fc.array(fc.tuple(fc.nat(), anyJson), { minLength: 1, maxLength: 3 }))
	.map(([whole, changes]) => {
		const broken: unknown = structuredClone(whole);
		for (const [at, value] of changes) {
			const all = places(broken);
			const [node, member] = all[at % all.length] ?? [];
			if (node !== undefined && member !== undefined) Object.assign(node, { [member]: value });
		}
		return broken;
	});
