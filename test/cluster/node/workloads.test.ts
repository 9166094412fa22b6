import type { V1Container, V1PodSpec } from '@kubernetes/client-node';
import { expect, test } from 'vitest';
import { expectStatus } from '../../support/kubernetes/cluster.ts';
import { kubectlFor } from '../../support/kubernetes/kubectl.ts';
import { APP_IMAGES } from '../../support/kubernetes/node/install.ts';
import { createPod, injectedInto, MAIN, podOf } from '../../support/kubernetes/pods.ts';
import { runPod } from '../../support/kubernetes/run-pod.ts';
import { describeWithNode } from '../../support/node-servers.ts';
import { until } from '../../support/until.ts';
import { create, podsOf, untilLogged } from './support/observe.ts';
import { makeTenant, type Tenant } from './support/tenant.ts';

const IMAGE = 'localhost/busybox:1';
/** Output of an entry point after it sourced the file; the kind of its workload comes first. */
const PRINT = '. /secrets/env; printf "%s|" "$REGION" "$LEVEL" "$GREETING"; id -u';
const PRINTED = `eu-north-1|debug|it's "$HOME"\nand more|`;

/** A container that runs a script under the image's shell. */
const sh = (script: string, more: Partial<V1Container> = {}): V1Container => ({
	...MAIN,
	image: IMAGE,
	command: ['sh', '-ec', script],
	...more,
});
const asUser = (runAsUser: number, more: object = {}) => ({
	securityContext: { ...MAIN.securityContext, runAsUser, ...more },
});
const forever = { containers: [sh(`${PRINT}; exec sleep 3600`)] };
const once = { restartPolicy: 'Never', containers: [sh(PRINT)] };
const selector = { matchLabels: { app: 'app' } };

describeWithNode('workloads as people write them', (servers) => {
	const { cluster } = servers;
	const kubectl = kubectlFor(servers.kubectl, cluster);

	/** Runs one annotated pod to its end; gives it and its log. */
	const run = (tenant: Tenant, spec: V1PodSpec, more: Readonly<Record<string, string>> = {}) =>
		runPod(cluster, tenant.namespace, tenant.pod(spec, more));

	test.concurrent('a Deployment, whose every replica has its secrets', async () => {
		const tenant = await makeTenant(servers);
		await create(cluster, `/apis/apps/v1/namespaces/${tenant.namespace}/deployments`, {
			metadata: { name: 'app' },
			spec: { replicas: 2, selector, template: tenant.template(forever) },
		});
		await until('two pods', async () => (await podsOf(cluster, tenant.namespace)).length === 2);
		for (const { metadata } of await podsOf(cluster, tenant.namespace)) {
			const log = await untilLogged(kubectl, tenant.namespace, [metadata?.name ?? '', '-c', 'main'], PRINTED);
			expect(log).toBe(`${PRINTED}1000\n`);
		}
	});

	test.concurrent('a Deployment with a typo, which makes no pods and says why', async () => {
		const tenant = await makeTenant(servers);
		await create(cluster, `/apis/apps/v1/namespaces/${tenant.namespace}/deployments`, {
			metadata: { name: 'app' },
			spec: { replicas: 1, selector, template: tenant.template(forever, { sevrice: 'web' }) },
		});
		const described = await until('the sentence', async () => {
			const { stdout } = await kubectl('describe', 'deployment', 'app', '-n', tenant.namespace);
			return stdout.includes('PodRefused') ? stdout : undefined;
		});
		expect(described).toContain('"envtier.dev/sevrice" is unknown: did you mean envtier.dev/service?');
		expect(await podsOf(cluster, tenant.namespace)).toEqual([]);
	});

	test.concurrent('a Deployment whose namespace names the organization', async () => {
		const tenant = await makeTenant(servers, { labels: { 'envtier.dev/org': 'acme' } });
		await create(cluster, `/apis/apps/v1/namespaces/${tenant.namespace}/deployments`, {
			metadata: { name: 'app' },
			spec: { replicas: 1, selector, template: tenant.template(forever) },
		});
		await until('the pod', async () => (await podsOf(cluster, tenant.namespace)).length === 1);
		const [pod] = await podsOf(cluster, tenant.namespace);
		const env = pod?.spec?.initContainers?.[0]?.env ?? [];
		expect(env).toContainEqual({ name: 'ENVTIER_ORG', value: 'acme' });
	});

	test.concurrent('a StatefulSet', async () => {
		const tenant = await makeTenant(servers);
		await create(cluster, `/apis/apps/v1/namespaces/${tenant.namespace}/statefulsets`, {
			metadata: { name: 'app' },
			spec: { serviceName: 'app', selector, template: tenant.template(forever) },
		});
		await untilLogged(kubectl, tenant.namespace, ['app-0', '-c', 'main'], PRINTED);
	});

	test.concurrent('a DaemonSet', async () => {
		const tenant = await makeTenant(servers);
		await create(cluster, `/apis/apps/v1/namespaces/${tenant.namespace}/daemonsets`, {
			metadata: { name: 'app' },
			spec: { selector, template: tenant.template(forever) },
		});
		await untilLogged(kubectl, tenant.namespace, ['daemonset/app', '-c', 'main'], PRINTED);
	});

	test.concurrent('a Job, which ends', async () => {
		const tenant = await makeTenant(servers);
		await create(cluster, `/apis/batch/v1/namespaces/${tenant.namespace}/jobs`, {
			metadata: { name: 'app' },
			spec: { backoffLimit: 0, template: tenant.template(once) },
		});
		const wait = ['wait', '-n', tenant.namespace, '--for=condition=Complete', '--timeout=55s', 'job/app'];
		await until('the Job to be complete', async () => (await kubectl(...wait)).code === 0, {
			timeoutMs: 100_000,
		});
		await untilLogged(kubectl, tenant.namespace, ['job/app', '-c', 'main'], PRINTED);
	});

	test.concurrent('a CronJob, when its minute has come', async () => {
		const tenant = await makeTenant(servers);
		await create(cluster, `/apis/batch/v1/namespaces/${tenant.namespace}/cronjobs`, {
			metadata: { name: 'app' },
			spec: { schedule: '* * * * *', jobTemplate: { spec: { template: tenant.template(once) } } },
		});
		const name = await until(
			'the CronJob to make a pod',
			async () => (await podsOf(cluster, tenant.namespace))[0]?.metadata?.name,
			{ timeoutMs: 90_000, everyMs: 500 },
		);
		await untilLogged(kubectl, tenant.namespace, [name, '-c', 'main'], PRINTED);
	});

	test.concurrent('an image whose entry point sources the file, under dash and under busybox', async () => {
		const tenant = await makeTenant(servers);
		const { command: _, ...main } = sh('');
		const dash = { ...main, image: APP_IMAGES.dash };
		const containers = [dash, { ...main, name: 'busybox', image: APP_IMAGES.busybox }];
		const { log } = await run(tenant, { containers });
		expect(log).toBe(`${PRINTED}1000\n`);
		await untilLogged(kubectl, tenant.namespace, ['app', '-c', 'busybox'], log);
		const alone = await runPod(cluster, tenant.namespace, {
			metadata: { name: 'without-secrets' },
			spec: { containers: [dash] },
		});
		expect(alone.log).toBe('|||1000\n');
	});

	test.concurrent('containers of different users, each of which reads its own file alone', async () => {
		const tenant = await makeTenant(servers);
		const look = `${PRINT}; stat -c %u:%a /secrets/env`;
		const containers = [sh(look), sh(look, { name: 'other', ...asUser(2000) })];
		const { pod, log } = await run(tenant, { containers });
		expect(injectedInto(pod)).toHaveLength(2);
		expect(log).toBe(`${PRINTED}1000\n1000:600\n`);
		await untilLogged(kubectl, tenant.namespace, ['app', '-c', 'other'], `${PRINTED}2000\n2000:600\n`);
	});

	test.concurrent('the user, group and fsGroup of the pod, where the container says none', async () => {
		const tenant = await makeTenant(servers);
		const { runAsUser: _, ...rest } = MAIN.securityContext ?? {};
		const { log } = await run(tenant, {
			securityContext: { runAsUser: 3000, runAsGroup: 3001, fsGroup: 3002 },
			containers: [sh(`${PRINT}; id -g; stat -c %u:%a /secrets/env`, { securityContext: rest })],
		});
		expect(log).toBe(`${PRINTED}3000\n3001\n3000:600\n`);
	});

	test.concurrent('the user of the container before that of the pod', async () => {
		const tenant = await makeTenant(servers);
		const { log } = await run(tenant, {
			securityContext: { runAsUser: 3000 },
			containers: [sh(PRINT, asUser(4000, { runAsGroup: 4001 }))],
		});
		expect(log).toBe(`${PRINTED}4000\n`);
	});

	test.concurrent('a namespace that enforces Pod Security "restricted", without a token of its own', async () => {
		const labels = { 'pod-security.kubernetes.io/enforce': 'restricted' };
		const tenant = await makeTenant(servers, { labels });
		const { log } = await run(tenant, {
			automountServiceAccountToken: false,
			containers: [sh(`${PRINT}; ls /var/run/secrets 2>/dev/null || echo no token`)],
		});
		expect(log).toBe(`${PRINTED}1000\nno token\n`);
	});

	test.concurrent('a namespace whose LimitRange and ResourceQuota demand limits', async () => {
		const tenant = await makeTenant(servers);
		const base = `/api/v1/namespaces/${tenant.namespace}`;
		const most = { cpu: '2', memory: '512Mi' };
		await create(cluster, `${base}/limitranges`, {
			metadata: { name: 'limits' },
			spec: { limits: [{ type: 'Container', max: most, min: { cpu: '5m', memory: '4Mi' } }] },
		});
		await create(cluster, `${base}/resourcequotas`, {
			metadata: { name: 'quota' },
			spec: {
				hard: {
					'requests.cpu': '1',
					'requests.memory': '512Mi',
					'limits.cpu': '4',
					'limits.memory': '1Gi',
				},
			},
		});
		await until('the quota to be known', async () => {
			const quota = await cluster.request<{ status?: { hard?: object } }>(
				'GET',
				`${base}/resourcequotas/quota`,
			);
			return quota.body.status?.hard !== undefined;
		});
		const resources = {
			requests: { cpu: '10m', memory: '16Mi' },
			limits: { cpu: '500m', memory: '64Mi' },
		};
		const { log } = await run(tenant, { containers: [sh(PRINT, { resources })] });
		expect(log).toBe(`${PRINTED}1000\n`);
	});

	test.concurrent.for(['first', 'last'] as const)(
		'an init container of its own and a native sidecar, the fetcher %s among them',
		async (order) => {
			const tenant = await makeTenant(servers);
			const { pod, log } = await run(
				tenant,
				{
					initContainers: [
						sh('test ! -e /secrets/env', { name: 'migrate' }),
						sh('exec sleep 3600', { name: 'sidecar', restartPolicy: 'Always' }),
					],
					containers: [sh(PRINT)],
				},
				{ 'init-order': order },
			);
			const names = pod.spec?.initContainers?.map(({ name }) => name);
			const own = ['migrate', 'sidecar'];
			expect(names).toEqual(order === 'first' ? ['envtier-fetch', ...own] : [...own, 'envtier-fetch']);
			expect(log).toBe(`${PRINTED}1000\n`);
			expect(pod.status?.phase).toBe('Succeeded');
		},
	);

	test.concurrent('--dry-run=server shows what would be injected, and makes nothing', async () => {
		const tenant = await makeTenant(servers);
		const pod = tenant.pod({ containers: [sh(PRINT)] });
		const { body } = await createPod(cluster, tenant.namespace, pod, 'dryRun=All');
		expect(injectedInto(body)).toEqual(['envtier-fetch']);
		const annotations = Object.entries(tenant.annotations()).map(
			([name, value]) => `--annotations=${name}=${value}`,
		);
		const { stdout } = await kubectl(
			...['run', 'dry', '-n', tenant.namespace, `--image=${IMAGE}`, '--dry-run=server', '-o', 'json'],
			...annotations,
		);
		expect(injectedInto(JSON.parse(stdout))).toEqual(['envtier-fetch']);
		expect(await podsOf(cluster, tenant.namespace)).toEqual([]);
	});

	test.concurrent('a pod that asks for nothing is left as it was written', async () => {
		const namespace = await cluster.createNamespace();
		const made = await createPod(cluster, namespace, podOf({ spec: { containers: [sh('true')] } }));
		const { spec } = expectStatus(made, 201, 'creating the pod');
		expect(spec?.initContainers).toBeUndefined();
	});
});
