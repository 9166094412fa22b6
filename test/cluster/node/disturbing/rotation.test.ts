import { expect, test } from 'vitest';
import { certs, flow, readPair } from '../../../certs/support.ts';
import { refusalOf } from '../../../support/kubernetes/pods.ts';
import { describeWithNode } from '../../../support/node-servers.ts';

describeWithNode('a rotation of the certificate', ({ cluster }) => {
	test('sees every replica through the API server, and refuses no pod meanwhile', async () => {
		const namespace = await cluster.createNamespace();
		const before = await readPair(cluster);
		const pods = flow(() => refusalOf(cluster, namespace));
		const { code, stdout, stderr } = await certs(cluster.kubeconfig);
		expect(await pods.stop()).toEqual([]);
		expect(pods.done()).toBeGreaterThan(100);
		expect([code, stderr, stdout]).toEqual([
			0,
			expect.stringMatching(/\n2 of 2 replicas show the new certificate\n/),
			expect.stringMatching(/^Done/),
		]);
		expect((await readPair(cluster))?.certificate).not.toBe(before?.certificate);
	}, 240_000);
});
