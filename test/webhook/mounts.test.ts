import type { V1Volume, V1VolumeMount } from '@kubernetes/client-node';
import { describe, expect, test } from 'vitest';
import { admit } from '../../webhook/admission/admit.ts';
import { ASKS, podOf, WEB } from './support/pods.ts';
import { request } from './support/request.ts';
import { settings } from './support/settings.ts';

const VOLUMES: V1Volume[] = [
	{ name: 'data', emptyDir: {} },
	{ name: 'config', configMap: { name: 'config' } },
	{ name: 'secret', secret: { secretName: 'secret' } },
	{ name: 'info', downwardAPI: { items: [] } },
	{ name: 'all', projected: { sources: [] } },
	{ name: 'files', image: { reference: 'files:1' } },
];

/** Why a pod whose container has this mount is refused; undefined when it is not. */
function refusal(
	mount: V1VolumeMount,
	path: string | undefined,
): { reason: string; message: string } | undefined {
	const pod = podOf(path === undefined ? ASKS : { ...ASKS, path }, {
		containers: [{ ...WEB, volumeMounts: [mount] }],
		volumes: VOLUMES,
	});
	const decision = admit(request(pod), settings().injection);
	return decision.kind === 'reject' ? decision : undefined;
}

describe('a mount that is in the way is refused', () => {
	test.for<readonly [string, string, string | undefined]>([
		['at our directory', '/secrets', undefined],
		['at our directory with a slash behind', '/secrets/', undefined],
		['at our directory with doubled slashes', '//secrets', undefined],
		['at our directory with a dot in its path', '/./secrets/.', undefined],
		['at our directory by way of another', '/data/../secrets', undefined],
		['at our directory, relative to the root as the kubelet takes it', 'secrets', undefined],
		['inside our directory', '/secrets/tls', undefined],
		['deep inside our directory', '/run/envtier/a/b/c', '/run/envtier'],
	])('%s', ([, mountPath, path]) => {
		const found = refusal({ name: 'data', mountPath }, path);
		expect(found?.reason).toBe('mount-taken');
		expect(found?.message).toContain('container "web"');
		expect(found?.message).toContain(JSON.stringify(mountPath));
		expect(found?.message).toContain('envtier.dev/path');
	});
});

describe('a mount path inside a read-only mount is refused', () => {
	test.for<readonly [string, Partial<V1VolumeMount>]>([
		['a ConfigMap', { name: 'config' }],
		['a Secret', { name: 'secret' }],
		['a downward API volume', { name: 'info' }],
		['a projected volume', { name: 'all' }],
		['an image', { name: 'files' }],
		['a volume mounted read-only', { name: 'data', readOnly: true }],
	])('%s', ([, mount]) => {
		const found = refusal({ mountPath: '/etc/app', name: '', ...mount }, '/etc/app/secrets');
		expect(found?.reason).toBe('mount-taken');
		expect(found?.message).toMatch(/container "web" .*"\/etc\/app".* read-only.*envtier\.dev\/path/);
	});
});

describe('in most images /var/run is a link to /run', () => {
	const LINK = '(in most images /var/run is a link to /run)';
	test.for<readonly [sentence: string, mount: V1VolumeMount, path: string, says: boolean]>([
		['a mount at what the link makes of ours', { name: 'data', mountPath: '/run/app' }, '/var/run/app', true],
		['a mount at what the link makes ours', { name: 'data', mountPath: '/var/run/app' }, '/run/app', true],
		[
			'the token that the application has, below ours',
			{ name: 'all', mountPath: '/var/run/secrets/kubernetes.io/serviceaccount' },
			'/run/secrets',
			true,
		],
		['something read-only above', { name: 'config', mountPath: '/run' }, '/var/run/app', true],
		['the same path', { name: 'data', mountPath: '/var/run/app' }, '/var/run/app', false],
	])('%s is in the way', ([, mount, path, says]) => {
		const found = refusal(mount, path);
		expect(found?.reason).toBe('mount-taken');
		expect(found?.message.includes(LINK)).toBe(says);
	});

	test.for<readonly [sentence: string, mountPath: string, path: string]>([
		['beside it', '/var/run/secrets/kubernetes.io/serviceaccount', '/run/secrets/app'],
		['whose name only starts alike', '/var/running/app', '/run/app'],
		['of another /run', '/data/var/run/app', '/run/app'],
	])('a mount %s is not', ([, mountPath, path]) =>
		expect(refusal({ name: 'data', mountPath }, path)).toBeUndefined(),
	);
});

describe('a mount that is not in the way is no reason to refuse', () => {
	test.for<readonly [string, string, string | undefined, string]>([
		['beside our directory', '/data', undefined, 'data'],
		['whose path starts alike', '/secrets2', undefined, 'data'],
		['whose path ends alike', '/var/secrets', undefined, 'data'],
		['above our directory, writable', '/run', '/run/envtier', 'data'],
		['read-only, where our directory only starts alike', '/etc/app', '/etc/app-secrets', 'config'],
	])('%s', ([, mountPath, path, name]) => expect(refusal({ name, mountPath }, path)).toBeUndefined());

	test('in a container that gets no files', () => {
		const own = { ...WEB, name: 'own', volumeMounts: [{ name: 'data', mountPath: '/secrets' }] };
		const pod = podOf({ ...ASKS, containers: 'web' }, { containers: [WEB, own], volumes: VOLUMES });
		expect(admit(request(pod), settings().injection).kind).toBe('inject');
	});

	test('when native variables alone are asked for', () => {
		const own = { ...WEB, volumeMounts: [{ name: 'data', mountPath: '/secrets' }] };
		const pod = podOf({ ...ASKS, env: 'TOKEN' }, { containers: [own], volumes: VOLUMES });
		expect(admit(request(pod), settings({ ENVTIER_NATIVE_ENV: 'true' }).injection).kind).toBe('inject');
	});
});

test('the name of an ephemeral container is reserved as well', () => {
	const pod = podOf(ASKS, { ephemeralContainers: [{ name: 'envtier-fetch', image: 'debug:1' }] });
	expect(admit(request(pod), settings().injection)).toMatchObject({ kind: 'reject', reason: 'name-taken' });
});
