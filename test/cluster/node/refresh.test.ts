import { expect, test } from 'vitest';
import { envtier } from '../../cli/support/command.ts';
import { kubectlFor } from '../../support/kubernetes/kubectl.ts';
import { MAIN } from '../../support/kubernetes/pods.ts';
import { runPod, untilReady } from '../../support/kubernetes/run-pod.ts';
import { describeWithNode } from '../../support/node-servers.ts';
import { putSecret } from '../../support/openbao-setup.ts';
import { create, untilLogged } from './support/observe.ts';
import { makeTenant } from './support/tenant.ts';

const sh = (script: string) => ({ ...MAIN, image: 'localhost/busybox:1', command: ['sh', '-ec', script] });

/** Sources its secrets at the start and at each SIGHUP. */
const RELOADS = `
reload() { . /secrets/env; echo "$1 $LEVEL"; }
trap 'reload reloaded' HUP
trap 'exit 0' TERM
reload started
while :; do sleep 1 & wait $! || true; done
`;

/** Prints a value each time it is another one. */
const WATCHES = `
trap 'exit 0' TERM
while :; do
	. /secrets/env
	[ "$LEVEL" = "$last" ] || echo "saw $LEVEL"
	last=$LEVEL
	sleep 1
done
`;

describeWithNode('a pod that is refreshed', (servers) => {
	const { cluster, vault } = servers;
	const kubectl = kubectlFor(servers.kubectl, cluster);

	test('reloads on SIGHUP after a secret has changed, without a restart', async () => {
		const tenant = await makeTenant(servers);
		const { namespace } = tenant;
		const pod = tenant.pod(
			{ shareProcessNamespace: true, containers: [sh(RELOADS)] },
			{ refresh: '10s', 'on-change': 'signal:SIGHUP' },
		);
		await create(cluster, `/api/v1/namespaces/${namespace}/pods`, pod);
		await untilReady(cluster, namespace, 'app');
		await untilLogged(kubectl, namespace, ['app', '-c', 'main'], 'started debug');
		await putSecret(vault, `deployments/${namespace}/services/web/secrets/LEVEL`, 'warn');
		await untilLogged(kubectl, namespace, ['app', '-c', 'main'], 'reloaded warn');
		const log = await untilLogged(
			kubectl,
			namespace,
			['app', '-c', 'envtier-refresh'],
			'application notified',
		);
		expect(log).not.toContain('warn"');
		const after = await untilReady(cluster, namespace, 'app');
		const states = [
			...(after.status?.containerStatuses ?? []),
			...(after.status?.initContainerStatuses ?? []),
		];
		expect(states.map(({ restartCount }) => restartCount)).toEqual([0, 0, 0]);
	});

	test('checks at once when envtier refresh asks for it', async () => {
		const tenant = await makeTenant(servers);
		const { namespace } = tenant;
		const pod = tenant.pod({ containers: [sh(WATCHES)] }, { refresh: '24h' });
		await create(cluster, `/api/v1/namespaces/${namespace}/pods`, pod);
		await untilReady(cluster, namespace, 'app');
		await untilLogged(kubectl, namespace, ['app', '-c', 'main'], 'saw debug');
		await putSecret(vault, `deployments/${namespace}/services/web/secrets/LEVEL`, 'warn');
		const args = ['refresh', '--kubeconfig', cluster.kubeconfig, '-n', namespace, 'pod/app'];
		const { code, stdout, stderr } = await envtier(args);
		expect([code, stderr, stdout]).toEqual([0, '', 'POD  RESULT     WHY\napp  requested\n']);
		await untilLogged(kubectl, namespace, ['app', '-c', 'main'], 'saw warn');
		const log = await untilLogged(
			kubectl,
			namespace,
			['app', '-c', 'envtier-refresh'],
			'secrets are current',
		);
		expect(log).toContain('a check was requested');
	});

	test('ends when its main container has ended', async () => {
		const tenant = await makeTenant(servers);
		const { pod, log } = await runPod(
			cluster,
			tenant.namespace,
			tenant.pod({ containers: [sh('. /secrets/env; echo "$LEVEL"')] }, { refresh: 'true' }),
		);
		expect([pod.status?.phase, log]).toEqual(['Succeeded', 'debug\n']);
		const sidecar = pod.status?.initContainerStatuses?.find(({ name }) => name === 'envtier-refresh');
		expect(sidecar?.state?.terminated?.exitCode).toBe(0);
	});
});
