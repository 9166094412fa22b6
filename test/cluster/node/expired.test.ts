import type { V1Secret } from '@kubernetes/client-node';
import { expect, test } from 'vitest';
import { expectStatus } from '../../support/kubernetes/cluster.ts';
import { kubectlFor } from '../../support/kubernetes/kubectl.ts';
import { makeCertificate, untilServing } from '../../support/kubernetes/node/install.ts';
import { createPod, MAIN, podOf } from '../../support/kubernetes/pods.ts';
import { runPod } from '../../support/kubernetes/run-pod.ts';
import { describeWithNode } from '../../support/node-servers.ts';
import { makeAuthority } from '../../support/tls.ts';
import { until } from '../../support/until.ts';
import { makeTenant } from './support/tenant.ts';

const SECRET = '/api/v1/namespaces/envtier-system/secrets/envtier-webhook-tls';
const SLOW = { timeoutMs: 100_000, everyMs: 300 } as const;
const app = (script: string) => ({
	...MAIN,
	image: 'localhost/busybox:1',
	command: ['sh', '-ec', script],
});

describeWithNode('an expired serving certificate', (servers) => {
	const { cluster } = servers;
	const kubectl = kubectlFor(servers.kubectl, cluster);
	const replicasAnew = () =>
		kubectl('-n', 'envtier-system', 'delete', 'pods', '--all', '--grace-period=0', '--force');
	const certificate = async (): Promise<string | undefined> =>
		expectStatus(await cluster.request<V1Secret>('GET', SECRET), 200, 'reading the Secret').data?.['tls.crt'];

	test('is told by the log, stops annotated pods alone, and is mended by deploy/certs', async () => {
		const tenant = await makeTenant(servers);
		const pod = podOf({ name: 'app', spec: { containers: [app('. /secrets/env; echo "$LEVEL"')] } });
		const annotated = { ...pod, metadata: { ...pod.metadata, annotations: tenant.annotations() } };
		const authority = await makeAuthority();
		const names = ['envtier-webhook.envtier-system.svc'];
		const expired = await authority.issue({ names, expired: true });
		const stringData = {
			'tls.crt': expired.certPem,
			'tls.key': expired.keyPem,
			'ca.crt': authority.certPem,
		};
		const merge = { contentType: 'application/merge-patch+json' };
		expectStatus(await cluster.request('PATCH', SECRET, { stringData }, merge), 200, 'patching the Secret');
		const stale = await certificate();
		await replicasAnew();
		await until(
			'the log to say that the certificate has expired',
			async () => {
				const { stdout } = await kubectl('-n', 'envtier-system', 'logs', 'deployment/envtier-webhook');
				return stdout.includes('which has passed');
			},
			SLOW,
		);
		const { status, body } = await createPod(cluster, tenant.namespace, annotated);
		expect(status).toBe(500);
		expect(body.message).toContain('failed calling webhook "inject.envtier.dev"');
		const other = await runPod(cluster, tenant.namespace, {
			metadata: { name: 'other' },
			spec: { containers: [app('echo started')] },
		});
		expect(other.log).toBe('started\n');

		const made = makeCertificate(cluster.kubeconfig);
		// Meanwhile, so that nobody waits for the kubelet to hand the Secret out.
		await Promise.all([
			made,
			until('the new Secret', async () => (await certificate()) !== stale, SLOW).then(replicasAnew),
		]);
		await untilServing(cluster);
		const { log } = await runPod(cluster, tenant.namespace, {
			metadata: { name: 'app', annotations: tenant.annotations() },
			spec: { containers: [app('. /secrets/env; echo "$LEVEL"')] },
		});
		expect(log).toBe('debug\n');
	}, 400_000);
});
