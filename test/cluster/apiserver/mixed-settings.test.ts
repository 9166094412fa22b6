import type { V1Pod } from '@kubernetes/client-node';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { flow } from '../../certs/support.ts';
import { type Balancer, startBalancer } from '../../support/balancer.ts';
import { type ApiServer, startApiServer } from '../../support/kubernetes/apiserver.ts';
import { createPod, injectedInto, MAIN, podOf } from '../../support/kubernetes/pods.ts';
import { applyInjectionPolicy } from '../../support/kubernetes/require-injection.ts';
import { startSidecarWebhook } from '../../support/kubernetes/sidecar-webhook.ts';
import { registerWebhook } from '../../support/kubernetes/webhook-configuration.ts';
import { describeWithServers } from '../../support/servers.ts';
import { until } from '../../support/until.ts';
import { type RunningWebhook, startWebhook } from '../../support/webhook.ts';

/** What the replicas of two versions of the settings tell the fetcher. */
const OLD = {
	ENVTIER_VAULT_ADDR: 'https://vault.old:8200',
	ENVTIER_DEADLINE: '60',
	ENVTIER_DEFAULT_UID: '1001',
};
const NEW = {
	ENVTIER_VAULT_ADDR: 'https://vault.new:8200',
	ENVTIER_DEADLINE: '30',
	ENVTIER_DEFAULT_UID: '1002',
};
const IMAGES = ['registry.example/envtier-fetcher:1', 'registry.example/envtier-fetcher:2'] as const;

const SIDECAR = { ...MAIN, name: 'mesh-proxy', image: 'registry.example/mesh:1' };
const ASKS = { org: 'acme', deployment: 'shop', service: 'web', containers: 'main' };
/** Says no UID, so that the setting decides. */
const BARE = { name: 'main', image: 'registry.example/app:1' };

/** Variables, source of the settings, and user of a pod's fetcher. */
function tellOf(pod: V1Pod): readonly unknown[] {
	const fetcher = pod.spec?.initContainers?.find(({ name }) => name === 'envtier-fetch');
	const value = (name: string) => fetcher?.env?.find((one) => one.name === name)?.value;
	return [
		value('ENVTIER_VAULT_ADDR'),
		value('ENVTIER_DEADLINE'),
		String(fetcher?.securityContext?.runAsUser),
		fetcher?.image,
	];
}

// An API server of its own: elsewhere the webhook has one kind of settings.
describeWithServers('beside another webhook that changes pods after us', () => {
	let cluster: ApiServer;
	let replicas: readonly RunningWebhook[] = [];
	let service: Balancer;
	beforeAll(async () => {
		const started = await startApiServer();
		if (!started.ok) throw new Error(started.error);
		cluster = started.value;
		await applyInjectionPolicy(cluster);
		replicas = await Promise.all([
			startWebhook({ ...OLD, ENVTIER_FETCHER_IMAGE: IMAGES[0] }),
			startWebhook({ ...NEW, ENVTIER_FETCHER_IMAGE: IMAGES[1] }),
		]);
		service = await startBalancer(replicas.map(({ url }) => Number(new URL(url).port)));
		const caPem = replicas.map((one) => one.caPem).join('\n');
		await registerWebhook(cluster, { url: `https://127.0.0.1:${service.port}`, caPem });
	});
	afterAll(async () => {
		await service?.stop();
		for (const replica of replicas) await replica.stop();
		await cluster?.stop();
	});

	/** Lines of the replicas' logs that say so. */
	const logged = (message: string): number =>
		replicas.reduce(
			(sum, replica) => sum + replica.process.stdout().split(`"msg":"${message}"`).length - 1,
			0,
		);

	test('two replicas with different settings refuse none of the pods, and each pod has the settings of one of them', async () => {
		const namespace = await cluster.createNamespace();
		const mesh = await startSidecarWebhook(cluster, {
			name: `z-mesh-${namespace}`,
			namespace,
			sidecar: SIDECAR,
		});
		const tales = [
			[...Object.values(OLD), IMAGES[0]],
			[...Object.values(NEW), IMAGES[1]],
		];
		const seen = new Set<string>();
		const problems: string[] = [];
		const load = flow(async () => {
			const pod = podOf({ name: crypto.randomUUID(), envtier: ASKS, spec: { containers: [BARE] } });
			const { status, body } = await createPod(cluster, namespace, pod, 'dryRun=All');
			if (status !== 201) return `${status} ${body.message}`;
			const told = tellOf(body);
			seen.add(JSON.stringify(told));
			if (!tales.some((tale) => JSON.stringify(tale) === JSON.stringify(told))) return JSON.stringify(told);
			return injectedInto(body).length === 1 ? undefined : JSON.stringify(injectedInto(body));
		});
		try {
			await until(
				'reviews by one replica and then the other',
				() => logged('reconciled') > 100 && load.done() > 400,
				{
					timeoutMs: 60_000,
					everyMs: 100,
				},
			);
		} finally {
			problems.push(...(await load.stop()));
			await mesh.stop();
		}
		expect(problems).toEqual([]);
		expect(seen.size).toBe(2);
		process.stderr.write(
			`[mixed settings] ${load.done()} pods, ${logged('reconciled')} of them brought from one setting to the other, 0 refused\n`,
		);
	}, 120_000);

	describe('a policy engine', () => {
		const attempt = async (
			policy: { spec?: object; container?: object },
			reinvocationPolicy: 'IfNeeded' | 'Never',
		) => {
			const namespace = await cluster.createNamespace();
			const name = `z-policy-${namespace}`;
			const engine = await startSidecarWebhook(cluster, {
				...{ name, namespace, sidecar: SIDECAR, policy, reinvocationPolicy },
			});
			try {
				const pod = podOf({ envtier: ASKS, spec: { containers: [BARE] } });
				return await createPod(cluster, namespace, pod, 'dryRun=All');
			} finally {
				await engine.stop();
			}
		};

		test('that gives the pod a UID: the fetcher runs as that user', async () => {
			const { status, body } = await attempt({ spec: { securityContext: { runAsUser: 4711 } } }, 'IfNeeded');
			expect(status, body.message).toBe(201);
			expect(tellOf(body)[2]).toBe('4711');
		});

		test('that gives every container variables: they are taken out of ours, and the author is told', async () => {
			const envFrom = [{ configMapRef: { name: 'all', optional: true } }];
			const { status, body, warnings } = await attempt({ container: { envFrom } }, 'Never');
			expect(status, body.message).toBe(201);
			expect(body.spec?.initContainers?.map((container) => container.envFrom)).toEqual([undefined]);
			expect(body.spec?.containers[0]?.envFrom).toEqual(envFrom);
			expect(warnings.join()).toContain('init container "envtier-fetch": envFrom');
		});

		test('that insists on it: the policy refuses the pod, and names the container, the field and the cure', async () => {
			const envFrom = [{ configMapRef: { name: 'all', optional: true } }];
			const { status, body } = await attempt({ container: { envFrom } }, 'IfNeeded');
			expect(status).toBe(422);
			expect(body.message).toMatch(/"envtier-fetch" has envFrom.*another webhook.*leave out containers/s);
		});
	});
});
