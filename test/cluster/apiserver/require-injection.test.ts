import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { V1Pod } from '@kubernetes/client-node';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { parse } from 'yaml';
import { goldenCases } from '../../golden/cases.ts';
import { API_SERVER_METRICS } from '../../monitoring/support.ts';
import { type ApiServer, startApiServer } from '../../support/kubernetes/apiserver.ts';
import { createPod, injectedInto, MAIN, podOf } from '../../support/kubernetes/pods.ts';
import { applyInjectionPolicy } from '../../support/kubernetes/require-injection.ts';
import {
	registerWebhook,
	type shippedWebhookConfiguration,
} from '../../support/kubernetes/webhook-configuration.ts';
import { samplesOf } from '../../support/metrics.ts';
import { describeWithServers } from '../../support/servers.ts';
import { until } from '../../support/until.ts';
import { type RunningWebhook, startWebhook } from '../../support/webhook.ts';
import { provide } from './support/golden.ts';
import { expectTaken, minorOf } from './support/version.ts';

const ENV = { ENVTIER_VAULT_ADDR: 'https://vault.example:8200' };
const ASKS = { org: 'acme', deployment: 'shop', service: 'web', require: 'DATABASE_URL, SMTP_HOST' };
const WEBHOOK_CONFIGURATION = '/apis/admissionregistration.k8s.io/v1/mutatingwebhookconfigurations/envtier';
const REFUSED =
	/ValidatingAdmissionPolicy 'envtier-require-injection' with binding 'envtier-require-injection' denied request: /;
const MERGE = { contentType: 'application/merge-patch+json' };

const CASES = goldenCases().map((golden) => ({
	...golden,
	expected: parse(readFileSync(join(golden.folder, 'expected.yaml'), 'utf8')) as {
		readonly kind: 'inject' | 'skip' | 'reject';
		readonly pod?: V1Pod;
	},
}));

// An API server of its own: elsewhere the webhook configuration must stay.
describeWithServers('the policy that requires injection', () => {
	let cluster: ApiServer;
	let namespace: string;
	let webhook: RunningWebhook;
	beforeAll(async () => {
		const started = await startApiServer();
		if (!started.ok) throw new Error(started.error);
		cluster = started.value;
		await applyInjectionPolicy(cluster);
		namespace = await cluster.createNamespace();
		webhook = await startWebhook(ENV);
	});
	afterAll(async () => {
		await webhook?.stop();
		await cluster?.stop();
	});

	/** Tries a golden pod in our namespace, whatever namespace it names. */
	async function attempt(pod: V1Pod) {
		await provide(cluster, namespace, pod);
		const { namespace: _, ...metadata } = pod.metadata ?? {};
		return createPod(cluster, namespace, { ...pod, metadata }, 'dryRun=All');
	}

	describe('while there is no webhook configuration', () => {
		test('a pod that asks for secrets is refused, and told what to do', async () => {
			const { status, body } = await createPod(cluster, namespace, podOf({ envtier: ASKS }));
			expect(status).toBe(422);
			expect(body.message).toMatch(REFUSED);
			expect(body.message).toContain('no init container "envtier-fetch"');
			expect(body.message).toContain('kubectl get mutatingwebhookconfiguration envtier');
			expect(body.message).toContain('envtier.dev/inject to "false"');
			const read = await cluster.request('GET', `/api/v1/namespaces/${namespace}/pods/web`);
			expect(read.status).toBe(404);
		});

		test('the refusal stands in the audit log', async () => {
			const own = await cluster.createNamespace();
			await createPod(cluster, own, podOf({ envtier: ASKS }));
			const event = await until('the audit event', async () =>
				(await cluster.auditEvents()).find(
					({ verb, objectRef }) => verb === 'create' && objectRef?.namespace === own,
				),
			);
			const said = event.annotations?.['validation.policy.admission.k8s.io/validation_failure'];
			expect(said).toContain('envtier-require-injection');
		});

		test.each([
			['a dry run', ASKS, 'dryRun=All'],
			['a misspelt annotation', { deploymnet: 'shop' }, ''],
			['an opt-out that is misspelt', { ...ASKS, inject: 'no' }, ''],
		])('%s is refused like the real thing', async (_, envtier, query) => {
			const { status, body } = await createPod(cluster, namespace, podOf({ envtier }), query);
			expect(status).toBe(422);
			expect(body.message).toMatch(REFUSED);
		});

		test.each([
			['that asks for nothing', {}],
			['that opts out', { ...ASKS, inject: 'false' }],
		])('a pod %s is created', async (_, envtier) => {
			const { status, warnings } = await createPod(cluster, namespace, podOf({ envtier }), 'dryRun=All');
			expect(status).toBe(201);
			expect(warnings).toEqual([]);
		});

		test.each(['kube-system', 'kube-public', 'kube-node-lease', 'envtier-system'])(
			'pods of %s are created, whatever they say',
			async (name) => {
				await cluster.createNamespace({ name });
				const { status } = await createPod(cluster, name, podOf({ envtier: ASKS }), 'dryRun=All');
				expect(status).toBe(201);
			},
		);

		test('a pod that runs already can be annotated, changed, debugged and deleted', async () => {
			const path = `/api/v1/namespaces/${namespace}/pods/running`;
			expect((await createPod(cluster, namespace, podOf({ name: 'running' }))).status).toBe(201);
			const annotations = { 'envtier.dev/deployment': 'shop' };
			const changed = await cluster.request('PATCH', path, { metadata: { annotations } }, MERGE);
			expect(changed.status).toBe(200);
			const debug = { spec: { ephemeralContainers: [{ name: 'debug', image: 'registry.example/sh:1' }] } };
			const strategic = { contentType: 'application/strategic-merge-patch+json' };
			const debugged = await cluster.request('PATCH', `${path}/ephemeralcontainers`, debug, strategic);
			expect(debugged.status, JSON.stringify(debugged.body)).toBe(200);
			expect((await cluster.request('DELETE', path)).status).toBe(200);
		});
	});

	describe('and golden pods', () => {
		test.each(CASES.filter(({ expected }) => expected.kind === 'inject'))(
			'$sentence: passes once injected, not before',
			async ({ pod, expected }) => {
				const injected = expected.pod as V1Pod;
				expectTaken(injected, await attempt(injected), await minorOf(cluster));
				const before = await attempt(pod as V1Pod);
				expect(before.body.message).toMatch(REFUSED);
			},
		);

		test.each(CASES.filter(({ expected }) => expected.kind === 'reject'))(
			'what the webhook refuses is refused here, too: $sentence',
			async ({ pod }) => {
				expect((await attempt(pod as V1Pod)).status).not.toBe(201);
			},
		);

		const skipped = CASES.filter(
			({ expected, request }) => expected.kind === 'skip' && Object.keys(request).length === 0,
		);
		test.each(skipped)('what the webhook leaves alone passes: $sentence', async ({ pod }) => {
			const { status, body } = await attempt(pod as V1Pod);
			expect(status, body.message).toBe(201);
		});
	});

	describe('with the webhook configuration', () => {
		let takeAway: () => Promise<void>;
		beforeAll(async () => {
			takeAway = await registerWebhook(cluster, webhook);
		});

		test('the pod is injected and created', async () => {
			const { status, body } = await createPod(cluster, namespace, podOf({ name: 'asks', envtier: ASKS }));
			expect(status, JSON.stringify(body)).toBe(201);
			expect(injectedInto(body)).toEqual(['envtier-fetch']);
		});

		test('a pod with as much as injection adds to one is not too much for the policy', async () => {
			// 16 users, 32 parts, and beside each reader's own mounts ten of somebody else's.
			const names = Array.from({ length: 32 }, (_, i) => `app-${i}`);
			const parts = Object.fromEntries(names.map((name, i) => [`keys.${name}`, `KEY_${i}`]));
			const pod = podOf({ envtier: { ...ASKS, ...parts } });
			const volumes = Array.from({ length: 10 }, (_, i) => ({ name: `cache-${i}`, emptyDir: {} }));
			const volumeMounts = volumes.map(({ name }) => ({ name, mountPath: `/var/${name}` }));
			pod.spec = {
				...pod.spec,
				volumes,
				containers: names.map((name, i) => ({
					...{ ...MAIN, name, volumeMounts },
					securityContext: { runAsUser: 1000 + (i % 16) },
				})),
			};
			const { status, body } = await createPod(cluster, namespace, pod, 'dryRun=All');
			expect(status, body.message).toBe(201);
			expect(injectedInto(body)).toHaveLength(16);
			expect(body.spec?.volumes?.filter(({ name }) => /^envtier-secrets/.test(name))).toHaveLength(32);
		});

		test('what the webhook refuses still gets the webhook’s own sentence', async () => {
			const { body } = await createPod(cluster, namespace, podOf({ envtier: { sevrice: 'web' } }));
			expect(body.message).toContain('did you mean envtier.dev/service?');
		});

		/**
		 * Changes the webhook configuration, tries a pod until it is refused, and restores the webhook
		 * configuration.
		 */
		async function whileChanged(change: (shipped: Webhook) => Partial<Webhook>) {
			const now = await cluster.request<{ webhooks: Webhook[] }>('GET', WEBHOOK_CONFIGURATION);
			const [registered] = now.body.webhooks;
			if (registered === undefined) throw new Error('no webhook is registered');
			const webhooks = [{ ...registered, ...change(registered) }];
			const changed = await cluster.request('PATCH', WEBHOOK_CONFIGURATION, { webhooks }, MERGE);
			expect(changed.status, JSON.stringify(changed.body)).toBe(200);
			const tried = () => createPod(cluster, namespace, podOf({ envtier: ASKS }), 'dryRun=All');
			try {
				return await until('the changed webhook configuration to be in force', async () => {
					const answer = await tried();
					return answer.status === 201 ? undefined : answer;
				});
			} finally {
				await cluster.request('PATCH', WEBHOOK_CONFIGURATION, { webhooks: [registered] }, MERGE);
				await until(
					'the webhook configuration to be whole again',
					async () => (await tried()).status === 201,
				);
			}
		}

		const nowhere = { url: 'https://127.0.0.1:1/mutate' };
		const selector = (key: string, operator: string, values: string[]) => ({
			matchExpressions: [{ key, operator, values }],
		});
		test.each<[string, (shipped: Webhook) => Partial<Webhook>]>([
			['leaves out the namespace', () => ({ namespaceSelector: selector('team', 'In', ['other']) })],
			['asks for a label', () => ({ objectSelector: { matchLabels: { envtier: 'yes' } } })],
			[
				'has one more condition',
				({ matchConditions = [] }) => ({
					matchConditions: [...matchConditions, { name: 'never', expression: 'false' }],
				}),
			],
			[
				'has failurePolicy Ignore and leads nowhere',
				() => ({ failurePolicy: 'Ignore', clientConfig: nowhere }),
			],
		])('one that %s lets no pod start without its secrets', async (_, change) => {
			expect((await whileChanged(change)).body.message).toMatch(REFUSED);
		});

		test('the metrics that the alerts read tell of a webhook out of reach, and of the policy’s work', async () => {
			const { status } = await whileChanged(() => ({ clientConfig: nowhere }));
			expect(status).toBe(500);
			const { body } = await cluster.request<string>('GET', '/metrics');
			const counted = [...samplesOf(body)].filter(([, value]) => value > 0).map(([name]) => name);
			const having = (metric: string, ...labels: string[]) =>
				counted.filter((one) => one.startsWith(`${metric}{`) && labels.every((label) => one.includes(label)));
			const [rejections, checks] = API_SERVER_METRICS;
			const ours = 'name="inject.envtier.dev"';
			expect(having(rejections, ours, 'error_type="calling_webhook_error"')).not.toEqual([]);
			expect(having(checks, 'policy="envtier-require-injection"', 'enforcement_action="deny"')).not.toEqual(
				[],
			);
		});

		describe('deleted after the pod was injected', () => {
			let injected: V1Pod;
			beforeAll(async () => {
				const { body } = await createPod(cluster, namespace, podOf({ envtier: ASKS }), 'dryRun=All');
				injected = { apiVersion: 'v1', kind: 'Pod', ...clean(body) };
				await takeAway();
				await until('the webhook configuration to be gone', async () => {
					const { body } = await createPod(cluster, namespace, podOf({ envtier: ASKS }), 'dryRun=All');
					return REFUSED.test(body.message ?? '');
				});
			});

			test('the pod as it was injected is created', async () => {
				const { status, body } = await createPod(cluster, namespace, injected, 'dryRun=All');
				expect(status, body.message).toBe(201);
			});

			test.each<[string, RegExp, (pod: Parts) => void]>([
				[
					'the init container is gone',
					/no init container/,
					({ pod }) => {
						if (pod.spec) pod.spec.initContainers = [];
					},
				],
				[
					'it has another name',
					/no init container/,
					({ fetcher }) => {
						fetcher.name = 'envtier-fetched';
					},
				],
				[
					'it is an app container',
					/no init container/,
					({ pod, fetcher }) => {
						if (pod.spec) pod.spec = { ...pod.spec, initContainers: [], containers: [MAIN, fetcher] };
					},
				],
				[
					'it runs a command',
					/has a command/,
					({ fetcher }) => {
						fetcher.command = ['true'];
					},
				],
				[
					'it has arguments',
					/"envtier-fetch" has args, .* another webhook/,
					({ fetcher }) => {
						fetcher.args = ['--version'];
					},
				],
				[
					'its variables come from elsewhere',
					/"envtier-fetch" has envFrom, .* leave out containers/,
					({ fetcher }) => {
						fetcher.envFrom = [{ configMapRef: { name: 'mine' } }];
					},
				],
				[
					'the application does not wait for it',
					/"envtier-fetch" has a restartPolicy/,
					({ fetcher }) => {
						fetcher.restartPolicy = 'Always';
					},
				],
				[
					'a variable decides how it starts',
					/variable NODE_OPTIONS, which decides how programs start.* another webhook/,
					({ fetcher }) => {
						fetcher.env?.push({ name: 'NODE_OPTIONS', value: '--require=/x.js' });
					},
				],
				[
					'the application runs as another user than the fetcher',
					/another webhook has changed runAsUser/,
					({ pod }) => {
						for (const container of pod.spec?.containers ?? [])
							container.securityContext = { runAsUser: 4711 };
					},
				],
				[
					'the application mounts the token of the fetcher',
					/mounts "envtier-token"/,
					({ pod }) => {
						pod.spec?.containers[0]?.volumeMounts?.push({ name: 'envtier-token', mountPath: '/token' });
					},
				],
				[
					'a container that is not named takes the files',
					/does not name takes files/,
					({ pod }) => {
						const { volumeMounts = [] } = pod.spec?.containers[0] ?? {};
						pod.spec?.containers.push({ ...MAIN, name: 'other', volumeMounts });
						Object.assign(pod.metadata?.annotations ?? {}, { 'envtier.dev/containers': 'main' });
					},
				],
				[
					'an init container that reads the files stands before the fetcher',
					/stands before the init container "envtier-fetch"/,
					({ pod }) => {
						const { volumeMounts = [] } = pod.spec?.containers[0] ?? {};
						pod.spec?.initContainers?.unshift({ ...MAIN, name: 'migrate', volumeMounts });
					},
				],
				[
					'it has no variables',
					/variables/,
					({ fetcher }) => {
						delete fetcher.env;
					},
				],
				[
					'it reads another deployment',
					/variables/,
					({ fetcher }) => {
						setVariable(fetcher, 'ENVTIER_DEPLOYMENT', 'other');
					},
				],
				[
					'a second variable overrides the first',
					/variables/,
					({ fetcher }) => {
						fetcher.env?.push({ name: 'ENVTIER_DEPLOYMENT', value: 'other' });
					},
				],
				[
					'the annotation names another service',
					/variables/,
					({ pod }) => {
						Object.assign(pod.metadata?.annotations ?? {}, { 'envtier.dev/service': 'other' });
					},
				],
				[
					'the service tier is left out',
					/variables/,
					({ fetcher }) => {
						fetcher.env = (fetcher.env ?? []).filter(({ name }) => name !== 'ENVTIER_SERVICE');
					},
				],
				[
					'the organization is another one',
					/variables/,
					({ fetcher }) => {
						setVariable(fetcher, 'ENVTIER_ORG', 'other');
					},
				],
				[
					'its token is another file',
					/variables/,
					({ fetcher }) => {
						setVariable(fetcher, 'ENVTIER_TOKEN_FILE', '/tmp/token');
					},
				],
				[
					'it writes elsewhere',
					/variables/,
					({ fetcher }) => {
						setVariable(fetcher, 'ENVTIER_OUT', '/tmp');
					},
				],
				[
					'it has no Vault to ask',
					/variables/,
					({ fetcher }) => {
						setVariable(fetcher, 'ENVTIER_VAULT_ADDR', '');
					},
				],
				[
					'it insists on fewer keys',
					/insist/,
					({ fetcher }) => {
						setVariable(fetcher, 'ENVTIER_REQUIRE', 'DATABASE_URL');
					},
				],
				[
					'it has no token',
					/lacks a volume/,
					({ fetcher }) => {
						fetcher.volumeMounts = (fetcher.volumeMounts ?? []).filter(
							({ name }) => name !== 'envtier-token',
						);
					},
				],
				[
					'the token is no token',
					/lacks a volume/,
					({ pod }) => {
						setVolume(pod, { name: 'envtier-token', emptyDir: {} });
					},
				],
				[
					'its volume is on a disk',
					/lacks a volume/,
					({ pod }) => {
						setVolume(pod, { name: 'envtier-secrets', emptyDir: {} });
					},
				],
				[
					'nobody mounts what it writes',
					/no container/,
					({ pod }) => {
						for (const container of pod.spec?.containers ?? []) delete container.volumeMounts;
					},
				],
				[
					'it is mounted at another path',
					/no container/,
					({ pod }) => {
						Object.assign(pod.metadata?.annotations ?? {}, { 'envtier.dev/path': '/elsewhere' });
					},
				],
			])('edited so that %s, it is refused', async (_, sentence, edit) => {
				const pod = structuredClone(injected);
				const fetcher = pod.spec?.initContainers?.[0];
				if (fetcher === undefined) throw new Error('the pod was not injected');
				edit({ pod, fetcher });
				const { status, body } = await createPod(cluster, namespace, pod, 'dryRun=All');
				expect(status, JSON.stringify(body)).toBe(422);
				expect(body.message).toMatch(REFUSED);
				expect(body.message).toMatch(sentence);
			});

			const parts = CASES.find(({ sentence }) => sentence.startsWith('two containers take different parts'))
				?.expected.pod;
			test.each<[string, RegExp, (pod: Parts) => void]>([
				[
					'the second part has no volume in memory',
					/a part of the secrets/,
					({ pod }) => setVolume(pod, { name: 'envtier-secrets-part-2', emptyDir: {} }),
				],
				[
					'the second part is written elsewhere',
					/a part of the secrets/,
					({ fetcher }) => setVariable(fetcher, 'ENVTIER_OUT_2', '/secrets'),
				],
				[
					'the fetcher does not have the second part’s volume',
					/a part of the secrets/,
					({ fetcher }) => {
						fetcher.volumeMounts = (fetcher.volumeMounts ?? []).filter(
							({ name }) => name !== 'envtier-secrets-part-2',
						);
					},
				],
				[
					'nobody reads the second part',
					/a part of the secrets/,
					({ pod }) => {
						for (const mount of (pod.spec?.containers ?? []).flatMap((one) => one.volumeMounts ?? []))
							if (mount.name === 'envtier-secrets-part-2') mount.name = 'envtier-secrets';
					},
				],
				[
					'a container that is to take a part takes none',
					/a container that an annotation/,
					({ pod }) => {
						Object.assign(pod.metadata?.annotations ?? {}, { 'envtier.dev/keys.proxy': 'SESSION_KEY' });
						pod.spec?.containers.push({ ...MAIN, name: 'proxy' });
					},
				],
			])('a pod of several parts, edited so that %s, is refused', async (_, sentence, edit) => {
				const pod = structuredClone(parts);
				const fetcher = pod?.spec?.initContainers?.[0];
				if (pod === undefined || fetcher === undefined) throw new Error('the golden pod is gone');
				edit({ pod, fetcher });
				const { status, body } = await attempt(pod);
				expect(status, JSON.stringify(body)).toBe(422);
				expect(body.message).toMatch(REFUSED);
				expect(body.message).toMatch(sentence);
			});

			describe('cannot stop what somebody types by hand', () => {
				test('the least that passes, as docs/security.md tells of it', async () => {
					const { status, body } = await createPod(cluster, namespace, forged(), 'dryRun=All');
					expect(status, body.message).toBe(201);
				});

				test.each(PIECES)('and %s is a part of that', async (_, take) => {
					const pod = forged();
					take(pod);
					const { status, body } = await createPod(cluster, namespace, pod, 'dryRun=All');
					expect(status, JSON.stringify(body)).toBe(422);
					expect(body.message).toMatch(REFUSED);
				});
			});
		});
	});
});

type Webhook = NonNullable<Awaited<ReturnType<typeof shippedWebhookConfiguration>>['webhooks']>[number];
type Container = NonNullable<NonNullable<V1Pod['spec']>['initContainers']>[number];
type Volume = NonNullable<NonNullable<V1Pod['spec']>['volumes']>[number];

/** An injected pod and its fetcher, for editing. */
interface Parts {
	readonly pod: V1Pod;
	readonly fetcher: Container;
}

function setVariable(container: Container, name: string, value: string): void {
	const variable = container.env?.find((each) => each.name === name);
	if (variable === undefined) throw new Error(`there is no variable ${name}`);
	variable.value = value;
}

function setVolume(pod: V1Pod, volume: Volume): void {
	const volumes = pod.spec?.volumes ?? [];
	const index = volumes.findIndex(({ name }) => name === volume.name);
	if (index === -1) throw new Error(`there is no volume ${volume.name}`);
	volumes[index] = volume;
}

/**
 * A pod with annotations and the minimum by which the policy takes it for injected, with an image that does
 * nothing.
 */
function forged(): V1Pod {
	const pod = podOf({ envtier: { deployment: 'shop' } });
	const variables = {
		ENVTIER_DEPLOYMENT: 'shop',
		ENVTIER_VAULT_ADDR: 'x',
		ENVTIER_VAULT_ROLE: 'x',
		ENVTIER_TIERS: 'x',
		ENVTIER_FORMAT: 'x',
		ENVTIER_TOKEN_FILE: '/var/run/secrets/envtier.dev/token',
		ENVTIER_OUT: '/secrets',
	};
	const serviceAccountToken = { path: 'token', audience: 'x' };
	pod.spec = {
		initContainers: [
			{
				name: 'envtier-fetch',
				image: 'registry.example/nothing:1',
				securityContext: { runAsUser: 1000 },
				env: Object.entries(variables).map(([name, value]) => ({ name, value })),
				volumeMounts: [
					{ name: 'envtier-token', mountPath: '/var/run/secrets/envtier.dev' },
					{ name: 'envtier-secrets', mountPath: '/secrets' },
				],
			},
		],
		containers: [{ ...MAIN, volumeMounts: [{ name: 'envtier-secrets', mountPath: '/secrets' }] }],
		volumes: [
			{ name: 'envtier-secrets', emptyDir: { medium: 'Memory' } },
			{ name: 'envtier-token', projected: { sources: [{ serviceAccountToken }] } },
		],
	};
	return pod;
}

/** Ways to take one piece out of the forged pod. */
const PIECES: readonly (readonly [string, (pod: V1Pod) => void])[] = [
	['the init container', (pod) => delete pod.spec?.initContainers],
	['its user', (pod) => delete pod.spec?.initContainers?.[0]?.securityContext],
	['its variables', (pod) => pod.spec?.initContainers?.[0]?.env?.pop()],
	['its mount of the token', (pod) => pod.spec?.initContainers?.[0]?.volumeMounts?.shift()],
	['its mount of the memory', (pod) => pod.spec?.initContainers?.[0]?.volumeMounts?.pop()],
	['the application’s mount', (pod) => pod.spec?.containers[0]?.volumeMounts?.pop()],
	['the memory', (pod) => Object.assign(pod.spec?.volumes?.[0] ?? {}, { emptyDir: {} })],
	[
		'the token',
		(pod) =>
			Object.assign(pod.spec?.volumes?.[1] ?? {}, {
				projected: { sources: [{ configMap: { name: 'x', optional: true } }] },
			}),
	],
];

/** What a person keeps of a pod that the API server showed. */
function clean({ metadata, spec }: V1Pod): V1Pod {
	const { name = '', annotations = {} } = metadata ?? {};
	return { metadata: { name, annotations }, ...(spec === undefined ? {} : { spec }) };
}
