import type { V1Container, V1EnvVar, V1Pod } from '@kubernetes/client-node';
import { describe, expect, test } from 'vitest';
import { admit } from '../../webhook/admission/admit.ts';
import type { Decision } from '../../webhook/admission/decision.ts';
import { ASKS, type Asks, podOf, prefixed, WEB } from './support/pods.ts';
import { whole } from './support/reconciled.ts';
import { applied, request } from './support/request.ts';
import { type Env, settings } from './support/settings.ts';

const STATUS = 'envtier.dev/status';
const PROXY: V1Container = { ...WEB, name: 'proxy', securityContext: { runAsUser: 101 } };
const CONTAINERS = [{ ...WEB, command: ['node', 'web.js'] }, PROXY];

const decide = (pod: V1Pod, env: Env = {}): Decision => admit(request(pod), settings(env).injection);

function injected(asks: Asks = ASKS, env: Env = {}, spec: V1Pod['spec'] = { containers: CONTAINERS }): V1Pod {
	const pod = podOf(asks, spec);
	return applied(pod, decide(pod, env));
}

/** What a further review makes of a pod; a third one must find nothing to do. */
function again(pod: V1Pod, env: Env = {}): V1Pod {
	const after = applied(pod, decide(pod, env));
	expect(decide(after, env)).toEqual({ kind: 'skip', reason: 'already-injected' });
	return after;
}

const fetcherOf = (pod: V1Pod, name = 'envtier-fetch'): V1Container => {
	const found = pod.spec?.initContainers?.find((container) => container.name === name);
	if (found === undefined) throw new Error('no fetcher');
	return found;
};
const containerOf = (pod: V1Pod, name: string): V1Container =>
	pod.spec?.containers.find((container) => container.name === name) ?? { name };
const annotate = (pod: V1Pod, annotations: Record<string, string>): void => {
	pod.metadata = { ...pod.metadata, annotations: { ...pod.metadata?.annotations, ...annotations } };
};
const variable = (pod: V1Pod, name: string): V1EnvVar | undefined =>
	fetcherOf(pod).env?.find((one) => one.name === name);

describe('what another webhook changed in our parts is changed back', () => {
	test.for<[string, (pod: V1Pod) => void]>([
		['a fetcher that was taken out', (pod) => pod.spec?.initContainers?.pop()],
		['all fetchers that were taken out', (pod) => Object.assign(pod.spec ?? {}, { initContainers: [] })],
		['the list of init containers', (pod) => delete pod.spec?.initContainers],
		['another program’s image', (pod) => Object.assign(fetcherOf(pod), { image: 'busybox:1' })],
		['no image', (pod) => delete fetcherOf(pod).image],
		['a command', (pod) => Object.assign(fetcherOf(pod), { command: ['true'] })],
		['arguments', (pod) => Object.assign(fetcherOf(pod), { args: ['-e', '0'] })],
		['a directory to start in', (pod) => Object.assign(fetcherOf(pod), { workingDir: '/app' })],
		[
			'variables from a ConfigMap',
			(pod) => Object.assign(fetcherOf(pod), { envFrom: [{ configMapRef: { name: 'own' } }] }),
		],
		['a lifecycle hook', (pod) => Object.assign(fetcherOf(pod), { lifecycle: { postStart: {} } })],
		['the end of waiting for it', (pod) => Object.assign(fetcherOf(pod), { restartPolicy: 'Always' })],
		[
			'rules by which its failure would not count',
			(pod) =>
				Object.assign(fetcherOf(pod), {
					restartPolicyRules: [{ action: 'Restart', exitCodes: { operator: 'In', values: [1] } }],
				}),
		],
		[
			'the address of Vault',
			(pod) => Object.assign(variable(pod, 'ENVTIER_VAULT_ADDR') ?? {}, { value: 'https://other.example' }),
		],
		[
			'a second variable of the same name, which would win',
			(pod) => fetcherOf(pod).env?.push({ name: 'ENVTIER_VAULT_ADDR', value: 'https://other.example' }),
		],
		[
			'a variable of ours that is taken from elsewhere',
			(pod) =>
				fetcherOf(pod).env?.push({
					name: 'ENVTIER_VAULT_ADDR',
					valueFrom: { configMapKeyRef: { name: 'own', key: 'addr' } },
				}),
		],
		[
			'a variable that we do not set',
			(pod) => fetcherOf(pod).env?.push({ name: 'ENVTIER_VAULT_INSECURE_HTTP', value: 'true' }),
		],
		['a variable that is gone', (pod) => fetcherOf(pod).env?.shift()],
		['all variables', (pod) => delete fetcherOf(pod).env],
		...[
			'NODE_OPTIONS',
			'NODE_EXTRA_CA_CERTS',
			'NODE_TLS_REJECT_UNAUTHORIZED',
			'LD_PRELOAD',
			'SSL_CERT_FILE',
			'BUN_OPTIONS',
		].map((name): [string, (pod: V1Pod) => void] => [
			`the variable ${name}`,
			(pod) => fetcherOf(pod).env?.push({ name, value: 'x' }),
		]),
		['its UID', (pod) => Object.assign(fetcherOf(pod).securityContext ?? {}, { runAsUser: 4711 })],
		['its rights', (pod) => Object.assign(fetcherOf(pod).securityContext ?? {}, { privileged: true })],
		['the whole of its rights', (pod) => delete fetcherOf(pod).securityContext],
		[
			'its capabilities',
			(pod) =>
				Object.assign(fetcherOf(pod).securityContext ?? {}, {
					capabilities: { drop: ['ALL'], add: ['SYS_PTRACE'] },
				}),
		],
		[
			'its seccomp profile',
			(pod) =>
				Object.assign(fetcherOf(pod).securityContext ?? {}, { seccompProfile: { type: 'Unconfined' } }),
		],
		[
			'its termination message file',
			(pod) => Object.assign(fetcherOf(pod), { terminationMessagePath: '/secrets/env' }),
		],
		[
			'where it writes',
			(pod) => {
				for (const mount of fetcherOf(pod).volumeMounts ?? [])
					if (mount.name === 'envtier-secrets') mount.name = 'data';
			},
		],
		[
			'a part of a volume in place of the whole',
			(pod) => Object.assign(fetcherOf(pod).volumeMounts?.[0] ?? {}, { subPath: 'x' }),
		],
		['its token', (pod) => fetcherOf(pod).volumeMounts?.pop()],
		[
			'a mount over our directory',
			(pod) => fetcherOf(pod).volumeMounts?.push({ name: 'own', mountPath: '/secrets/files' }),
		],
		['volumes that are gone', (pod) => Object.assign(pod.spec ?? {}, { volumes: [] })],
		['the list of volumes', (pod) => delete pod.spec?.volumes],
		[
			'a volume on disk in place of memory',
			(pod) => Object.assign(pod.spec?.volumes?.[0] ?? {}, { emptyDir: {} }),
		],
		[
			'a volume of the host in place of memory',
			(pod) => Object.assign(pod.spec?.volumes?.[0] ?? {}, { hostPath: { path: '/tmp' } }),
		],
		[
			'a token for somebody else',
			(pod) => {
				const source = pod.spec?.volumes?.at(-1)?.projected?.sources?.[0]?.serviceAccountToken;
				Object.assign(source ?? {}, { audience: 'https://kubernetes.default.svc' });
			},
		],
		[
			'a volume that nobody needs',
			(pod) => pod.spec?.volumes?.push({ name: 'envtier-secrets-7', emptyDir: {} }),
		],
		[
			'mounts that are gone',
			(pod) => {
				for (const container of pod.spec?.containers ?? []) delete container.volumeMounts;
			},
		],
		[
			'a mount that may be written to',
			(pod) => Object.assign(containerOf(pod, 'web').volumeMounts?.[0] ?? {}, { readOnly: false }),
		],
		[
			'a mount that was moved',
			(pod) => Object.assign(containerOf(pod, 'web').volumeMounts?.[0] ?? {}, { mountPath: '/elsewhere' }),
		],
		[
			'a mount of the token in a container of the application',
			(pod) => containerOf(pod, 'web').volumeMounts?.push({ name: 'envtier-token', mountPath: '/token' }),
		],
	])('%s', ([, change]) => {
		const before = injected();
		const pod = structuredClone(before);
		change(pod);
		expect(whole(again(pod))).toEqual(whole(before));
	});

	test('and whoever creates the pod is told what to leave out', () => {
		const pod = injected();
		Object.assign(fetcherOf(pod), { command: ['true'], envFrom: [{ secretRef: { name: 'all' } }] });
		const decision = decide(pod);
		expect(decision).toMatchObject({ kind: 'inject', reconciled: [expect.any(String), expect.any(String)] });
		expect(decision.kind === 'inject' && decision.warnings).toEqual([
			'Envtier removed what another webhook added to its parts (init container "envtier-fetch": command; init container "envtier-fetch": envFrom): exclude from that webhook containers whose names begin with "envtier-fetch" or "envtier-refresh"',
		]);
	});
});

describe('injection follows changes of another webhook to the pod', () => {
	test('a UID that a policy gave to the pod', () => {
		const pod = injected(ASKS, {}, { containers: [{ name: 'web', image: 'web:1' }] });
		expect(fetcherOf(pod).securityContext?.runAsUser).toBe(65532);
		Object.assign(pod.spec ?? {}, { securityContext: { runAsUser: 1000, runAsGroup: 3000 } });
		const after = again(pod);
		expect(fetcherOf(after).securityContext).toMatchObject({ runAsUser: 1000, runAsGroup: 3000 });
	});

	test('a UID that a policy gave to every container, ours among them', () => {
		const pod = injected();
		for (const container of [...(pod.spec?.initContainers ?? []), ...(pod.spec?.containers ?? [])])
			container.securityContext = { ...container.securityContext, runAsUser: 2000 };
		const after = again(pod);
		expect(after.spec?.initContainers?.map(({ name }) => name)).toEqual(['envtier-fetch']);
		expect(fetcherOf(after).securityContext?.runAsUser).toBe(2000);
		expect(after.spec?.volumes?.map(({ name }) => name)).toEqual(['envtier-secrets', 'envtier-token']);
		expect(containerOf(after, 'proxy').volumeMounts).toEqual(containerOf(after, 'web').volumeMounts);
	});

	test('root without the right to read, which a policy took away: refused with the container, the field and who did it', () => {
		const pod = injected();
		Object.assign(containerOf(pod, 'web'), {
			securityContext: { runAsUser: 0, capabilities: { drop: ['ALL'] } },
		});
		const decision = decide(pod);
		expect(decision).toMatchObject({ kind: 'reject', reason: 'root-without-override' });
		expect(decision.kind === 'reject' && decision.message).toMatch(
			/container "web" runs as root but drops CAP_DAC_OVERRIDE.* another webhook has changed it since/,
		);
	});

	test('a mount of its own that a webhook put over our directory in the application: refused with the container and who did it', () => {
		const pod = injected();
		containerOf(pod, 'web').volumeMounts?.push({ name: 'own', mountPath: '/secrets' });
		const decision = decide(pod);
		expect(decision).toMatchObject({ kind: 'reject', reason: 'mount-taken' });
		expect(decision.kind === 'reject' && decision.message).toMatch(
			/container "web" .* another webhook has changed it since/,
		);
	});

	test('a container that was renamed keeps its secrets', () => {
		const pod = injected();
		containerOf(pod, 'web').name = 'user-container';
		const after = again(pod);
		expect(containerOf(after, 'user-container').volumeMounts).toEqual([
			{ name: 'envtier-secrets', mountPath: '/secrets', readOnly: true },
		]);
	});
});

describe('the place among init containers', () => {
	const MIGRATE: V1Container = { ...WEB, name: 'migrate' };
	const names = (pod: V1Pod) => pod.spec?.initContainers?.map(({ name }) => name);
	const asks = { ...ASKS, containers: 'web, proxy, migrate' };
	const spec = { initContainers: [{ name: 'other', image: 'x:1' }, MIGRATE], containers: CONTAINERS };

	test('a chosen init container that was put before its fetcher comes after it again', () => {
		const pod = injected(asks, {}, spec);
		pod.spec?.initContainers?.reverse();
		expect(names(pod)).toEqual(['migrate', 'other', 'envtier-fetch-101', 'envtier-fetch']);
		const order = names(again(pod));
		expect(order).toEqual(['envtier-fetch', 'envtier-fetch-101', 'migrate', 'other']);
	});

	test('containers that a mesh puts before the fetcher stay there', () => {
		const pod = injected(asks, {}, spec);
		pod.spec?.initContainers?.unshift({ name: 'mesh-init', image: 'mesh:1' });
		expect(decide(pod)).toEqual({ kind: 'skip', reason: 'already-injected' });
	});

	test('with init-order last the fetchers come after what a mesh has added, too', () => {
		const pod = injected({ ...ASKS, 'init-order': 'last' }, {}, { ...spec, initContainers: [MIGRATE] });
		pod.spec?.initContainers?.push({ name: 'mesh', image: 'mesh:1', restartPolicy: 'Always' });
		expect(names(again(pod))).toEqual(['migrate', 'mesh', 'envtier-fetch', 'envtier-fetch-101']);
	});
});

describe('other settings', () => {
	test.for<[string, Env]>([
		['another address of Vault', { ENVTIER_VAULT_ADDR: 'https://vault.new.svc:8200' }],
		['another audience of the token', { ENVTIER_TOKEN_AUDIENCE: 'openbao' }],
		['an organization for everybody', { ENVTIER_DEFAULT_ORG: 'acme' }],
		['another role for everybody', { ENVTIER_DEFAULT_ROLE: 'shared' }],
		['another deadline', { ENVTIER_DEADLINE: '30' }],
		['another size of the volume', { ENVTIER_VOLUME_SIZE: '32Mi' }],
		['another image of the fetcher', { ENVTIER_FETCHER_IMAGE: 'registry.example.com/envtier/fetcher:2.0.0' }],
		['an image of another name', { ENVTIER_FETCHER_IMAGE: 'registry.example.com/envtier-fetcher:2.0.0' }],
	])('%s: the pod becomes what they make of it', ([, env]) => {
		expect(whole(again(injected(), env))).toEqual(whole(injected(ASKS, env)));
	});

	test('an image and resources that another webhook changed are kept', () => {
		const pod = injected();
		const image = `mirror.example.net/envtier/fetcher@sha256:${'0'.repeat(64)}`;
		Object.assign(fetcherOf(pod), { image, resources: { limits: { memory: '64Mi' } } });
		const after = again(pod, { ENVTIER_VAULT_ADDR: 'https://vault.new.svc:8200' });
		expect(fetcherOf(after)).toMatchObject({ image, resources: { limits: { memory: '64Mi' } } });
		expect(variable(after, 'ENVTIER_VAULT_ADDR')?.value).toBe('https://vault.new.svc:8200');
	});

	test('a pod of an older version with fewer fields in its status', () => {
		const pod = injected();
		annotate(pod, { [STATUS]: '{"fetchers":["envtier-fetch","envtier-fetch-101"]}' });
		pod.spec?.containers.push({ name: 'mesh', image: 'mesh:1' });
		const after = again(pod, { ENVTIER_DEADLINE: '30' });
		expect(containerOf(after, 'mesh')).toEqual({ name: 'mesh', image: 'mesh:1' });
		expect(variable(after, 'ENVTIER_DEADLINE')?.value).toBe('30');
	});
});

describe('a copy with other annotations is injected by its own annotations', () => {
	const SHELL = { containers: [{ ...WEB, command: ['node', 'web.js'] }] };
	test.for<[string, Asks, Asks]>([
		['another service', ASKS, { ...ASKS, service: 'other' }],
		['an organization', ASKS, { ...ASKS, org: 'acme' }],
		['a required key', ASKS, { ...ASKS, require: 'A' }],
		['another role', ASKS, { ...ASKS, role: 'other' }],
		['another format', ASKS, { ...ASKS, format: 'json' }],
		['another directory', ASKS, { ...ASKS, path: '/run/envtier' }],
		['a wrapper', ASKS, { ...ASKS, wrap: 'true' }],
		['no wrapper', { ...ASKS, wrap: 'true' }, ASKS],
		['a wrapper for another directory', { ...ASKS, wrap: 'true' }, { ...ASKS, wrap: 'true', path: '/run/x' }],
		['other parts', { ...ASKS, keys: 'A' }, { ...ASKS, 'keys.web': 'B' }],
		['variables', ASKS, { ...ASKS, env: 'TOKEN', format: 'shell' }],
		['other variables', { ...ASKS, env: 'TOKEN' }, { ...ASKS, env: 'OTHER' }],
		['no variables', { ...ASKS, env: 'TOKEN' }, ASKS],
	])('%s', ([, first, then]) => {
		const env = { ENVTIER_NATIVE_ENV: 'true' };
		const pod = injected(first, env, SHELL);
		const { [STATUS]: status = '' } = pod.metadata?.annotations ?? {};
		pod.metadata = { ...pod.metadata, annotations: { ...prefixed(then), [STATUS]: status } };
		const after = whole(again(pod, env));
		const fresh = whole(injected(then, env, SHELL));
		// Lists that have lost all that was in them stay, empty.
		const empty = <T>(list: readonly T[] | undefined) => (list?.length === 0 ? undefined : list);
		for (const one of [after, fresh])
			for (const container of one.spec?.containers ?? [])
				Object.assign(container, { env: empty(container.env), volumeMounts: empty(container.volumeMounts) });
		expect(after).toEqual(fresh);
	});

	test('a container that it names now', () => {
		const pod = injected();
		pod.spec?.containers.push({ ...WEB, name: 'worker' });
		annotate(pod, prefixed({ containers: 'web, proxy, worker' }));
		expect(containerOf(again(pod), 'worker').volumeMounts).toHaveLength(1);
	});
});

describe('native variables', () => {
	const env = { ENVTIER_NATIVE_ENV: 'true' };
	test.for<[string, (container: V1Container) => void]>([
		['that are gone', (container) => delete container.env],
		[
			'from another file',
			(container) => {
				for (const { valueFrom } of container.env ?? [])
					Object.assign(valueFrom?.fileKeyRef ?? {}, { path: 'env' });
			},
		],
		[
			'that may be missing',
			(container) => {
				for (const { valueFrom } of container.env ?? [])
					Object.assign(valueFrom?.fileKeyRef ?? {}, { optional: true });
			},
		],
		[
			'of which there are more',
			(container) =>
				container.env?.push({
					name: 'OTHER',
					valueFrom: { fileKeyRef: { volumeName: 'envtier-secrets', path: 'native.env', key: 'OTHER' } },
				}),
		],
	])('%s are as they were', ([, change]) => {
		const before = injected({ ...ASKS, env: 'TOKEN' }, env);
		const pod = structuredClone(before);
		for (const container of pod.spec?.containers ?? []) change(container);
		expect(whole(again(pod, env))).toEqual(whole(before));
	});

	test('a native variable with a value in the pod is refused', () => {
		const pod = injected({ ...ASKS, env: 'TOKEN' }, env);
		containerOf(pod, 'web').env?.push({ name: 'TOKEN', value: 'typed' });
		expect(decide(pod, env)).toMatchObject({ kind: 'reject', reason: 'variable-taken' });
	});
});

describe('a status annotation that a user writes grants nothing', () => {
	test.for<[string, string]>([
		['empty', ''],
		['no JSON', 'injected'],
		['null', 'null'],
		['a list', '["envtier-fetch"]'],
		['of no fetcher', '{"fetchers":[]}'],
		['of no list', '{"fetchers":"envtier-fetch","containers":{},"image":7}'],
		['of a container that gets none', '{"fetchers":["web"],"containers":["web"]}'],
		['deep', `{"fetchers":${'['.repeat(20_000)}${']'.repeat(20_000)}}`],
		[
			'of many fetchers',
			JSON.stringify({
				fetchers: Array.from({ length: 15_000 }, () => 'envtier-fetch'),
				containers: ['web'],
			}),
		],
	])('%s, on a pod that has none of our parts: it is injected like any', ([, status]) => {
		const pod = podOf(ASKS, { containers: CONTAINERS });
		annotate(pod, { [STATUS]: status });
		expect(again(pod)).toEqual(injected());
	});

	test('a fetcher among the containers of the application is refused', () => {
		const pod = injected();
		const fetcher = pod.spec?.initContainers?.shift();
		if (fetcher !== undefined) pod.spec?.containers.push(fetcher);
		expect(decide(pod)).toMatchObject({ kind: 'reject', reason: 'name-taken' });
	});

	test('too many injected parts are refused', () => {
		const pod = injected();
		const mount = { name: 'envtier-secrets', mountPath: '/x' };
		containerOf(pod, 'web').volumeMounts = Array.from({ length: 6001 }, () => mount);
		expect(decide(pod)).toMatchObject({ kind: 'reject', reason: 'too-large' });
	});
});
