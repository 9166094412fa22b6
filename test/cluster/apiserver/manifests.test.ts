import { join } from 'node:path';
import type { V1Deployment } from '@kubernetes/client-node';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { type ApiServer, startApiServer } from '../../support/kubernetes/apiserver.ts';
import { type Kubectl, kubectlFor } from '../../support/kubernetes/kubectl.ts';
import { preparePrograms } from '../../support/kubernetes/programs.ts';
import { describeWithServers } from '../../support/servers.ts';

const MANIFESTS = join(import.meta.dirname, '../../../deploy/manifests');

// An API server of its own: the shared one has a registration that leads elsewhere.
describeWithServers('deploy/manifests', () => {
	let cluster: ApiServer;
	let kubectl: Kubectl;
	beforeAll(async () => {
		const programs = await preparePrograms(['kubectl']);
		if (!programs.ok) throw new Error(programs.error);
		const started = await startApiServer();
		if (!started.ok) throw new Error(started.error);
		cluster = started.value;
		kubectl = kubectlFor(programs.value.kubectl, cluster);
	});
	afterAll(() => cluster?.stop());

	test.each(['base', 'overlays/trial', 'overlays/production'])(
		'kubectl apply -k %s is all it takes, without a warning, and leaves nothing to apply',
		async (folder) => {
			const applied = await kubectl('apply', '-k', join(MANIFESTS, folder));
			expect(applied.stderr).toBe('');
			expect(applied.code).toBe(0);
			const difference = await kubectl('diff', '-k', join(MANIFESTS, folder));
			expect(difference.stdout + difference.stderr).toBe('');
			expect(difference.code).toBe(0);
		},
	);

	test('the namespace accepts the webhook’s own pods under Pod Security "restricted"', async () => {
		await cluster.createNamespace({ name: 'envtier-system' });
		const path = '/apis/apps/v1/namespaces/envtier-system/deployments/envtier-webhook';
		const { body } = await cluster.request<V1Deployment>('GET', path);
		const { metadata, spec } = body.spec?.template ?? {};
		const pod = await cluster.request('POST', '/api/v1/namespaces/envtier-system/pods', {
			metadata: { ...metadata, generateName: 'envtier-webhook-' },
			spec,
		});
		expect(pod.status, JSON.stringify(pod.body)).toBe(201);
		expect(pod.warnings).toEqual([]);
	});
});
