import type { V1Container } from '@kubernetes/client-node';
import fc, { type Arbitrary } from 'fast-check';
import { ANNOTATION_PREFIX } from '../../../contract/names.ts';
import type { ArbitraryContainer, ArbitraryPod } from '../../webhook/support/arbitrary-pods.ts';
import { askingPods } from '../../webhook/support/arbitrary-pods.ts';

const word = fc.constantFrom('shop', 'web', 'a.b', 'a-b-1');
/** Mostly what is accepted, and a little of what is not. */
const said = (good: readonly string[], bad: readonly string[]): Arbitrary<string | undefined> =>
	fc.oneof(
		{ weight: 12, arbitrary: fc.constant(undefined) },
		{ weight: 6, arbitrary: fc.constantFrom(...good) },
		{ weight: 1, arbitrary: fc.constantFrom(...bad) },
	);

const annotations = fc.record({
	deployment: fc.oneof(
		{ weight: 20, arbitrary: word },
		fc.constantFrom(undefined, '', 'Shop', 'a..b', 'a\n'),
	),
	service: said(['web', 'x.y'], ['', 'a/b', '-a']),
	inject: said(['true'], ['no', 'TRUE', 'false']),
	org: said(['acme'], ['', 'a b']),
	role: said(['shop_web', 'A.b-c'], ['', '-x', 'a/b']),
	tiers: said(['deployment', ' service , deployment', 'org'], ['', 'orgs', 'org,org', 'deployment,']),
	require: said(['A', ' A , B_2', 'a,A'], ['', 'A,A', 'true', '1A', 'A;B', 'A,\u0085B']),
	empty: said(['keep', 'skip', 'refuse'], ['', 'drop']),
	path: said(
		['/run/envtier', '/var/run/envtier', '/a/.b', '/secrets'],
		['', '/', '/etc', '/a/', '/a/../b', '/proc/x', '/dev', 'x', '/a b', '/a//b'],
	),
	format: said(['json', 'files, shell,dotenv'], ['', 'none', 'yaml', 'json,json']),
	'run-as-user': said(['1000', '4711', '2147483647'], ['0', '01', '-1', '2147483648', '99999999999', '']),
	'run-as-group': said(['0', '4711'], ['-1', '2147483648', '']),
	'init-order': said(['first', 'last'], ['', 'middle']),
	'keys.web': fc.constantFrom(...Array<undefined>(30).fill(undefined), 'A'),
	env: fc.constantFrom(...Array<undefined>(30).fill(undefined), 'TOKEN'),
	sevrice: fc.constantFrom(...Array<undefined>(30).fill(undefined), 'web'),
});

/** Names of the pod's own containers, and others. */
function containersOf(pod: ArbitraryPod): Arbitrary<string | undefined> {
	const own = pod.spec.containers.map(({ name }) => name);
	const inits = (pod.spec.initContainers ?? []).map(({ name }) => name);
	return fc.oneof(
		{ weight: 8, arbitrary: fc.constant(undefined) },
		{ weight: 6, arbitrary: fc.shuffledSubarray(own, { minLength: 1 }).map((names) => names.join(' , ')) },
		fc.constantFrom('', 'other', `${own[0]},${own[0]}`, ...inits),
	);
}

/** One user for most containers, as most pods have it. */
const users = fc.record({
	pod: fc.constantFrom(undefined, 1000, 1000, 1000, 0),
	container: fc.constantFrom(undefined, undefined, undefined, 1000, 1001),
	group: fc.constantFrom(undefined, undefined, undefined, 0, 3000),
});

/** Only fields that the API knows, with values that it takes. */
function typed({ name, image, env, command, volumeMounts, securityContext, resources }: ArbitraryContainer) {
	const security = (securityContext ?? {}) as { capabilities?: object; privileged?: boolean };
	return {
		name,
		image: image ?? 'web:1',
		...(env ? { env: env.map((variable) => ({ name: variable.name, value: 'x' })) } : {}),
		...(command ? { command } : {}),
		...(volumeMounts ? { volumeMounts } : {}),
		...(resources ? { resources } : {}),
		securityContext: { capabilities: security.capabilities ?? {} },
	} as unknown as V1Container;
}

/** What is drawn for one pod. */
interface Drawn {
	readonly pod: ArbitraryPod;
	readonly asks: Readonly<Record<string, string | undefined>>;
	readonly user: { readonly pod: number | undefined; readonly group: number | undefined };
	/** The users that containers say, by their index. */
	readonly own: readonly (number | undefined)[];
}

function securityOf({ user }: Drawn): object {
	return user.pod === undefined && user.group === undefined
		? {}
		: { securityContext: { runAsUser: user.pod, runAsGroup: user.group } };
}

/** The first volume is read-only wherever it is mounted. */
function volumesOf({ pod }: Drawn): object {
	const volumes = pod.spec['volumes'] as readonly { name: string }[] | null | undefined;
	if (!volumes) return {};
	return {
		volumes: volumes.map(({ name }, i) =>
			i === 0 ? { name, configMap: { name: 'x' } } : { name, emptyDir: {} },
		),
	};
}

function podFrom(drawn: Drawn): ArbitraryPod {
	const { pod, asks, own } = drawn;
	const { initContainers, resources, serviceAccountName } = pod.spec;
	const said = Object.entries(asks).map(([name, value]) => [ANNOTATION_PREFIX + name, value]);
	const containers = pod.spec.containers.map((each, i) => {
		const container = typed(each);
		return { ...container, securityContext: { ...container.securityContext, runAsUser: own[i] } };
	});
	const made = {
		apiVersion: 'v1',
		kind: 'Pod',
		metadata: { name: 'pod', annotations: Object.fromEntries(said) },
		spec: {
			containers,
			initContainers: initContainers?.map(typed),
			...securityOf(drawn),
			...volumesOf(drawn),
			resources: resources ?? undefined,
			serviceAccountName,
		},
	};
	return JSON.parse(JSON.stringify(made)) as ArbitraryPod;
}

/** Pods that ask for secrets, many of which the policy serves. */
export const pods: Arbitrary<ArbitraryPod> = fc
	.tuple(askingPods, annotations, users)
	.chain(([pod, asks, { container, ...user }]) => {
		const own = fc.array(fc.constantFrom(undefined, container), { minLength: 8, maxLength: 8 });
		return fc
			.tuple(containersOf(pod), own)
			.map(([containers, ids]) => podFrom({ pod, asks: { ...asks, containers }, user, own: ids }));
	});
