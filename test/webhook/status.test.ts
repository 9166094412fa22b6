import type { V1Container, V1Pod } from '@kubernetes/client-node';
import { describe, expect, test } from 'vitest';
import { admit } from '../../webhook/admit.ts';
import { ASKS, podOf, prefixed, WEB } from './support/pods.ts';
import { applied, request } from './support/request.ts';
import { type Env, settings } from './support/settings.ts';

const STATUS = 'envtier.dev/status';

function injected(asks = ASKS, env: Env = {}): V1Pod {
	const pod = podOf(asks, {
		containers: [WEB, { ...WEB, name: 'proxy', securityContext: { runAsUser: 101 } }],
	});
	return applied(pod, admit(request(pod), settings(env).injection));
}

/** What becomes of an injected pod that someone has changed since. */
function again(change: (pod: V1Pod) => void, env: Env = {}): string {
	const pod = injected();
	change(pod);
	const decision = admit(request(pod), settings(env).injection);
	return decision.kind === 'inject' ? 'inject' : decision.reason;
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
		['when resources were changed', (pod) => Object.assign(fetcherOf(pod), { resources: {} })],
		[
			'when an annotation of someone else came since',
			(pod) => annotate(pod, { 'mesh.example.com/status': 'done' }),
		],
	])('%s', ([, change]) => expect(again(change)).toBe('already-injected'));

	test('when the fetcher’s image was upgraded since the pod was copied', () => {
		const image = 'registry.example.com/envtier/fetcher:1.0.1';
		expect(again(() => undefined, { ENVTIER_FETCHER_IMAGE: image })).toBe('already-injected');
	});
});

describe('a pod that says it was injected, but was not injected like this, is refused', () => {
	const mismatch = 'status-mismatch';

	test.for<[string, (pod: V1Pod) => void]>([
		['when it asks for another service now', (pod) => annotate(pod, prefixed({ service: 'other' }))],
		['when it asks for an organization now', (pod) => annotate(pod, prefixed({ org: 'acme' }))],
		['when it requires a key now', (pod) => annotate(pod, prefixed({ require: 'A' }))],
		['when it names another role now', (pod) => annotate(pod, prefixed({ role: 'other' }))],
		['when it wants another format now', (pod) => annotate(pod, prefixed({ format: 'json' }))],
		['when it wants its files elsewhere now', (pod) => annotate(pod, prefixed({ path: '/run/envtier' }))],
		[
			'when nobody mounts the files',
			(pod) => {
				for (const container of pod.spec?.containers ?? []) delete container.volumeMounts;
			},
		],
		[
			'when it runs as another service account now',
			(pod) => Object.assign(pod.spec ?? {}, { serviceAccountName: 'other' }),
		],
		['when its fetchers were taken out', (pod) => Object.assign(pod.spec ?? {}, { initContainers: [] })],
		['when it has no init containers at all', (pod) => delete pod.spec?.initContainers],
		['when one of its fetchers was taken out', (pod) => pod.spec?.initContainers?.pop()],
		[
			'when its fetcher was moved among the containers',
			(pod) => {
				const fetcher = pod.spec?.initContainers?.shift();
				if (fetcher !== undefined) pod.spec?.containers.push(fetcher);
			},
		],
		[
			'when its fetcher runs another program’s image',
			(pod) => Object.assign(fetcherOf(pod), { image: 'busybox:1' }),
		],
		['when its fetcher has no image', (pod) => delete fetcherOf(pod).image],
		['when its fetcher has a command', (pod) => Object.assign(fetcherOf(pod), { command: ['true'] })],
		['when its fetcher has arguments', (pod) => Object.assign(fetcherOf(pod), { args: ['-e', '0'] })],
		[
			'when its fetcher takes variables from a ConfigMap',
			(pod) => Object.assign(fetcherOf(pod), { envFrom: [{ configMapRef: { name: 'own' } }] }),
		],
		[
			'when Vault’s address was changed',
			(pod) => {
				for (const variable of fetcherOf(pod).env ?? [])
					if (variable.name === 'ENVTIER_VAULT_ADDR') variable.value = 'https://attacker.example';
			},
		],
		[
			'when Vault’s address was overridden by a second variable of the same name',
			(pod) => fetcherOf(pod).env?.push({ name: 'ENVTIER_VAULT_ADDR', value: 'https://attacker.example' }),
		],
		[
			'when Vault’s address is taken from elsewhere',
			(pod) =>
				fetcherOf(pod).env?.push({
					name: 'ENVTIER_VAULT_ADDR',
					valueFrom: { configMapKeyRef: { name: 'own', key: 'addr' } },
				}),
		],
		[
			'when a variable of ours was added',
			(pod) => fetcherOf(pod).env?.push({ name: 'ENVTIER_VAULT_INSECURE_HTTP', value: 'true' }),
		],
		['when a variable of ours was taken out', (pod) => fetcherOf(pod).env?.shift()],
		[
			'when its fetcher became a sidecar, for whose end nobody waits',
			(pod) => Object.assign(fetcherOf(pod), { restartPolicy: 'Always' }),
		],
		[
			'when its fetcher writes elsewhere',
			(pod) => {
				for (const mount of fetcherOf(pod).volumeMounts ?? [])
					if (mount.name === 'envtier-secrets') mount.name = 'data';
			},
		],
		['when its fetcher has no token', (pod) => fetcherOf(pod).volumeMounts?.pop()],
		[
			'when it names a reader now that was added since',
			(pod) => {
				pod.spec?.containers.push({ name: 'worker' });
				annotate(pod, prefixed({ containers: 'web,proxy,worker' }));
			},
		],
		['when its variables were taken out', (pod) => delete fetcherOf(pod).env],
		['when the status is empty', (pod) => annotate(pod, { [STATUS]: '' })],
		['when the status is no JSON', (pod) => annotate(pod, { [STATUS]: 'injected' })],
		['when the status is null', (pod) => annotate(pod, { [STATUS]: 'null' })],
		['when the status is a list', (pod) => annotate(pod, { [STATUS]: '["envtier-fetch"]' })],
		['when the status names no fetcher', (pod) => annotate(pod, { [STATUS]: '{"fetchers":[]}' })],
		[
			'when the status names more fetchers than there can be',
			(pod) =>
				annotate(pod, {
					[STATUS]: JSON.stringify({ fetchers: Array.from({ length: 15_000 }, () => 'envtier-fetch') }),
				}),
		],
		['when the status names no list', (pod) => annotate(pod, { [STATUS]: '{"fetchers":"envtier-fetch"}' })],
		[
			'when the status names something else too',
			(pod) => annotate(pod, { [STATUS]: '{"fetchers":["envtier-fetch",{"name":"x"}]}' }),
		],
		[
			'when the status names a container of the app',
			(pod) => annotate(pod, { [STATUS]: '{"fetchers":["web"]}' }),
		],
		[
			'when the status is deeper than any status',
			(pod) => annotate(pod, { [STATUS]: `{"fetchers":${'['.repeat(20_000)}${']'.repeat(20_000)}}` }),
		],
	])('%s', ([, change]) => expect(again(change)).toBe(mismatch));

	test('when the operator has moved Vault since', () => {
		expect(again(() => undefined, { ENVTIER_VAULT_ADDR: 'https://vault.new.svc:8200' })).toBe(mismatch);
	});
});

test('a status that was taken off an injected pod makes the names taken, not injected twice', () => {
	expect(again((pod) => delete pod.metadata?.annotations?.[STATUS])).toBe('name-taken');
});

test('a pod with native variables alone mounts nothing, and is known again all the same', () => {
	const env = { ENVTIER_NATIVE_ENV: 'true' };
	const pod = injected({ ...ASKS, env: 'TOKEN' }, env);
	expect(admit(request(pod), settings(env).injection)).toEqual({ kind: 'skip', reason: 'already-injected' });
});

describe('a pod with native variables is not known again', () => {
	const env = { ENVTIER_NATIVE_ENV: 'true' };
	test.for<[string, (pod: V1Pod) => void]>([
		[
			'when no container has them any more',
			(pod) => {
				for (const container of pod.spec?.containers ?? []) delete container.env;
			},
		],
		[
			'when they come from another volume',
			(pod) => {
				for (const container of pod.spec?.containers ?? [])
					container.env = [
						{
							name: 'TOKEN',
							valueFrom: { fileKeyRef: { volumeName: 'x', path: 'native.env', key: 'TOKEN' } },
						},
					];
			},
		],
		[
			'when a value was typed instead',
			(pod) => {
				for (const container of pod.spec?.containers ?? [])
					container.env = [{ name: 'TOKEN', value: 'typed' }];
			},
		],
	])('%s', ([, change]) => {
		const pod = injected({ ...ASKS, env: 'TOKEN' }, env);
		change(pod);
		expect(admit(request(pod), settings(env).injection)).toMatchObject({ reason: 'status-mismatch' });
	});
});
