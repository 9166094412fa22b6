import type { V1EphemeralContainer, V1Pod, V1PodSpec } from '@kubernetes/client-node';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type ApiServer, startApiServer } from '../../support/kubernetes/apiserver.ts';
import { expectStatus } from '../../support/kubernetes/cluster.ts';
import { createPod, podOf } from '../../support/kubernetes/pods.ts';
import { applyEphemeralContainersPolicy } from '../../support/kubernetes/require-injection.ts';
import { registerWebhook } from '../../support/kubernetes/webhook-configuration.ts';
import { describeWithServers } from '../../support/servers.ts';
import { until } from '../../support/until.ts';
import { type RunningWebhook, startWebhook } from '../../support/webhook.ts';

const STRATEGIC = { contentType: 'application/strategic-merge-patch+json' };
const REFUSED = /ValidatingAdmissionPolicy 'envtier-ephemeral-containers' .* denied request: /;

type Debugger = Omit<V1EphemeralContainer, 'name'> & { readonly name?: string };

const as = (runAsUser: number, capabilities: object = {}): Debugger => ({
	securityContext: { runAsUser, capabilities },
});
const mount = (name: string): Debugger => ({ volumeMounts: [{ name, mountPath: '/mnt' }] });

// An API server of its own: elsewhere ephemeral containers are left alone.
describeWithServers('the policy about ephemeral containers', () => {
	let cluster: ApiServer;
	let webhook: RunningWebhook;
	beforeAll(async () => {
		const started = await startApiServer();
		if (!started.ok) throw new Error(started.error);
		cluster = started.value;
		await applyEphemeralContainersPolicy(cluster);
		webhook = await startWebhook({ ENVTIER_VAULT_ADDR: 'https://vault.example:8200' });
		await registerWebhook(cluster, webhook);
		const probe = await runningPod({});
		await until('the policy to be in force', async () =>
			REFUSED.test((await debug(probe, mount('envtier-token'))).body.message ?? ''),
		);
	});
	afterAll(async () => {
		await webhook?.stop();
		await cluster?.stop();
	});

	/** Creates an injected pod with two users; returns its path. */
	async function runningPod(
		spec: Partial<V1PodSpec>,
		envtier: Readonly<Record<string, string>> = { refresh: 'true', containers: 'main' },
	): Promise<string> {
		const namespace = await cluster.createNamespace();
		const asked = podOf({ envtier: { deployment: 'shop', ...envtier } });
		const [main] = asked.spec?.containers ?? [];
		const containers = [{ name: '', image: '', ...main, securityContext: { runAsUser: 1000 } }];
		const made = await createPod(cluster, namespace, {
			...asked,
			spec: { ...asked.spec, containers, ...spec },
		});
		const { metadata } = expectStatus(made, 201, 'creating the pod');
		return `/api/v1/namespaces/${namespace}/pods/${metadata?.name}`;
	}

	/** What `kubectl debug` sends. */
	function debug(path: string, container: Debugger, query = 'dryRun=All') {
		const ephemeralContainers = [{ name: 'debugger', image: 'registry.example/sh:1', ...container }];
		return cluster.request<V1Pod & { message?: string }>(
			'PATCH',
			`${path}/ephemeralcontainers?${query}`,
			{ spec: { ephemeralContainers } },
			STRATEGIC,
		);
	}

	const SHARED = { shareProcessNamespace: true };
	const cases: readonly (readonly [string, Partial<V1PodSpec>, Debugger, RegExp | undefined])[] = [
		['without a mount is accepted', {}, {}, undefined],
		['that mounts the files of the application is accepted', {}, mount('envtier-secrets'), undefined],
		['that targets the application is accepted', {}, { targetContainerName: 'main' }, undefined],
		['that mounts the token is refused', {}, mount('envtier-token'), /mounts "envtier-token" or/],
		['that mounts the private volume is refused', {}, mount('envtier-private'), /or "envtier-private"/],
		[
			'that targets the sidecar is refused',
			{},
			{ targetContainerName: 'envtier-refresh' },
			/targets "envtier-refresh" and could read/,
		],
		[
			'that targets the fetcher is refused',
			{},
			{ targetContainerName: 'envtier-fetch' },
			/targets "envtier-fetch"/,
		],
		['of another user is accepted in a shared process namespace', SHARED, as(2000), undefined],
		[
			'of root without capabilities is accepted in a shared process namespace',
			SHARED,
			as(0, { drop: ['ALL'] }),
			undefined,
		],
		[
			'of the user of the sidecar is refused in a shared process namespace',
			SHARED,
			as(1000),
			/set its runAsUser/,
		],
		['without a user is refused in a shared process namespace', SHARED, {}, /set its runAsUser/],
		['of root is refused in a shared process namespace', SHARED, as(0), /set its runAsUser/],
		[
			'of root that adds SETUID again is refused in a shared process namespace',
			SHARED,
			as(0, { drop: ['ALL'], add: ['SETUID'] }),
			/set its runAsUser/,
		],
		[
			'that may trace processes is refused in a shared process namespace',
			SHARED,
			as(2000, { add: ['SYS_PTRACE'] }),
			/set its runAsUser/,
		],
		[
			'with all privileges is refused in a shared process namespace',
			SHARED,
			{ securityContext: { runAsUser: 2000, privileged: true } },
			/set its runAsUser/,
		],
		['of the user of the sidecar is accepted in a process namespace of its own', {}, as(1000), undefined],
	];
	test.each(cases)('an ephemeral container %s', async (_, spec, container, refused) => {
		const { status, body } = await debug(await runningPod(spec), container);
		if (refused === undefined) expect(status, body.message).toBe(200);
		else {
			expect([status, body.message]).toEqual([422, expect.stringMatching(REFUSED)]);
			expect(body.message).toMatch(refused);
		}
	});

	test('an ephemeral container of a pod without refresh cannot mount the token either', async () => {
		const path = await runningPod({}, {});
		expect((await debug(path, mount('envtier-token'))).body.message).toMatch(REFUSED);
		expect((await debug(path, {})).status).toBe(200);
	});

	describe('leaves alone', () => {
		test('a pod that was not injected, whatever its volumes are named', async () => {
			const path = await runningPod(
				{ volumes: [{ name: 'envtier-token', emptyDir: {} }] },
				{ inject: 'false' },
			);
			const { status, body } = await debug(path, mount('envtier-token'));
			expect(status, body.message).toBe(200);
		});

		test('an ephemeral container that was there before the policy', async () => {
			const path = await runningPod({});
			const policy =
				'/apis/admissionregistration.k8s.io/v1/validatingadmissionpolicybindings/envtier-ephemeral-containers';
			const { body: binding } = await cluster.request<object>('GET', policy);
			await cluster.request('DELETE', policy);
			await until(
				'the policy to be gone',
				async () => (await debug(path, { name: 'first', ...mount('envtier-token') }, '')).status === 200,
			);
			const again = { ...binding, metadata: { name: 'envtier-ephemeral-containers' } };
			await cluster.request('POST', policy.replace(/\/[^/]+$/, ''), again);
			await until('the policy to be back', async () =>
				REFUSED.test((await debug(path, { name: 'second', ...mount('envtier-token') })).body.message ?? ''),
			);
			const { status, body } = await debug(path, { name: 'second' });
			expect(status, body.message).toBe(200);
		});
	});
});
