import type { CoreV1Event, KubernetesObject, V1Pod } from '@kubernetes/client-node';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { startTcpProxy } from '../../support/fault-proxy.ts';
import { call } from '../../support/http.ts';
import { expectStatus } from '../../support/kubernetes/cluster.ts';
import { type Kubectl, kubectlFor } from '../../support/kubernetes/kubectl.ts';
import { MAIN, podOf } from '../../support/kubernetes/pods.ts';
import { preparePrograms } from '../../support/kubernetes/programs.ts';
import {
	accountWithout,
	grantShippedRights,
	webhookKubeconfig,
} from '../../support/kubernetes/webhook-account.ts';
import { samplesOf } from '../../support/metrics.ts';
import { type Scratch, scratch } from '../../support/scratch.ts';
import { describeWithServers } from '../../support/servers.ts';
import { until } from '../../support/until.ts';
import { type RunningWebhook, startWebhook, type WebhookEnv } from '../../support/webhook.ts';
import { review } from '../../webhook/support/request.ts';

const SENTENCE = 'annotation "envtier.dev/sevrice" is unknown: did you mean envtier.dev/service?';
const NAME = 'web';
const TEMPLATE = { metadata: { labels: { app: NAME } }, spec: { containers: [MAIN] } };

/**
 * This API server has no controllers: the tests create by hand what controllers would, and send the pods to
 * the webhook.
 */
describeWithServers('events on the workload of refused pods', ({ cluster }) => {
	let place: Scratch;
	let kubectl: Kubectl;
	let webhook: RunningWebhook;
	beforeAll(async () => {
		const programs = await preparePrograms(['kubectl']);
		if (!programs.ok) throw new Error(programs.error);
		kubectl = kubectlFor(programs.value.kubectl, cluster);
		place = await scratch('events');
		await grantShippedRights(cluster);
		webhook = await started();
	});
	afterAll(async () => {
		await webhook?.stop();
		await place?.remove();
	});

	async function started(env: Partial<WebhookEnv> = {}, port?: number): Promise<RunningWebhook> {
		return startWebhook({
			ENVTIER_VAULT_ADDR: 'https://vault.example:8200',
			ENVTIER_KUBECONFIG: await webhookKubeconfig(cluster, place.dir, port),
			...env,
		});
	}

	async function made<T extends KubernetesObject>(path: string, object: T): Promise<T> {
		return expectStatus(await cluster.request<T>('POST', path, object), 201, `creating ${object.kind}`);
	}

	const controlledBy = ({ apiVersion = '', kind = '', metadata }: KubernetesObject) => [
		{ apiVersion, kind, name: metadata?.name ?? '', uid: metadata?.uid ?? '', controller: true },
	];

	/** A Deployment with its ReplicaSet in a namespace of their own. */
	async function deployment() {
		const namespace = await cluster.createNamespace();
		const path = `/apis/apps/v1/namespaces/${namespace}`;
		const common = { apiVersion: 'apps/v1' };
		const spec = { selector: { matchLabels: { app: NAME } }, template: TEMPLATE };
		const top = await made(`${path}/deployments`, {
			...common,
			kind: 'Deployment',
			metadata: { name: NAME },
			spec,
		});
		const metadata = {
			name: `${NAME}-abc`,
			ownerReferences: controlledBy({ ...top, ...common, kind: 'Deployment' }),
		};
		const set = await made(`${path}/replicasets`, { ...common, kind: 'ReplicaSet', metadata, spec });
		return { namespace, owner: { ...set, ...common, kind: 'ReplicaSet' } as KubernetesObject };
	}

	/** The pod that the controller of `owner` would create; it has a typo. */
	function podOfOwner(owner: KubernetesObject): V1Pod {
		const pod = podOf({ envtier: { deployment: 'shop', sevrice: 'web' } });
		const { name: _, ...metadata } = pod.metadata ?? {};
		return {
			...pod,
			metadata: {
				...metadata,
				generateName: `${owner.metadata?.name}-`,
				ownerReferences: controlledBy(owner),
			},
		};
	}

	/** Shows a pod to a webhook, which refuses it. */
	async function refuse(
		namespace: string,
		owner: KubernetesObject,
		dryRun = false,
		by = webhook,
		from = '127.0.0.1',
	): Promise<void> {
		const { json } = await call({
			...{ url: `${by.url}/mutate`, caPem: by.caPem, method: 'POST', localAddress: from },
			body: review(podOfOwner(owner), { namespace, dryRun }),
		});
		expect(json).toMatchObject({ response: { allowed: false, status: { code: 403, message: SENTENCE } } });
	}

	async function events(namespace: string): Promise<readonly CoreV1Event[]> {
		const { body } = await cluster.request<{ items: CoreV1Event[] }>(
			'GET',
			`/api/v1/namespaces/${namespace}/events`,
		);
		return body.items;
	}

	async function told(result: string, by = webhook): Promise<number> {
		const { text } = await call({ url: `${by.url}/metrics`, caPem: by.caPem });
		return samplesOf(text).get(`envtier_webhook_events_total{result="${result}"}`) ?? Number.NaN;
	}

	test('whoever looks at a Deployment that makes no pods finds the sentence there', async () => {
		const { namespace, owner } = await deployment();
		await refuse(namespace, owner);
		await until('the event', async () => (await events(namespace)).length > 0);
		const { stdout } = await kubectl('describe', 'deployment', NAME, '-n', namespace);
		expect(stdout).toMatch(
			/Warning +PodRefused .* envtier-webhook +Envtier refuses its pods \(unknown-annotation\): /,
		);
		expect(stdout).toContain(SENTENCE);
	});

	test('and at a CronJob whose Jobs make none', async () => {
		const namespace = await cluster.createNamespace();
		const path = `/apis/batch/v1/namespaces/${namespace}`;
		const job = { template: { ...TEMPLATE, spec: { ...TEMPLATE.spec, restartPolicy: 'Never' } } };
		const common = { apiVersion: 'batch/v1' };
		const cron = await made(`${path}/cronjobs`, {
			...{ ...common, kind: 'CronJob', metadata: { name: NAME } },
			spec: { schedule: '0 0 1 1 *', jobTemplate: { spec: job } },
		});
		const ownerReferences = controlledBy({ ...cron, ...common, kind: 'CronJob' });
		const run = await made(`${path}/jobs`, {
			...{ ...common, kind: 'Job', metadata: { name: `${NAME}-1`, ownerReferences }, spec: job },
		});
		await refuse(namespace, { ...run, ...common, kind: 'Job' } as KubernetesObject);
		await until('the event', async () => (await events(namespace)).length > 0);
		const { stdout } = await kubectl('describe', 'cronjob', NAME, '-n', namespace);
		expect(stdout).toContain(SENTENCE);
	});

	test('a controller that tries on and two replicas make one event, which counts', async () => {
		const { namespace, owner } = await deployment();
		const other = await started();
		try {
			await until(
				'it to be ready',
				async () => (await call({ url: `${other.url}/readyz`, caPem: other.caPem })).status === 200,
			);
			await refuse(namespace, owner);
			await until('the event', async () => (await events(namespace)).length > 0);
			for (let i = 0; i < 3; i++) await refuse(namespace, owner, false, other);
			await until('the other’s part', async () => (await told('written', other)) === 2);
			const limited = await told('limited');
			for (let i = 0; i < 10; i++) await refuse(namespace, owner);
			await until('the rest to be dropped', async () => (await told('limited')) === limited + 9);
			await until('the count', async () => ((await events(namespace))[0]?.count ?? 0) >= 4);
			const all = await events(namespace);
			expect(all).toHaveLength(1);
			expect(all[0]?.count).toBeLessThanOrEqual(14);
		} finally {
			await other.stop();
		}
	});

	test('nothing is written for a dry run, for an owner that is only claimed, or for one that is nobody’s', async () => {
		const { namespace, owner } = await deployment();
		await refuse(namespace, owner, true);
		await refuse(namespace, { ...owner, metadata: { name: `${NAME}-abc`, uid: 'claimed' } });
		await refuse(namespace, { ...owner, metadata: { name: 'gone', uid: 'gone' } });
		await refuse(namespace, {
			apiVersion: 'apps/v1',
			kind: 'StatefulSet',
			metadata: { name: NAME, uid: 's' },
		});
		const alone = await made(`/apis/apps/v1/namespaces/${namespace}/replicasets`, {
			...{ apiVersion: 'apps/v1', kind: 'ReplicaSet', metadata: { name: 'alone' } },
			spec: {
				selector: { matchLabels: { app: 'alone' } },
				template: { ...TEMPLATE, metadata: { labels: { app: 'alone' } } },
			},
		});
		await refuse(namespace, { ...alone, apiVersion: 'apps/v1', kind: 'ReplicaSet' } as KubernetesObject);
		// Refusals are told of in their order, so once this one is, nothing of the others will come.
		const last = await deployment();
		await refuse(last.namespace, last.owner);
		await until('the last', async () => (await events(last.namespace)).length > 0);
		expect(await events(namespace)).toEqual([]);
	});

	test('without the right to write events pods are decided as ever, one line says so, and it is counted; with it again they are written', async () => {
		const account = await accountWithout(cluster, 'events');
		const kubeconfig = await webhookKubeconfig(cluster, place.dir, undefined, account);
		const other = await started({ ENVTIER_KUBECONFIG: kubeconfig });
		const lines = () =>
			other.process
				.stdout()
				.split('\n')
				.filter((line) => line.includes('an event could not be written'));
		try {
			// Its other rights are there: it knows the labels of namespaces.
			await until(
				'it to be ready',
				async () => (await call({ url: `${other.url}/readyz`, caPem: other.caPem })).status === 200,
			);
			const namespaces = new Set<string>();
			for (let i = 0; i < 4; i++) {
				const { namespace, owner } = await deployment();
				namespaces.add(namespace);
				await refuse(namespace, owner, false, other);
			}
			await until('all to be tried', async () => (await told('failed', other)) === 4);
			expect(lines()).toHaveLength(1);
			expect(lines()[0]).toContain('cannot create resource \\"events\\"');
			for (const namespace of namespaces) expect(await events(namespace)).toEqual([]);
			const good = await call({
				...{ url: `${other.url}/mutate`, caPem: other.caPem, method: 'POST' },
				body: review(podOf({ envtier: { deployment: 'shop' } }), { namespace: account.namespace }),
			});
			expect(good.json).toMatchObject({ response: { allowed: true, patch: expect.any(String) } });

			await account.giveBack();
			await until(
				'an event',
				async () => {
					const { namespace, owner } = await deployment();
					await refuse(namespace, owner, false, other);
					return (await told('written', other)) > 0;
				},
				{ everyMs: 500 },
			);
			expect(lines()).toHaveLength(1);
		} finally {
			await other.stop();
		}
	});

	test('without an API server pods are decided as ever', async () => {
		await using proxy = await startTcpProxy(Number(new URL(cluster.url).port));
		const other = await started({ ENVTIER_ORG_LABEL: 'ignore' }, proxy.port);
		try {
			await proxy.refuse(true);
			const { namespace, owner } = await deployment();
			await refuse(namespace, owner, false, other);
			await until('word of it', () => other.process.stdout().includes('an event could not be written'));
			expect(await told('failed', other)).toBe(1);
			// A proxy that takes everything and says nothing: the answer does not wait for it.
			await proxy.refuse(false);
			proxy.setFault(() => ({ kind: 'silent', after: 0 }));
			const began = performance.now();
			await refuse(namespace, owner, false, other);
			expect(performance.now() - began).toBeLessThan(5_000);
		} finally {
			await other.stop();
		}
	});

	test('a flood of owners that are only claimed makes no event and takes nothing from the allowance of others', async () => {
		const other = await started();
		try {
			await until(
				'it to be ready',
				async () => (await call({ url: `${other.url}/readyz`, caPem: other.caPem })).status === 200,
			);
			const known = await deployment();
			await refuse(known.namespace, known.owner, false, other);
			await until('its event', async () => (await events(known.namespace)).length > 0);
			const unknown = await deployment();
			const { namespace, owner } = await deployment();
			// All at once: an allowance grows with time.
			const flood = Array.from({ length: 120 }, (_, i) => {
				const metadata = {
					name: `${NAME}-abc`,
					uid: i % 2 === 0 ? `claimed-${i}` : (owner.metadata?.uid ?? ''),
				};
				// Every second one has the right UID and a wrong name: it must decide nothing about the right owner.
				if (i % 2 === 1) metadata.name = `claimed-${i}`;
				return refuse(namespace, { ...owner, metadata }, false, other);
			});
			await Promise.all(flood);
			await until('most of them to be dropped', async () => (await told('limited', other)) >= 50);
			expect(await events(namespace)).toEqual([]);
			// One that is known already is told of by the same caller, any other one by another caller.
			await refuse(known.namespace, known.owner, false, other);
			await until('it to count', async () => ((await events(known.namespace))[0]?.count ?? 0) >= 2);
			for (const one of [unknown, { namespace, owner }])
				await refuse(one.namespace, one.owner, false, other, '127.0.0.2');
			for (const { namespace: each } of [unknown, { namespace }])
				await until('the event', async () => (await events(each)).length === 1);
		} finally {
			await other.stop();
		}
	});

	test('whose image decides about the UID: the warning stands on the Deployment, once', async () => {
		const { namespace, owner } = await deployment();
		const { securityContext: _, ...main } = MAIN;
		const pod = podOfOwner(owner);
		const warned = {
			...pod,
			metadata: { ...pod.metadata, annotations: { 'envtier.dev/deployment': 'shop' } },
			spec: { containers: [main] },
		};
		for (let i = 0; i < 3; i++) {
			const { json } = await call({
				...{ url: `${webhook.url}/mutate`, caPem: webhook.caPem, method: 'POST' },
				body: review(warned, { namespace }),
			});
			expect(json).toMatchObject({ response: { allowed: true, warnings: [expect.any(String)] } });
		}
		await until('the event', async () => (await events(namespace)).length > 0);
		const { stdout } = await kubectl('describe', 'deployment', NAME, '-n', namespace);
		expect(stdout).toMatch(
			/Warning +PodWarning .* envtier-webhook +Envtier injects its pods, but the image of "main" must run as UID 65532 /,
		);
		await refuse(namespace, owner);
		await until('the refusal', async () => (await events(namespace)).length === 2);
		expect((await events(namespace)).map(({ count }) => count)).toEqual([1, 1]);
	});

	test('can be switched off', async () => {
		const other = await started({ ENVTIER_EVENTS: 'false' });
		try {
			const { namespace, owner } = await deployment();
			await refuse(namespace, owner, false, other);
			await refuse(namespace, owner);
			await until('the event of the one that writes', async () => (await events(namespace)).length > 0);
			expect((await events(namespace))[0]?.count).toBe(1);
			expect(await told('written', other)).toBe(0);
		} finally {
			await other.stop();
		}
	});
});
