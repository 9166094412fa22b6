import type { V1PodStatus, V1Scale } from '@kubernetes/client-node';
import { afterEach, expect, test } from 'vitest';
import { EXIT_CODES } from '../../../../contract/exit-codes.ts';
import { expectStatus } from '../../../support/kubernetes/cluster.ts';
import { kubectlFor } from '../../../support/kubernetes/kubectl.ts';
import { untilServing } from '../../../support/kubernetes/node/install.ts';
import { createPod, injectedInto, MAIN } from '../../../support/kubernetes/pods.ts';
import { runPod, untilReady } from '../../../support/kubernetes/run-pod.ts';
import { describeWithNode } from '../../../support/node-servers.ts';
import { must, putSecret } from '../../../support/openbao-setup.ts';
import { patternOf, SYMPTOMS, wordsOf } from '../../../support/symptoms.ts';
import { until } from '../../../support/until.ts';
import { create, podsOf, replicasOf, untilDescribed, untilLogged, untilPrinted } from '../support/observe.ts';
import { DEADLINE, makeTenant } from '../support/tenant.ts';

const ABSENT_MS = 20_000;
const VAULT = '/apis/discovery.k8s.io/v1/namespaces/vault/endpointslices/vault';
const MERGE = { contentType: 'application/merge-patch+json' } as const;
const WEBHOOK = '/apis/apps/v1/namespaces/envtier-system/deployments/envtier-webhook';

const app = (script: string) => ({
	...MAIN,
	image: 'localhost/busybox:1',
	command: ['sh', '-ec', script],
});
const forever = { containers: [app('. /secrets/env; exec sleep 3600')] };

describeWithNode('an outage', (servers) => {
	const { cluster, vault, vaultUnsealKey, nodeIp } = servers;
	const kubectl = kubectlFor(servers.kubectl, cluster);

	const unseal = () => must(vault, 'PUT', 'sys/unseal', { body: { key: vaultUnsealKey } });
	/** Takes Vault's Service its only endpoint, as when its pod is gone; undefined puts it back. */
	const endpoints = async (none?: 'none'): Promise<void> => {
		const found = none === undefined ? [{ addresses: [nodeIp] }] : [];
		const answer = await cluster.request('PATCH', VAULT, { endpoints: found }, MERGE);
		expectStatus(answer, 200, 'changing the endpoints of Vault');
	};
	const scale = async (replicas: number): Promise<void> => {
		const answer = await cluster.request<V1Scale>('PATCH', `${WEBHOOK}/scale`, { spec: { replicas } }, MERGE);
		expectStatus(answer, 200, 'scaling the webhook');
	};

	// What a failed test has broken must not fail the next.
	afterEach(async () => {
		await endpoints();
		await unseal();
		await scale(2);
		await untilServing(cluster);
	}, 200_000);

	test('of Vault for 20 seconds: the pod waits, and starts when Vault is back', async () => {
		const tenant = await makeTenant(servers);
		await endpoints('none');
		const start = performance.now();
		expectStatus(await createPod(cluster, tenant.namespace, tenant.pod(forever)), 201, 'creating the pod');
		const logs = ['logs', '-n', tenant.namespace, 'app', '-c', 'envtier-fetch'];
		await untilPrinted(kubectl, logs, patternOf(SYMPTOMS['Vault is away for a while'].shown[0]));
		await untilPrinted(kubectl, ['get', 'pods', '-n', tenant.namespace], /app 0\/1 Init:0\/1 /);
		await until('the outage to be over', () => performance.now() - start > ABSENT_MS);
		const waiting = (await podsOf(cluster, tenant.namespace))[0]?.status;
		expect(waiting?.phase).toBe('Pending');
		await endpoints();
		const pod = await untilReady(cluster, tenant.namespace, 'app');
		// It healed within one run: nothing was restarted.
		expect(pod.status?.initContainerStatuses?.[0]?.restartCount).toBe(0);
	});

	test('of Vault for six periods of a sidecar: the pod stays ready, nothing restarts, and the change comes after it', async () => {
		const tenant = await makeTenant(servers);
		const { namespace } = tenant;
		const shows =
			'while sleep 1; do . /secrets/env; [ "$LEVEL" = "$last" ] || echo "saw $LEVEL"; last=$LEVEL; done';
		const pod = tenant.pod({ containers: [app(shows)] }, { refresh: '10s' });
		expectStatus(await createPod(cluster, namespace, pod), 201, 'creating the pod');
		const ready = await untilReady(cluster, namespace, 'app');
		await untilLogged(kubectl, namespace, ['app', '-c', 'main'], 'saw debug');
		await putSecret(vault, `deployments/${namespace}/services/web/secrets/LEVEL`, 'warn');
		await must(vault, 'PUT', 'sys/seal');
		const start = performance.now();
		const sidecar = ['app', '-c', 'envtier-refresh'] as const;
		const problem = 'the files stay as they are: sealed';
		await untilLogged(kubectl, namespace, sidecar, problem);
		await until('the outage to be over', () => performance.now() - start > 60_000, { timeoutMs: 90_000 });
		const after = (await podsOf(cluster, namespace))[0]?.status;
		const since = (status: V1PodStatus | undefined) =>
			status?.conditions?.find(({ type, status: value }) => type === 'Ready' && value === 'True')
				?.lastTransitionTime;
		expect(since(after)).toBe(since(ready.status));
		const all = [...(after?.containerStatuses ?? []), ...(after?.initContainerStatuses ?? [])];
		expect(all.map(({ restartCount }) => restartCount)).toEqual([0, 0, 0]);
		const log = await untilLogged(kubectl, namespace, sidecar, problem);
		expect(log.match(/the files stay as they are/g)).toHaveLength(1);
		await unseal();
		await untilLogged(kubectl, namespace, ['app', '-c', 'main'], 'saw warn');
	});

	test('a sealed Vault: kubectl describe pod says so, and the pod starts once it is unsealed', async () => {
		const tenant = await makeTenant(servers);
		await must(vault, 'PUT', 'sys/seal');
		expectStatus(await createPod(cluster, tenant.namespace, tenant.pod(forever)), 201, 'creating the pod');
		const words = patternOf(wordsOf('Vault stays sealed'), { seconds: `${DEADLINE}` });
		const shown = await untilDescribed(kubectl, tenant.namespace, ['pod', 'app'], words);
		expect(shown).toContain(`Exit Code: ${EXIT_CODES.sealed.code}`);
		await unseal();
		await untilReady(cluster, tenant.namespace, 'app');
	});

	test('of the webhook: annotated pods are refused until it is back, others start as if nothing had happened', async () => {
		const tenant = await makeTenant(servers);
		const { namespace } = tenant;
		await scale(0);
		await until('both replicas to be gone', async () => (await replicasOf(cluster)).length === 0, {
			timeoutMs: 60_000,
			everyMs: 200,
		});
		const [said, event] = SYMPTOMS['no replica of the webhook runs'].shown.map((text) => patternOf(text));
		const asks = Object.entries(tenant.annotations()).map(([key, value]) => `--annotations=${key}=${value}`);
		let typed = '';
		const refused = async (): Promise<boolean> => {
			typed = (await kubectl('run', 'typed', '-n', namespace, '--image=localhost/busybox:1', ...asks)).stderr;
			return said?.test(typed) ?? false;
		};
		await until('kubectl to print the refusal', refused).catch((thrown: unknown) => {
			throw new Error(`${String(thrown)}\n${typed}`, { cause: thrown });
		});
		await create(cluster, `/apis/apps/v1/namespaces/${namespace}/deployments`, {
			metadata: { name: 'app' },
			spec: {
				selector: { matchLabels: { app: 'app' } },
				template: tenant.template(forever),
			},
		});
		await untilDescribed(kubectl, namespace, ['replicaset'], event ?? '');
		await untilPrinted(kubectl, ['get', 'events', '-n', namespace], event ?? '');
		const other = await runPod(cluster, namespace, {
			metadata: { name: 'other' },
			spec: { containers: [app('echo started')] },
		});
		expect(other.log).toBe('started\n');

		await scale(2);
		const made = await until(
			'the controller to create the pod',
			async () =>
				(await podsOf(cluster, namespace)).find(({ metadata }) => metadata?.labels?.['app'] === 'app'),
			{ timeoutMs: 110_000, everyMs: 200 },
		);
		expect(injectedInto(made)).toEqual(['envtier-fetch']);
		await untilReady(cluster, namespace, made.metadata?.name ?? '');
	}, 240_000);
});
