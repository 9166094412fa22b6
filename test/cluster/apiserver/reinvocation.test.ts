import { expect, test } from 'vitest';
import { createPod, injectedInto, MAIN, podOf, secretMounts } from '../../support/kubernetes/pods.ts';
import { startSidecarWebhook } from '../../support/kubernetes/sidecar-webhook.ts';
import { describeWithServers } from '../../support/servers.ts';
import { until } from '../../support/until.ts';

const ASKS = { org: 'acme', deployment: 'shop', service: 'web' };
const SIDECAR = { ...MAIN, name: 'mesh-proxy', image: 'registry.example/mesh:1' };

describeWithServers('beside another webhook that adds a sidecar', ({ cluster }) => {
	test('a sidecar that came before us gets the files like every container', async () => {
		const namespace = await cluster.createNamespace();
		const name = `a-mesh-${namespace}`;
		const mesh = await startSidecarWebhook(cluster, { name, namespace, sidecar: SIDECAR });
		try {
			const { status, body } = await createPod(cluster, namespace, podOf({ envtier: ASKS }));
			expect(status, JSON.stringify(body)).toBe(201);
			expect(injectedInto(body)).toEqual(['envtier-fetch']);
			expect(secretMounts(body)).toEqual({ main: '/secrets', 'mesh-proxy': '/secrets' });
		} finally {
			await mesh.stop();
		}
	});

	test('a sidecar that came after us makes the API server ask again: nothing is injected twice', async () => {
		const namespace = await cluster.createNamespace();
		const name = `z-mesh-${namespace}`;
		const mesh = await startSidecarWebhook(cluster, { name, namespace, sidecar: SIDECAR });
		try {
			const { status, body } = await createPod(cluster, namespace, podOf({ envtier: ASKS }));
			expect(status, JSON.stringify(body)).toBe(201);
			expect(body.spec?.containers.map((container) => container.name)).toEqual(['main', 'mesh-proxy']);
			expect(injectedInto(body)).toEqual(['envtier-fetch']);
			const ours = body.spec?.volumes?.filter((volume) => volume.name.startsWith('envtier-'));
			expect(ours?.map((volume) => volume.name)).toEqual(['envtier-secrets', 'envtier-token']);
			expect(secretMounts(body)).toEqual({ main: '/secrets' });
		} finally {
			await mesh.stop();
		}
	});

	test.skipIf(cluster.auditLog === undefined)('the audit log shows that it did ask twice', async () => {
		const namespace = await cluster.createNamespace();
		const name = `z-mesh-${namespace}`;
		const mesh = await startSidecarWebhook(cluster, { name, namespace, sidecar: SIDECAR });
		try {
			await createPod(cluster, namespace, podOf({ envtier: ASKS }));
			const event = await until('the audit event', async () =>
				(await cluster.auditEvents()).find(
					({ objectRef, requestURI }) => objectRef?.namespace === namespace && !requestURI.includes('dryRun'),
				),
			);
			const rounds = Object.keys(event.annotations ?? {}).filter((key) =>
				key.startsWith('mutation.webhook.admission.k8s.io/'),
			);
			const asked = rounds.filter((key) => event.annotations?.[key]?.includes('inject.envtier.dev'));
			expect(asked).toHaveLength(2);
		} finally {
			await mesh.stop();
		}
	});

	test('a pod that a controller copied from an injected one is accepted as it is', async () => {
		const namespace = await cluster.createNamespace();
		const first = await createPod(cluster, namespace, podOf({ envtier: ASKS }));
		const { metadata, spec } = first.body;
		const copy = {
			metadata: { name: 'copy', annotations: metadata?.annotations ?? {} },
			...(spec === undefined ? {} : { spec }),
		};
		const { status, body } = await createPod(cluster, namespace, copy);
		expect(status, JSON.stringify(body)).toBe(201);
		expect(body.spec?.initContainers).toEqual(spec?.initContainers);
		expect(body.spec?.volumes).toEqual(spec?.volumes);
	});
});
