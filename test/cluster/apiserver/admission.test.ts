import type { V1Pod } from '@kubernetes/client-node';
import { describe, expect, test } from 'vitest';
import { createPod, injectedInto, MAIN, podOf, secretMounts } from '../../support/kubernetes/pods.ts';
import { describeWithServers } from '../../support/servers.ts';
import { until } from '../../support/until.ts';

const ASKS = { org: 'acme', deployment: 'shop', service: 'web' };

describeWithServers('the webhook behind a real API server', ({ cluster }) => {
	describe('which pods it sees', () => {
		test('a pod without our annotations is stored as it was written', async () => {
			const namespace = await cluster.createNamespace();
			const { status, body, warnings } = await createPod(
				cluster,
				namespace,
				podOf({ annotations: { 'other.example/deployment': 'shop' } }),
			);
			expect(status).toBe(201);
			expect(warnings).toEqual([]);
			expect(body.spec?.initContainers).toBeUndefined();
			expect(secretMounts(body)).toEqual({});
			expect(body.metadata?.annotations).toEqual({ 'other.example/deployment': 'shop' });
		});

		test.each(['kube-system', 'kube-public', 'kube-node-lease', 'envtier-system'])(
			'pods of %s are left alone, whatever they say',
			async (namespace) => {
				await cluster.createNamespace({ name: namespace });
				const pod = podOf({ envtier: { ...ASKS, typo: 'x' } });
				const { status, body } = await createPod(cluster, namespace, pod, 'dryRun=All');
				expect(status, JSON.stringify(body)).toBe(201);
				expect(injectedInto(body)).toEqual([]);
			},
		);

		test('an annotation that is added later changes nothing: the pod runs already', async () => {
			const namespace = await cluster.createNamespace();
			await createPod(cluster, namespace, podOf({}));
			const { status, body } = await cluster.request<V1Pod>(
				'PATCH',
				`/api/v1/namespaces/${namespace}/pods/web`,
				{ metadata: { annotations: { 'envtier.dev/deployment': 'shop', 'envtier.dev/typo': 'x' } } },
				{ contentType: 'application/merge-patch+json' },
			);
			expect(status).toBe(200);
			expect(injectedInto(body)).toEqual([]);
		});

		test('dry-run shows what would be stored, and stores nothing', async () => {
			const namespace = await cluster.createNamespace();
			const { status, body } = await createPod(cluster, namespace, podOf({ envtier: ASKS }), 'dryRun=All');
			expect(status).toBe(201);
			expect(injectedInto(body)).toEqual(['envtier-fetch']);
			const read = await cluster.request('GET', `/api/v1/namespaces/${namespace}/pods/web`);
			expect(read.status).toBe(404);
		});

		test('a pod that a controller names (generateName) is injected', async () => {
			const namespace = await cluster.createNamespace();
			const pod = podOf({ envtier: ASKS });
			pod.metadata = { generateName: 'web-', annotations: pod.metadata?.annotations ?? {} };
			const { status, body } = await createPod(cluster, namespace, pod);
			expect(status).toBe(201);
			expect(injectedInto(body)).toEqual(['envtier-fetch']);
		});
	});

	describe('what people are told', () => {
		test('a misspelt annotation is refused with the name that was meant', async () => {
			const namespace = await cluster.createNamespace();
			const { status, body } = await createPod(
				cluster,
				namespace,
				podOf({ envtier: { deploymnet: 'shop' } }),
			);
			expect(status).toBe(403);
			expect(body.message).toContain('inject.envtier.dev');
			expect(body.message).toContain('envtier.dev/deploymnet');
			expect(body.message).toContain('envtier.dev/deployment');
		});

		test('a bad value is refused with what is accepted', async () => {
			const namespace = await cluster.createNamespace();
			const { status, body } = await createPod(
				cluster,
				namespace,
				podOf({ envtier: { deployment: '../shop' } }),
			);
			expect(status).toBe(403);
			expect(body.message).toMatch(/envtier\.dev\/deployment.*lower-case letters/);
		});

		test('a pod that says no UID gets a warning that kubectl prints', async () => {
			const namespace = await cluster.createNamespace();
			const { securityContext: _, ...container } = MAIN;
			const { status, warnings } = await createPod(
				cluster,
				namespace,
				podOf({ envtier: ASKS, spec: { containers: [container] } }),
			);
			expect(status).toBe(201);
			expect(warnings).toEqual([expect.stringMatching(/65532/)]);
		});

		test.skipIf(cluster.auditLog === undefined).each([
			[
				'an injection',
				ASKS,
				{ decision: 'inject', tiers: 'org,deployment,service', role: expect.stringMatching(/_default$/) },
			],
			['a refusal', { ...ASKS, tiers: 'galaxy' }, { decision: 'reject', reason: 'bad-annotation' }],
			['an opt-out', { ...ASKS, inject: 'false' }, { decision: 'skip', reason: 'opted-out' }],
		])('the audit log tells of %s', async (_, envtier, expected) => {
			const namespace = await cluster.createNamespace();
			await createPod(cluster, namespace, podOf({ envtier }));
			const event = await until('the audit event', async () =>
				(await cluster.auditEvents()).find(
					({ verb, objectRef }) => verb === 'create' && objectRef?.namespace === namespace,
				),
			);
			const ours = Object.entries(expected).map(([key, value]) => [`inject.envtier.dev/${key}`, value]);
			expect(event.annotations).toMatchObject(Object.fromEntries(ours));
		});
	});

	describe('Pod Security', () => {
		test('a namespace that enforces "restricted" accepts the injected pod', async () => {
			const labels = { 'pod-security.kubernetes.io/enforce': 'restricted' };
			const namespace = await cluster.createNamespace({ labels });
			const { status, body } = await createPod(cluster, namespace, podOf({ envtier: ASKS }));
			expect(status, JSON.stringify(body)).toBe(201);
			expect(injectedInto(body)).toEqual(['envtier-fetch']);
		});

		test('it still refuses what the pod itself does against it', async () => {
			const labels = { 'pod-security.kubernetes.io/enforce': 'restricted' };
			const namespace = await cluster.createNamespace({ labels });
			const { securityContext: _, ...container } = MAIN;
			const { status, body } = await createPod(
				cluster,
				namespace,
				podOf({ envtier: { ...ASKS, 'run-as-user': '1000' }, spec: { containers: [container] } }),
			);
			expect(status).toBe(403);
			expect(body.message).toContain('violates PodSecurity "restricted:latest"');
			expect(body.message).not.toContain('envtier-fetch');
		});
	});

	test('a service account without an automatic token still gets its token for Vault, and nothing else', async () => {
		const namespace = await cluster.createNamespace();
		const { body } = await createPod(
			cluster,
			namespace,
			podOf({ envtier: ASKS, spec: { automountServiceAccountToken: false } }),
		);
		expect(body.spec?.volumes?.map(({ name }) => name)).toEqual(
			expect.arrayContaining(['envtier-secrets', 'envtier-token']),
		);
		expect(body.spec?.volumes).toHaveLength(2);
		expect(body.spec?.containers[0]?.volumeMounts?.map(({ name }) => name)).toEqual(['envtier-secrets']);
	});
});
