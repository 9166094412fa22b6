import type { V1Container, V1Pod } from '@kubernetes/client-node';
import { describe, expect, test } from 'vitest';
import { admit } from '../../webhook/admission/admit.ts';
import { ASKS, type Asks, podOf, WEB } from './support/pods.ts';
import { whole } from './support/reconciled.ts';
import { applied, request } from './support/request.ts';
import { settings } from './support/settings.ts';

const SETTINGS = settings().injection;
const as = (name: string, user = 1000): V1Container => ({
	...WEB,
	name,
	command: ['node', `${name}.js`],
	securityContext: { runAsUser: user },
});
const THREE = { containers: [as('web'), as('worker'), as('admin', 2000)] };

function injected(asks: Asks): V1Pod {
	const pod = podOf({ ...ASKS, ...asks }, THREE);
	return applied(pod, admit(request(pod), SETTINGS));
}

/** The fetcher's variables for the volume of a container. */
function contents(pod: V1Pod, container: string): Readonly<Record<string, string | undefined>> {
	const reader = pod.spec?.containers.find(({ name }) => name === container);
	const volume = reader?.volumeMounts?.find(({ mountPath }) => mountPath === '/secrets')?.name;
	const fetchers = (pod.spec?.initContainers ?? []).filter(({ volumeMounts = [] }) =>
		volumeMounts.some(({ name }) => name === volume),
	);
	expect(fetchers).toHaveLength(1);
	const [fetcher] = fetchers;
	const out = fetcher?.volumeMounts?.find(({ name }) => name === volume)?.mountPath;
	const env = new Map((fetcher?.env ?? []).map(({ name, value }) => [name, value]));
	const suffix = [...env].find(([name, value]) => /^ENVTIER_OUT/.test(name) && value === out)?.[0].slice(11);
	expect(fetcher?.securityContext?.runAsUser).toBe(reader?.securityContext?.runAsUser);
	return { keys: env.get(`ENVTIER_KEYS${suffix}`), prefix: env.get(`ENVTIER_PREFIX${suffix}`) };
}

const EVERYTHING = { keys: undefined, prefix: undefined };
const fetchers = (pod: V1Pod): number => pod.spec?.initContainers?.length ?? 0;
const secretVolumes = (pod: V1Pod): number =>
	(pod.spec?.volumes ?? []).filter(({ name }) => name.startsWith('envtier-secrets')).length;

describe('each container gets its own part', () => {
	test('a selection for the pod applies to all containers', () => {
		const pod = injected({ keys: 'A', prefix: 'DB_' });
		for (const name of ['web', 'worker', 'admin'])
			expect(contents(pod, name)).toEqual({ keys: 'A', prefix: 'DB_' });
		expect([fetchers(pod), secretVolumes(pod)]).toEqual([2, 2]);
	});

	test('a selection for one container replaces the selection for the pod', () => {
		const pod = injected({ keys: 'A', prefix: 'DB_', 'keys.web': 'B', 'prefix.admin': '=ADMIN_' });
		expect(contents(pod, 'web')).toEqual({ keys: 'B', prefix: undefined });
		expect(contents(pod, 'worker')).toEqual({ keys: 'A', prefix: 'DB_' });
		expect(contents(pod, 'admin')).toEqual({ keys: undefined, prefix: '=ADMIN_' });
		expect([fetchers(pod), secretVolumes(pod)]).toEqual([2, 3]);
	});

	test('a container without a selection, or with "*", gets all keys', () => {
		const pod = injected({ 'keys.web': 'B' });
		expect(contents(pod, 'web')).toEqual({ keys: 'B', prefix: undefined });
		expect(contents(pod, 'worker')).toEqual(EVERYTHING);
		const all = injected({ keys: 'A', 'keys.web': '*' });
		expect(contents(all, 'web')).toEqual({ keys: '*', prefix: undefined });
	});

	test('containers of one user with the same part share a volume, however they write it', () => {
		const pod = injected({ 'keys.web': 'A, B=C', 'keys.worker': 'B=C,A', 'keys.admin': 'A, B=C' });
		expect([fetchers(pod), secretVolumes(pod)]).toEqual([2, 2]);
		expect(contents(pod, 'web')).toEqual(contents(pod, 'admin'));
	});

	test('the mounts of a fetcher have different paths', () => {
		const pod = injected({ 'keys.web': 'A', 'keys.worker': 'B' });
		for (const { volumeMounts = [] } of pod.spec?.initContainers ?? [])
			expect(new Set(volumeMounts.map(({ mountPath }) => mountPath)).size).toBe(volumeMounts.length);
	});
});

describe('a pod that was injected', () => {
	const asks = { keys: 'A', 'keys.web': 'B', 'prefix.admin': '=ADMIN_', wrap: 'true', 'wrap.admin': 'false' };
	const again = (change: (pod: V1Pod) => void): string => {
		const pod = injected(asks);
		change(pod);
		const decision = admit(request(pod), SETTINGS);
		if (decision.kind !== 'inject') return decision.reason;
		const { 'envtier.dev/status': _, ...annotations } = pod.metadata?.annotations ?? {};
		const fresh = podOf(ASKS, THREE);
		fresh.metadata = { ...fresh.metadata, annotations };
		expect(whole(applied(pod, decision))).toEqual(whole(applied(fresh, admit(request(fresh), SETTINGS))));
		return 'inject';
	};
	const container = (pod: V1Pod, name: string): V1Container =>
		pod.spec?.containers.find((one) => one.name === name) ?? { name };
	const annotate = (pod: V1Pod, annotations: Record<string, string>): void => {
		pod.metadata = { ...pod.metadata, annotations: { ...pod.metadata?.annotations, ...annotations } };
	};

	test.for<[string, (pod: V1Pod) => void]>([
		['as it is', () => undefined],
		[
			'with a mesh among its containers',
			(pod) => pod.spec?.containers.push({ name: 'mesh', command: ['x'] }),
		],
		[
			'with something else put before a wrapped command',
			(pod) => container(pod, 'web').command?.unshift('/vault/env', '--'),
		],
	])('is left alone %s', ([, change]) => expect(again(change)).toBe('already-injected'));

	test.for<[string, (pod: V1Pod) => void]>([
		['another part is asked for', (pod) => annotate(pod, { 'envtier.dev/keys': 'A, X' })],
		['one container is to get another part', (pod) => annotate(pod, { 'envtier.dev/keys.web': 'X' })],
		['one container is to get less', (pod) => annotate(pod, { 'envtier.dev/keys.worker': 'X' })],
		[
			'a container was given the part of another',
			(pod) => {
				container(pod, 'web').volumeMounts = structuredClone(container(pod, 'worker').volumeMounts ?? []);
			},
		],
		[
			'a container has lost its mount',
			(pod) => {
				container(pod, 'web').volumeMounts = [];
			},
		],
		[
			'a wrapper is gone',
			(pod) => {
				container(pod, 'web').command = ['node', 'web.js'];
			},
		],
		['nothing is to be wrapped any more', (pod) => annotate(pod, { 'envtier.dev/wrap': 'false' })],
		['one more is to be wrapped', (pod) => annotate(pod, { 'envtier.dev/wrap.admin': 'true' })],
		['the files are to be elsewhere', (pod) => annotate(pod, { 'envtier.dev/path': '/run/envtier' })],
		[
			'the fetcher is told to write everything',
			(pod) => {
				const [fetcher] = pod.spec?.initContainers ?? [];
				if (fetcher !== undefined)
					fetcher.env = (fetcher.env ?? []).filter(({ name }) => !name.startsWith('ENVTIER_KEYS'));
			},
		],
		[
			'the fetcher claims volumes without end',
			(pod) => {
				const [fetcher] = pod.spec?.initContainers ?? [];
				for (let i = 3; i < 5000; i++)
					fetcher?.env?.push({ name: `ENVTIER_OUT_${i}`, value: `/secrets-${i}` });
			},
		],
	])('becomes what it asks for when %s', ([, change]) => expect(again(change)).toBe('inject'));
});
