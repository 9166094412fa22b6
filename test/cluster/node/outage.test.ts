import type { V1Pod, V1Scale } from '@kubernetes/client-node';
import { afterEach, expect, test } from 'vitest';
import { expectStatus } from '../../support/kubernetes/cluster.ts';
import { kubectlFor } from '../../support/kubernetes/kubectl.ts';
import { untilServing } from '../../support/kubernetes/node/install.ts';
import { createPod, injectedInto, MAIN, podOf } from '../../support/kubernetes/pods.ts';
import { runPod, untilReady } from '../../support/kubernetes/run-pod.ts';
import { describeWithNode } from '../../support/node-servers.ts';
import { must } from '../../support/openbao-setup.ts';
import { runProcess } from '../../support/process.ts';
import { until } from '../../support/until.ts';
import { create, podsOf, untilDescribed } from './support/observe.ts';
import { makeTenant, type Tenant, templateOf } from './support/tenant.ts';

const ABSENT_MS = 20_000;
const WEBHOOK = '/apis/apps/v1/namespaces/envtier-system/deployments/envtier-webhook';

const app = (script: string) => ({
	...MAIN,
	image: 'localhost/busybox:1',
	command: ['sh', '-ec', script],
});
const forever = { containers: [app('. /secrets/env; exec sleep 3600')] };

describeWithNode('an outage', (servers) => {
	const { cluster, vault, vaultUnsealKey, prefix } = servers;
	const kubectl = kubectlFor(servers.kubectl, cluster);

	const unseal = () => must(vault, 'PUT', 'sys/unseal', { body: { key: vaultUnsealKey } });
	const port = ['-p', 'tcp', '--dport', '8200', '-j', 'REJECT', '--reject-with', 'tcp-reset'];
	const iptables = async (...args: readonly string[]): Promise<number | null> => {
		const [command = '', ...rest] = [...prefix, 'iptables', '-w', ...args];
		return (await runProcess({ command, args: rest })).code;
	};
	const scale = async (replicas: number): Promise<void> => {
		const answer = await cluster.request<V1Scale>(
			'PATCH',
			`${WEBHOOK}/scale`,
			{ spec: { replicas } },
			{ contentType: 'application/merge-patch+json' },
		);
		expectStatus(answer, 200, 'scaling the webhook');
	};

	// What a failed test has broken must not fail the next.
	afterEach(async () => {
		await iptables('-D', 'INPUT', ...port);
		await unseal();
		await scale(2);
		await untilServing(cluster);
	}, 200_000);

	const annotated = (tenant: Tenant): V1Pod => {
		const pod = podOf({ name: 'app', spec: forever });
		return { ...pod, metadata: { ...pod.metadata, annotations: tenant.annotations() } };
	};

	test('of Vault for 20 seconds: the pod waits, and starts when Vault is back', async () => {
		const tenant = await makeTenant(servers);
		expect(await iptables('-I', 'INPUT', ...port)).toBe(0);
		const start = performance.now();
		expectStatus(await createPod(cluster, tenant.namespace, annotated(tenant)), 201, 'creating the pod');
		const logs = ['logs', '-n', tenant.namespace, 'app', '-c', 'envtier-fetch'];
		await until(
			'the fetcher to say that it waits',
			async () => (await kubectl(...logs)).stdout.includes('ECONNREFUSED'),
			{ timeoutMs: 60_000, everyMs: 200 },
		);
		await until('the outage to be over', () => performance.now() - start > ABSENT_MS);
		const waiting = (await podsOf(cluster, tenant.namespace))[0]?.status;
		expect(waiting?.phase).toBe('Pending');
		expect(await iptables('-D', 'INPUT', ...port)).toBe(0);
		const pod = await untilReady(cluster, tenant.namespace, 'app');
		// It healed within one run: nothing was restarted.
		expect(pod.status?.initContainerStatuses?.[0]?.restartCount).toBe(0);
	});

	test('a sealed Vault: kubectl describe pod says so, and the pod starts once it is unsealed', async () => {
		const tenant = await makeTenant(servers);
		await must(vault, 'PUT', 'sys/seal');
		expectStatus(await createPod(cluster, tenant.namespace, annotated(tenant)), 201, 'creating the pod');
		const shown = await untilDescribed(
			kubectl,
			tenant.namespace,
			['pod', 'app'],
			'sealed: Vault at https://10.89.0.1:8200 is sealed or not initialized; given up after 45 s (ENVTIER_DEADLINE). What to do: unseal Vault',
		);
		expect(shown).toContain('Exit Code: 25');
		await unseal();
		await untilReady(cluster, tenant.namespace, 'app');
	});

	test('of the webhook: annotated pods are refused until it is back, others start as if nothing had happened', async () => {
		const tenant = await makeTenant(servers);
		const { namespace } = tenant;
		await scale(0);
		await until(
			'both replicas to be gone',
			async () => (await podsOf(cluster, 'envtier-system')).length === 0,
			{ timeoutMs: 60_000, everyMs: 200 },
		);
		const { status, body } = await createPod(cluster, namespace, annotated(tenant));
		expect(status).toBe(500);
		expect(body.message).toContain('failed calling webhook "inject.envtier.dev"');
		await create(cluster, `/apis/apps/v1/namespaces/${namespace}/deployments`, {
			metadata: { name: 'app' },
			spec: {
				selector: { matchLabels: { app: 'app' } },
				template: templateOf(tenant, forever),
			},
		});
		await untilDescribed(
			kubectl,
			namespace,
			['replicaset'],
			'Error creating: Internal error occurred: failed calling webhook "inject.envtier.dev"',
		);
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
