import { dirname, join } from 'node:path';
import type { V1ContainerStatus, V1Pod, V1PodSpec } from '@kubernetes/client-node';
import { expect, test } from 'vitest';
import { parse } from 'yaml';
import { blocksOf, pageOf, sectionUnder } from '../../docs/support/pages.ts';
import { expectStatus } from '../../support/kubernetes/cluster.ts';
import { kubectlFor } from '../../support/kubernetes/kubectl.ts';
import { createPod, MAIN } from '../../support/kubernetes/pods.ts';
import { untilReady } from '../../support/kubernetes/run-pod.ts';
import { describeWithNode } from '../../support/node-servers.ts';
import { putSecret } from '../../support/openbao-setup.ts';
import { runProcess } from '../../support/process.ts';
import { until } from '../../support/until.ts';
import { create, podsOf, replicasOf, untilLogged } from './support/observe.ts';
import { makeTenant, type Tenant } from './support/tenant.ts';

/** A check, the spread, the 10 s before a restart, and the restart, on a busy machine. */
const LIMIT = { timeoutMs: 150_000, everyMs: 200 } as const;
const RESTARTS = { refresh: '10s', 'on-change': 'restart', spread: '10s' } as const;
const STRATEGIC = { contentType: 'application/strategic-merge-patch+json' } as const;

const sh = (script: string) => ({ ...MAIN, image: 'localhost/busybox:1', command: ['sh', '-ec', script] });

/** Reads its environment once, at its start: a file that it sources, and a native variable. */
const READS_ONCE = sh(
	'. /secrets/env; echo "sourced $LEVEL native $NATIVE"; trap "exit 0" TERM; while :; do sleep 1 & wait $! || true; done',
);

const conditionOf = (pod: V1Pod | undefined, type: string) =>
	pod?.status?.conditions?.find((condition) => condition.type === type)?.status;

function statusOf(pod: V1Pod, container: string): V1ContainerStatus {
	const all = [...(pod.status?.containerStatuses ?? []), ...(pod.status?.initContainerStatuses ?? [])];
	const found = all.find(({ name }) => name === container);
	if (found === undefined) throw new Error(`there is no status of ${container}`);
	return found;
}

describeWithNode('a pod that restarts its containers in place', (servers) => {
	const { cluster, vault, prefix } = servers;
	const kubectl = kubectlFor(servers.kubectl, cluster);

	const change = ({ namespace, account }: Pick<Tenant, 'namespace' | 'account'>, value: string) =>
		putSecret(vault, `deployments/${namespace}/services/${account}/secrets/LEVEL`, value);
	const logged = ({ namespace }: Pick<Tenant, 'namespace'>, container: string, text: string) =>
		untilLogged(kubectl, namespace, ['app', '-c', container], text);
	const read = async ({ namespace }: Pick<Tenant, 'namespace'>) =>
		(await podsOf(cluster, namespace)).find(({ metadata }) => metadata?.name === 'app');

	/** Waits until `holds` of the pod; the error shows its status and what was logged meanwhile. */
	async function untilPod<T>(
		tenant: Pick<Tenant, 'namespace'>,
		what: string,
		holds: (pod: V1Pod) => T | undefined,
	) {
		let last: V1Pod | undefined;
		try {
			return await until(
				what,
				async () => {
					last = await read(tenant);
					return last === undefined ? undefined : holds(last);
				},
				LIMIT,
			);
		} catch (thrown) {
			throw new Error(`${String(thrown)}\n${JSON.stringify(last?.status, undefined, 1)}`, { cause: thrown });
		}
	}

	/** Creates the pod and waits until it is ready. */
	async function started(tenant: Tenant, spec: V1PodSpec, more: Readonly<Record<string, string>> = RESTARTS) {
		const made = await createPod(cluster, tenant.namespace, tenant.pod(spec, more));
		expectStatus(made, 201, 'creating the pod');
		return untilReady(cluster, tenant.namespace, 'app');
	}

	/** Runs a command inside the node. */
	async function inside(...args: readonly string[]): Promise<string> {
		const [command = '', ...rest] = [...prefix, ...args];
		const { code, stdout, stderr } = await runProcess({ command, args: rest });
		expect(code, stderr).toBe(0);
		return stdout;
	}

	test.concurrent('leaves its endpoints, and starts anew with sourced and native values, in the same pod', async () => {
		const tenant = await makeTenant(servers);
		const before = await started(
			tenant,
			{ containers: [READS_ONCE] },
			{ ...RESTARTS, format: 'shell', env: 'NATIVE=LEVEL' },
		);
		await logged(tenant, 'main', 'sourced debug native debug');
		await change(tenant, 'warn');
		const left = await untilPod(tenant, 'the pod to leave its endpoints', (pod) =>
			conditionOf(pod, 'Ready') === 'False' ? pod : undefined,
		);
		// Its application still runs.
		expect(statusOf(left, 'main')).toMatchObject({
			ready: true,
			containerID: statusOf(before, 'main').containerID,
		});
		await logged(tenant, 'main', 'sourced warn native warn');
		const after = await untilReady(cluster, tenant.namespace, 'app');
		expect(after.metadata?.uid).toBe(before.metadata?.uid);
		expect(after.status?.podIP).toBe(before.status?.podIP);
		expect(after.spec).toEqual(before.spec);
		expect(await logged(tenant, 'envtier-fetch', 'files adopted')).not.toContain('"requests"');
		// The kubelet removes the stopped containers with their logs.
		const previous = await kubectl('logs', '-n', tenant.namespace, 'app', '-c', 'main', '--previous');
		expect(previous.stdout).toBe('');
	});

	test.concurrent('gives the Node program of the documentation its new variable', async () => {
		const tenant = await makeTenant(servers, {
			secrets: { DATABASE_URL: 'postgres://db-1.example/shop' },
		});
		const [text] = blocksOf(sectionUnder(pageOf('docs/refreshing.md').text, 'A restart') ?? '')
			.filter(({ language }) => language === 'yaml')
			.map((block) => block.text);
		const shown = parse(text ?? '') as V1Pod & { spec: V1PodSpec; metadata: { annotations: object } };
		const [web] = shown.spec.containers;
		const replicas = await replicasOf(cluster);
		// The image of the webhook has Node.
		const image = replicas[0]?.spec?.containers[0]?.image ?? '';
		const quick = { refresh: '10s', spread: '10s' };
		const prefixed = Object.entries({ ...tenant.annotations(), ...shown.metadata.annotations }).map(
			([name, value]) => [name.replace('envtier.dev/', ''), String(value)],
		);
		const pod = tenant.pod(
			{
				...shown.spec,
				containers: [{ name: 'main', ...web, image, securityContext: { runAsUser: 1000 } }],
			},
			{ ...Object.fromEntries(prefixed), ...quick, deployment: tenant.namespace, service: tenant.account },
		);
		expectStatus(await createPod(cluster, tenant.namespace, pod), 201, 'creating the pod');
		const { status } = await untilReady(cluster, tenant.namespace, 'app');
		const answer = () =>
			inside('busybox', 'wget', '-q', '-O', '-', `http://${status?.podIP}:8080/`).catch(() => '');
		await until('the first answer', async () => (await answer()) === 'db-1.example', LIMIT);
		const path = `deployments/${tenant.namespace}/secrets/DATABASE_URL`;
		await putSecret(vault, path, 'postgres://db-2.example/shop');
		await until('the answer after the restart', async () => (await answer()) === 'db-2.example', LIMIT);
	});

	test.concurrent('restarts containers of two users with the files of both', async () => {
		const tenant = await makeTenant(servers);
		const other = {
			...READS_ONCE,
			name: 'other',
			securityContext: { ...MAIN.securityContext, runAsUser: 2000 },
		};
		await started(tenant, { containers: [READS_ONCE, other] });
		await change(tenant, 'warn');
		await logged(tenant, 'main', 'sourced warn');
		await logged(tenant, 'other', 'sourced warn');
		await untilReady(cluster, tenant.namespace, 'app');
	});

	test.concurrent('three replicas wait for their turns within the spread', async () => {
		const tenant = await makeTenant(servers);
		const { namespace } = tenant;
		await create(cluster, `/apis/apps/v1/namespaces/${namespace}/deployments`, {
			metadata: { name: 'app' },
			spec: {
				replicas: 3,
				selector: { matchLabels: { app: 'app' } },
				template: tenant.template({ containers: [READS_ONCE] }, { ...RESTARTS, spread: '40s' }),
			},
		});
		const ready = async () => {
			const pods = await podsOf(cluster, namespace);
			return pods.length === 3 && pods.every((pod) => conditionOf(pod, 'Ready') === 'True')
				? pods
				: undefined;
		};
		const before = await until('three replicas', ready, LIMIT);
		await change(tenant, 'warn');
		// Each says when its turn is, before the restart removes its log.
		const turns = await Promise.all(
			before.map(async ({ metadata }) => {
				const name = metadata?.name ?? '';
				const log = await untilLogged(
					kubectl,
					namespace,
					[name, '-c', 'envtier-refresh'],
					'all containers will restart',
				);
				const line = log.split('\n').find((text) => text.includes('all containers will restart')) ?? '';
				const { time, seconds } = JSON.parse(line) as { time: number; seconds: number };
				expect(seconds).toBeLessThanOrEqual(40);
				return { name, due: time + (seconds - 1) * 1000 };
			}),
		);
		for (const { name, due } of turns) {
			await untilLogged(kubectl, namespace, [name, '-c', 'main'], 'sourced warn');
			const pod = (await podsOf(cluster, namespace)).find(({ metadata }) => metadata?.name === name);
			const startedAt = pod && statusOf(pod, 'main').state?.running?.startedAt;
			// Kubernetes gives whole seconds.
			expect(new Date(startedAt ?? 0).getTime() + 1000).toBeGreaterThanOrEqual(due + 10_000);
		}
		const after = await until('three replicas', ready, LIMIT);
		expect(after.map(({ metadata }) => metadata?.uid).sort()).toEqual(
			before.map(({ metadata }) => metadata?.uid).sort(),
		);
	});

	test.concurrent('keeps its files current without a restart when the kubelet ignores the rule', async () => {
		// Envtier leaves this namespace out: what was injected is created there without the rule.
		const tenant = await makeTenant(servers);
		const namespace = 'kube-public';
		const own = { namespace, account: 'web' };
		await cluster.createServiceAccount(namespace, 'web');
		await change(own, 'debug');
		const shows = sh(
			'. /secrets/env; echo "started $LEVEL"; while :; do . /secrets/env; echo "file $LEVEL"; sleep 1; done',
		);
		const asked = tenant.pod({ containers: [shows] }, { ...RESTARTS, deployment: namespace });
		const made = await createPod(cluster, tenant.namespace, asked, 'dryRun=All');
		const injected = expectStatus(made, 201, 'injecting the pod');
		for (const container of injected.spec?.initContainers ?? [])
			if (container.name === 'envtier-refresh') delete container.restartPolicyRules;
		const isTokenOfAccount = (name: string) => name.startsWith('kube-api-access');
		for (const container of [...(injected.spec?.containers ?? []), ...(injected.spec?.initContainers ?? [])])
			container.volumeMounts = container.volumeMounts?.filter(({ name }) => !isTokenOfAccount(name)) ?? [];
		const volumes = injected.spec?.volumes?.filter(({ name }) => !isTokenOfAccount(name)) ?? [];
		const pod = {
			metadata: { name: 'app', annotations: injected.metadata?.annotations ?? {} },
			spec: { ...injected.spec, volumes, containers: injected.spec?.containers ?? [] },
		};
		expectStatus(await createPod(cluster, namespace, pod), 201, 'creating the pod');
		try {
			const before = await untilReady(cluster, namespace, 'app');
			await change(own, 'warn');
			await logged(own, 'envtier-refresh', 'did not restart the containers after exit code 97');
			await logged(own, 'main', 'file warn');
			const once = await untilReady(cluster, namespace, 'app');
			expect(statusOf(once, 'envtier-refresh')).toMatchObject({
				restartCount: 1,
				lastState: { terminated: { exitCode: 97 } },
			});
			await change(own, 'error');
			await logged(own, 'main', 'file error');
			const after = await untilReady(cluster, namespace, 'app');
			expect(statusOf(after, 'envtier-refresh').restartCount).toBe(1);
			expect(statusOf(after, 'main').containerID).toBe(statusOf(before, 'main').containerID);
		} finally {
			await cluster.request('DELETE', `/api/v1/namespaces/${namespace}/pods/app`);
		}
	});

	test.concurrent('goes on after another image of the sidecar, and restarts at the next change', async () => {
		const tenant = await makeTenant(servers);
		const before = await started(tenant, { containers: [READS_ONCE] });
		const image = before.spec?.initContainers?.[0]?.image ?? '';
		const socket = join(dirname(cluster.kubeconfig), 'containerd.sock');
		const ctr = ['ctr', '--address', socket, '--namespace', 'k8s.io', 'images'];
		const names = (await inside(...ctr, 'list', '--quiet')).split('\n');
		// With the name of a registry, which the pod's lacks.
		const found = names.find((name) => name.endsWith(image)) ?? image;
		const other = `${found.replace(/:[^:/]*$/, '')}:${tenant.namespace}`;
		await inside(...ctr, 'tag', found, other);
		const path = `/api/v1/namespaces/${tenant.namespace}/pods/app`;
		const patch = { spec: { initContainers: [{ name: 'envtier-refresh', image: other }] } };
		expectStatus(await cluster.request('PATCH', path, patch, STRATEGIC), 200, 'patching the image');
		const patched = await untilPod(tenant, 'the sidecar with the other image', (pod) =>
			statusOf(pod, 'envtier-refresh').restartCount === 1 ? pod : undefined,
		);
		expect(statusOf(patched, 'main').containerID).toBe(statusOf(before, 'main').containerID);
		await change(tenant, 'warn');
		await logged(tenant, 'main', 'sourced warn');
		await untilReady(cluster, tenant.namespace, 'app');
	});

	test.concurrent('goes on after the sidecar was killed for its memory, and restarts at the next change', async () => {
		const tenant = await makeTenant(servers);
		const before = await started(tenant, { containers: [READS_ONCE] });
		const id = statusOf(before, 'envtier-refresh').containerID?.replace('containerd://', '') ?? '';
		// A process of its cgroup takes memory. The kernel kills the sidecar first, which has the higher score.
		const fill = `set -e
folders=$(find /sys/fs/cgroup -type d -name '${id}'); test -n "$folders"
for folder in $folders; do
	for process in $(cat $folder/cgroup.procs); do echo 1000 > /proc/$process/oom_score_adj; done
	echo $$ > $folder/cgroup.procs
done
head -c 400M /dev/zero | tail -c 300M > /dev/null || true`;
		const [command = '', ...args] = [...prefix, 'sh', '-c', fill];
		const filling = runProcess({ command, args, timeoutMs: 120_000 });
		const killed = await untilPod(tenant, 'the kill', (pod) =>
			statusOf(pod, 'envtier-refresh').restartCount === 1 ? pod : undefined,
		);
		await filling;
		// The kubelet sometimes forgets how a container ended.
		const last = statusOf(killed, 'envtier-refresh').lastState?.terminated;
		if (last !== undefined) expect(last).toMatchObject({ exitCode: 137, reason: 'OOMKilled' });
		expect(statusOf(killed, 'main').containerID).toBe(statusOf(before, 'main').containerID);
		await change(tenant, 'warn');
		await logged(tenant, 'main', 'sourced warn');
		await untilReady(cluster, tenant.namespace, 'app');
	});
});
