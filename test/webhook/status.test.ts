import type { V1Container, V1Pod } from '@kubernetes/client-node';
import { describe, expect, test } from 'vitest';
import { admit } from '../../webhook/admission/admit.ts';
import { ASKS, podOf, WEB } from './support/pods.ts';
import { applied, request } from './support/request.ts';
import { type Env, settings } from './support/settings.ts';

const STATUS = 'envtier.dev/status';

function injected(asks = ASKS, env: Env = {}): V1Pod {
	const pod = podOf(asks, {
		containers: [WEB, { ...WEB, name: 'proxy', securityContext: { runAsUser: 101 } }],
	});
	return applied(pod, admit(request(pod), settings(env).injection));
}

/** The decision on an injected pod after a change. */
function again(change: (pod: V1Pod) => void, env: Env = {}): string {
	const pod = injected();
	change(pod);
	const decision = admit(request(pod), settings(env).injection);
	return decision.kind === 'inject' ? decision.reconciled.join(', ') : decision.reason;
}

const fetcherOf = (pod: V1Pod): V1Container => {
	const found = pod.spec?.initContainers?.find(({ name }) => name === 'envtier-fetch');
	if (found === undefined) throw new Error('no fetcher');
	return found;
};
const everyContainer = (pod: V1Pod): V1Container[] => [
	...(pod.spec?.initContainers ?? []),
	...(pod.spec?.containers ?? []),
];
const annotate = (pod: V1Pod, annotations: Record<string, string>): void => {
	pod.metadata = { ...pod.metadata, annotations: { ...pod.metadata?.annotations, ...annotations } };
};

describe('a pod that was injected before is left alone', () => {
	test.for<[string, (pod: V1Pod) => void]>([
		['when nothing changed', () => undefined],
		[
			'when a mesh put its proxy among the containers',
			(pod) => pod.spec?.containers.unshift({ name: 'mesh' }),
		],
		[
			'when a mesh put its set-up before the fetcher',
			(pod) => pod.spec?.initContainers?.unshift({ name: 'mesh-init', image: 'mesh:1' }),
		],
		[
			'when a sidecar that came since mounts something of its own at our path',
			(pod) =>
				pod.spec?.containers.push({
					name: 'side',
					volumeMounts: [{ name: 'own', mountPath: '/secrets' }],
				}),
		],
		[
			'when another webhook gave every container a variable',
			(pod) => {
				for (const container of everyContainer(pod))
					container.env = [{ name: 'HTTP_PROXY', value: 'http://proxy:3128' }, ...(container.env ?? [])];
			},
		],
		[
			'when another webhook gave every container variables that the fetcher does not read',
			(pod) => {
				for (const container of everyContainer(pod))
					for (const name of ['NODE_NAME', 'VAULT_ADDR', 'LD_SDK_KEY', 'DEBUG'])
						container.env = [...(container.env ?? []), { name, value: 'x' }];
			},
		],
		[
			'when another webhook gave every container a mount',
			(pod) => {
				for (const container of everyContainer(pod))
					container.volumeMounts = [
						...(container.volumeMounts ?? []),
						{ name: 'certs', mountPath: '/etc/ssl/certs' },
					];
			},
		],
		[
			'when images were pinned to their digests',
			(pod) => {
				for (const container of everyContainer(pod))
					container.image = `${container.image}@sha256:${'0'.repeat(64)}`;
			},
		],
		[
			'when images were rewritten to a mirror',
			(pod) => {
				for (const container of everyContainer(pod))
					container.image = `mirror.example.net:5000/proxy/${container.image}`;
			},
		],
		['when variables were put into another order', (pod) => fetcherOf(pod).env?.reverse()],
		['when resources were changed', (pod) => Object.assign(fetcherOf(pod), { resources: {} })],
		[
			'when the pull policy was changed',
			(pod) => Object.assign(fetcherOf(pod), { imagePullPolicy: 'Always' }),
		],
		[
			'when a policy dropped more capabilities and gave a profile of its own',
			(pod) =>
				Object.assign(fetcherOf(pod).securityContext ?? {}, {
					capabilities: { drop: ['ALL', 'NET_RAW'] },
					seccompProfile: { type: 'Localhost', localhostProfile: 'strict.json' },
					seLinuxOptions: { level: 's0:c1,c2' },
				}),
		],
		[
			'when the API server has written a quantity in its own way',
			(pod) => {
				for (const { emptyDir } of pod.spec?.volumes ?? []) if (emptyDir) emptyDir.sizeLimit = '16384Ki';
			},
		],
		[
			'when an annotation of someone else came since',
			(pod) => annotate(pod, { 'mesh.example.com/status': 'done' }),
		],
	])('%s', ([, change]) => expect(again(change)).toBe('already-injected'));
});

test('an injected pod without its status is refused for its names, and not injected twice', () => {
	expect(again((pod) => delete pod.metadata?.annotations?.[STATUS])).toBe('name-taken');
});

test('a pod with native variables only has no mount and is recognized again', () => {
	const env = { ENVTIER_NATIVE_ENV: 'true' };
	const pod = injected({ ...ASKS, env: 'TOKEN' }, env);
	expect(admit(request(pod), settings(env).injection)).toEqual({ kind: 'skip', reason: 'already-injected' });
});
