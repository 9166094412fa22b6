import { afterEach, expect, test } from 'vitest';
import { expectStatus } from '../../../support/kubernetes/cluster.ts';
import { kubectlFor } from '../../../support/kubernetes/kubectl.ts';
import { createPod, MAIN } from '../../../support/kubernetes/pods.ts';
import { untilReady } from '../../../support/kubernetes/run-pod.ts';
import { describeWithNode } from '../../../support/node-servers.ts';
import { must, putSecret } from '../../../support/openbao-setup.ts';
import { until } from '../../../support/until.ts';
import { podsOf, untilLogged } from '../support/observe.ts';
import { makeTenant } from '../support/tenant.ts';

const SCRIPT =
	'. /secrets/env; echo "sourced $LEVEL"; trap "exit 0" TERM; while :; do sleep 1 & wait $! || true; done';
const app = { ...MAIN, image: 'localhost/busybox:1', command: ['sh', '-ec', SCRIPT] };

describeWithNode('a pod that restarts its containers in place', (servers) => {
	const { cluster, vault, vaultUnsealKey } = servers;
	const kubectl = kubectlFor(servers.kubectl, cluster);
	const unseal = () => must(vault, 'PUT', 'sys/unseal', { body: { key: vaultUnsealKey } });

	afterEach(unseal);

	test('starts again with the new values although Vault is sealed right before the restart', async () => {
		const tenant = await makeTenant(servers);
		const { namespace } = tenant;
		const other = {
			...app,
			name: 'other',
			securityContext: { ...MAIN.securityContext, runAsUser: 2000 },
		};
		const pod = tenant.pod(
			{ containers: [app, other] },
			{ refresh: '10s', 'on-change': 'restart', spread: '10s' },
		);
		expectStatus(await createPod(cluster, namespace, pod), 201, 'creating the pod');
		await untilReady(cluster, namespace, 'app');
		await putSecret(vault, `deployments/${namespace}/services/web/secrets/LEVEL`, 'warn');
		await until(
			'the pod to leave its endpoints',
			async () => {
				const [found] = await podsOf(cluster, namespace);
				return found?.status?.conditions?.some(({ type, status }) => type === 'Ready' && status === 'False');
			},
			{ timeoutMs: 120_000, everyMs: 200 },
		);
		await must(vault, 'PUT', 'sys/seal');
		// One sidecar asked for the restart. The fetcher of the other user keeps the files that it has.
		// A sidecar that checks right before the restart says the latter as well, so the former comes first.
		for (const text of ['files adopted', 'the files stay as they are'])
			await untilLogged(kubectl, namespace, ['app', '--all-containers'], text);
		await untilReady(cluster, namespace, 'app');
		const logs = await Promise.all(
			['main', 'other'].map((name) => untilLogged(kubectl, namespace, ['app', '-c', name], 'sourced')),
		);
		expect(logs.join('')).toContain('sourced warn');
		await unseal();
		await untilLogged(kubectl, namespace, ['app', '-c', 'main'], 'sourced warn');
		await untilLogged(kubectl, namespace, ['app', '-c', 'other'], 'sourced warn');
	});
});
