import type { V1Container } from '@kubernetes/client-node';
import { expect, test } from 'vitest';
import { kubectlFor } from '../../support/kubernetes/kubectl.ts';
import { MAIN } from '../../support/kubernetes/pods.ts';
import { runPod } from '../../support/kubernetes/run-pod.ts';
import { describeWithNode } from '../../support/node-servers.ts';
import { create, untilDescribed } from './support/observe.ts';
import { makeTenant } from './support/tenant.ts';

/** No shell takes part: the program prints what the kernel gave it. */
const PRINTS_ENV: V1Container = { ...MAIN, image: 'localhost/busybox:1', command: ['/bin/env'] };
const NATIVE = { format: 'none', env: 'LEVEL, PGPASSWORD=POSTGRES_PASSWORD' };

describeWithNode('native environment variables', (servers) => {
	const { cluster } = servers;
	const kubectl = kubectlFor(servers.kubectl, cluster);

	test('reach a program of any user without shell or mount, under the names that were asked for', async () => {
		const secrets = { POSTGRES_PASSWORD: 'two words\n$HOME `and` "more" \\ ünïcode' };
		const tenant = await makeTenant(servers, { secrets });
		const other = { ...MAIN.securityContext, runAsUser: 54321, runAsGroup: 54321 };
		const { pod, log } = await runPod(
			cluster,
			tenant.namespace,
			tenant.pod(
				{
					automountServiceAccountToken: false,
					containers: [{ ...PRINTS_ENV, securityContext: other }],
				},
				NATIVE,
			),
		);
		expect(pod.status?.phase).toBe('Succeeded');
		expect(log).toContain('LEVEL=debug\n');
		expect(log).toContain(`PGPASSWORD=${secrets.POSTGRES_PASSWORD}\n`);
		expect(log).not.toMatch(/^(POSTGRES_PASSWORD|REGION|GREETING)=/m);
		expect(pod.spec?.containers[0]?.volumeMounts ?? []).toEqual([]);
	});

	test('an image without a user of its own to name reads them as well', async () => {
		const tenant = await makeTenant(servers, { secrets: { POSTGRES_PASSWORD: 'plain' } });
		const { log } = await runPod(
			cluster,
			tenant.namespace,
			tenant.pod(
				{ containers: [{ name: 'main', image: 'localhost/busybox:1', command: ['/bin/env'] }] },
				NATIVE,
			),
		);
		expect(log).toContain('PGPASSWORD=plain\n');
	});

	test('a value that the kubelet cannot read is refused, and kubectl describe pod names its key', async () => {
		const tenant = await makeTenant(servers, { secrets: { POSTGRES_PASSWORD: "it's told nobody" } });
		const pod = tenant.pod({ restartPolicy: 'Never', containers: [PRINTS_ENV] }, NATIVE);
		await create(cluster, `/api/v1/namespaces/${tenant.namespace}/pods`, pod);
		const shown = await untilDescribed(
			kubectl,
			tenant.namespace,
			['pod', 'app'],
			'secret-unusable: POSTGRES_PASSWORD of the deployment tier holds a single quote, which the kubelet’s env files can’t',
		);
		expect(shown).toContain('Exit Code: 27');
		expect(shown).not.toContain('told nobody');
	});
});
