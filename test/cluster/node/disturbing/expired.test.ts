import type { V1Secret } from '@kubernetes/client-node';
import { expect, onTestFailed, test } from 'vitest';
import { expectStatus } from '../../../support/kubernetes/cluster.ts';
import { kubectlFor } from '../../../support/kubernetes/kubectl.ts';
import { makeCertificate, untilServing } from '../../../support/kubernetes/node/install.ts';
import { createPod, MAIN } from '../../../support/kubernetes/pods.ts';
import { runPod } from '../../../support/kubernetes/run-pod.ts';
import { describeWithNode } from '../../../support/node-servers.ts';
import { patternOf, SYMPTOMS } from '../../../support/symptoms.ts';
import { makeAuthority } from '../../../support/tls.ts';
import { until } from '../../../support/until.ts';
import { untilDescribed, untilPrinted } from '../support/observe.ts';
import { makeTenant } from '../support/tenant.ts';

const NAME = 'app.kubernetes.io/name=envtier-webhook';
const SECRET = '/api/v1/namespaces/envtier-system/secrets/envtier-webhook-tls';
/** Long enough for the replicas to start with it. */
const LIFE_MS = 35_000;
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
		kubectl('-n', 'envtier-system', 'delete', 'pods', '-l', NAME, '--grace-period=0', '--force');
	const certificate = async (): Promise<string | undefined> =>
		expectStatus(await cluster.request<V1Secret>('GET', SECRET), 200, 'reading the Secret').data?.['tls.crt'];

	/** Also for the sake of the tests that come after a failure of this one. */
	async function mend(stale: string | undefined): Promise<void> {
		const made = makeCertificate(cluster.kubeconfig);
		// Meanwhile, so that nobody waits for the kubelet to hand the Secret out.
		await Promise.all([
			made,
			until('the new Secret', async () => (await certificate()) !== stale, SLOW).then(replicasAnew),
		]);
		await untilServing(cluster);
	}

	test('takes its replica out of service, stops annotated pods alone, and is mended by deploy/certs', async () => {
		const tenant = await makeTenant(servers);
		const pod = tenant.pod({ restartPolicy: 'Never', containers: [app('. /secrets/env; echo "$LEVEL"')] });
		const refused = async (text: string): Promise<void> => {
			const tried = async () => (await createPod(cluster, tenant.namespace, pod, 'dryRun=All')).body.message;
			await until(
				`a refusal that says "${text}"`,
				async () => patternOf(text).test((await tried()) ?? ''),
				SLOW,
			);
		};
		const authority = await makeAuthority();
		const names = ['envtier-webhook.envtier-system.svc'];
		const notAfter = new Date(Date.now() + LIFE_MS);
		const leaf = await authority.issue({ names, notAfter });
		const stringData = { 'tls.crt': leaf.certPem, 'tls.key': leaf.keyPem, 'ca.crt': authority.certPem };
		const merge = { contentType: 'application/merge-patch+json' };
		expectStatus(await cluster.request('PATCH', SECRET, { stringData }, merge), 200, 'patching the Secret');
		const stale = await certificate();
		onTestFailed(() => mend(stale));
		await replicasAnew();
		// While it holds: the webhook configuration knows another CA.
		await refused(SYMPTOMS['the webhook configuration trusts another CA than the certificate’s'].shown[0]);

		const [unready] = SYMPTOMS['the certificate ends while it is served'].shown;
		const replicas = ['get', 'events', '-n', 'envtier-system'];
		await until('the certificate to have ended', () => Date.now() > notAfter.getTime(), SLOW);
		// Those of other tests, and of replicas that were shutting down, say the same.
		await kubectl('delete', 'events', '--all', '-n', 'envtier-system');
		await untilPrinted(kubectl, replicas, patternOf(unready));
		await refused('dial tcp {address}: connect: connection refused');

		await replicasAnew();
		const [words, event] = SYMPTOMS['a replica starts with a certificate that has ended'].shown;
		await untilDescribed(kubectl, 'envtier-system', ['pods'], patternOf(words));
		await untilPrinted(kubectl, replicas, patternOf(event));
		const other = await runPod(cluster, tenant.namespace, {
			metadata: { name: 'other' },
			spec: { containers: [app('echo started')] },
		});
		expect(other.log).toBe('started\n');

		await mend(stale);
		const { log } = await runPod(cluster, tenant.namespace, pod);
		expect(log).toBe('debug\n');
	}, 400_000);
});
