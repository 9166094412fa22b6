import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest';
import { type ApiServer, startApiServer } from '../../support/kubernetes/apiserver.ts';
import { expectStatus } from '../../support/kubernetes/cluster.ts';
import { createPod, injectedInto, MAIN, podOf, secretMounts } from '../../support/kubernetes/pods.ts';
import {
	applyPolicies,
	describeWithPolicies,
	policiesInForce,
	setSettings,
} from '../../support/kubernetes/policy.ts';
import { startSidecarWebhook } from '../../support/kubernetes/sidecar-webhook.ts';
import { policyKubernetes } from '../../support/kubernetes/versions.ts';
import { until } from '../../support/until.ts';

const GROUP = '/apis/admissionregistration.k8s.io/v1';
const SETTINGS = '/api/v1/namespaces/envtier-system/configmaps/envtier-settings';
const ASKS = { deployment: 'shop', service: 'web' };
const SIDECAR = { ...MAIN, name: 'mesh-proxy', image: 'registry.example/mesh:1' };
const MERGE = { contentType: 'application/merge-patch+json' };

const describePolicies = await describeWithPolicies();

describePolicies(`the policy alone on Kubernetes ${policyKubernetes().version}`, () => {
	let cluster: ApiServer;
	let namespace: string;
	beforeAll(async () => {
		const started = await startApiServer([], policyKubernetes());
		if (!started.ok) throw new Error(started.error);
		cluster = started.value;
		await applyPolicies(cluster);
	});
	afterAll(() => cluster?.stop());
	beforeEach(async () => {
		namespace = await cluster.createNamespace();
	});

	const attempt = (envtier: Readonly<Record<string, string>>, spec = {}) =>
		createPod(cluster, namespace, podOf({ envtier, spec }), 'dryRun=All');

	test('a plain pod is created with its fetcher, and without a warning', async () => {
		const { status, body, warnings } = await createPod(cluster, namespace, podOf({ envtier: ASKS }));
		expect(status, body.message).toBe(201);
		expect([injectedInto(body), secretMounts(body), warnings]).toEqual([
			['envtier-fetch'],
			{ main: '/secrets' },
			[],
		]);
	});

	test('a pod under the restricted standard stays within it', async () => {
		const labels = { 'pod-security.kubernetes.io/enforce': 'restricted' };
		namespace = await cluster.createNamespace({ labels });
		const { status, body } = await attempt(ASKS);
		expect(status, body.message).toBe(201);
		expect(injectedInto(body)).toEqual(['envtier-fetch']);
	});

	test.each([
		[
			'a misspelt annotation',
			{ ...ASKS, sevrice: 'web' },
			{},
			/annotation "envtier\.dev\/sevrice" is unknown.*\(unknown-annotation\)$/,
		],
		[
			'a bad name',
			{ deployment: '../x' },
			{},
			/annotation envtier\.dev\/deployment must be .*\(bad-annotation\)$/,
		],
		[
			'an annotation for the webhook',
			{ ...ASKS, env: 'A' },
			{},
			/annotation "envtier\.dev\/env" is one that only the webhook serves\..*not installed.*\(needs-webhook\)$/,
		],
		['no deployment', { service: 'web' }, {}, /\(deployment-missing\)$/],
		[
			'several UIDs',
			ASKS,
			{ containers: [MAIN, { ...SIDECAR, securityContext: { runAsUser: 7 } }] },
			/several UIDs.*\(needs-webhook\)$/,
		],
		[
			'no UID',
			ASKS,
			{ containers: [{ name: 'bare', image: 'x' }] },
			/container "bare" has no runAsUser.*\(needs-webhook\)$/,
		],
		[
			'root',
			ASKS,
			{ containers: [{ name: 'bare', image: 'x', securityContext: { runAsUser: 0 } }] },
			/container "bare" runs as root.*\(needs-webhook\)$/,
		],
		['a tier without its name', { ...ASKS, tiers: 'org' }, {}, /the tier "org".*\(tier-without-name\)$/],
	])('a pod with %s is refused with the annotation and the reason', async (_, envtier, spec, message) => {
		const { status, body } = await attempt(envtier, spec);
		expect(status).toBe(422);
		expect(body.message).toMatch(message);
	});

	test('capitals in the prefix are no way around', async () => {
		const pod = podOf({ annotations: { 'Envtier.dev/deployment': 'shop' } });
		const { body } = await createPod(cluster, namespace, pod, 'dryRun=All');
		expect(body.message).toMatch(/"Envtier\.dev\/deployment" has capital letters.*\(unknown-annotation\)$/);
	});

	test('a value is never repeated', async () => {
		const secret = 'hunter2/very secret';
		for (const name of ['deployment', 'role', 'path', 'require', 'containers', 'org', 'run-as-user']) {
			const { status, body } = await attempt({ ...ASKS, [name]: secret });
			expect(status).not.toBe(201);
			expect(JSON.stringify(body)).not.toContain('hunter2');
		}
	});

	test('a pod that asks for nothing, or opts out, is created as it is', async () => {
		for (const envtier of [{}, { ...ASKS, inject: 'false' }]) {
			const { status, body } = await attempt(envtier as Readonly<Record<string, string>>);
			expect([status, injectedInto(body)]).toEqual([201, []]);
		}
	});

	test.each(['kube-system', 'envtier-system'])('pods of %s are left alone', async (name) => {
		await cluster.createNamespace({ name });
		const { status, body } = await createPod(cluster, name, podOf({ envtier: ASKS }), 'dryRun=All');
		expect([status, injectedInto(body)]).toEqual([201, []]);
	});

	test('a pod that pretends to be injected gets the real fetcher', async () => {
		const forged = podOf({
			envtier: { ...ASKS, status: '{"fetchers":["envtier-fetch"],"containers":["main"]}' },
			spec: {
				initContainers: [
					{
						name: 'envtier-fetch',
						image: 'registry.example/thief:1',
						command: ['steal'],
						env: [{ name: 'ENVTIER_VAULT_ADDR', value: 'https://thief.example' }],
						securityContext: { runAsUser: 1, privileged: true },
					},
				],
				containers: [MAIN],
			},
		});
		const { status, body } = await createPod(cluster, namespace, forged, 'dryRun=All');
		expect(status, body.message).toBe(201);
		const [fetcher] = body.spec?.initContainers ?? [];
		expect(fetcher?.image).toBe('registry.example.com/envtier/fetcher:1.0.0');
		expect(fetcher?.command).toBeUndefined();
		expect(fetcher?.securityContext).toMatchObject({ runAsUser: 1000, runAsNonRoot: true });
		expect(fetcher?.securityContext?.privileged).toBeUndefined();
		expect(fetcher?.env?.find(({ name }) => name === 'ENVTIER_VAULT_ADDR')?.value).toBe(
			'https://vault.vault.svc:8200',
		);
	});

	test('a pod with the fetcher’s names and no status is refused', async () => {
		const { body } = await attempt(ASKS, {
			initContainers: [{ name: 'envtier-fetch', image: 'registry.example/thief:1' }],
		});
		expect(body.message).toMatch(/\(name-taken\)$/);
	});

	test('the label of the namespace is enforced where the settings say so', async () => {
		await setSettings(cluster, { ENVTIER_ORG_LABEL: 'enforce' });
		const acme = await cluster.createNamespace({ labels: { 'envtier.dev/org': 'acme' } });
		const odd = await cluster.createNamespace({ labels: { 'envtier.dev/org': 'Not_A_Name' } });
		const inside = (place: string, envtier: Readonly<Record<string, string>>) =>
			createPod(cluster, place, podOf({ envtier }), 'dryRun=All');
		await until('the settings to arrive', async () => {
			const { body } = await inside(acme, { ...ASKS, org: 'globex' });
			// Two policies refuse such a pod, and either one may answer. Both name the annotation.
			return /\(org-not-allowed\)|envtier\.dev\/org must name the same organization/.test(body.message ?? '');
		});
		const taken = await inside(acme, ASKS);
		expect(taken.body.spec?.initContainers?.[0]?.env).toContainEqual({ name: 'ENVTIER_ORG', value: 'acme' });
		expect((await inside(acme, { ...ASKS, org: 'acme' })).status).toBe(201);
		expect((await inside(odd, ASKS)).body.message).toMatch(/\(bad-org-label\)$/);
		expect((await inside(odd, ASKS)).body.message).not.toContain('Not_A_Name');
		await setSettings(cluster);
		await policiesInForce(cluster);
	});

	test('wrong settings refuse pods instead of sending tokens in clear text', async () => {
		await setSettings(cluster, { ENVTIER_VAULT_ADDR: 'http://vault.example:8200' });
		await until('the refusal', async () => {
			const { body } = await attempt(ASKS);
			return body.message?.includes('(vault-address)');
		});
		await setSettings(cluster);
		await policiesInForce(cluster);
	});

	test('without the settings nothing starts without its secrets, and all other pods are created', async () => {
		expectStatus(await cluster.request('DELETE', SETTINGS), 200, 'deleting the settings');
		await until('the refusal', async () => {
			const { body } = await attempt(ASKS);
			return body.message?.includes('no init container "envtier-fetch"');
		});
		expect((await attempt({})).status).toBe(201);
		await setSettings(cluster);
		await policiesInForce(cluster);
	});

	test.each(['mutatingadmissionpolicies', 'mutatingadmissionpolicybindings'])(
		'without the %s nothing starts without its secrets',
		async (collection) => {
			const path = `${GROUP}/${collection}/envtier-plain-pods`;
			const { body: object } = await cluster.request<{ metadata: object; spec: object }>('GET', path);
			expectStatus(await cluster.request('DELETE', path), 200, `deleting ${collection}`);
			await until('the refusal', async () => {
				const { body } = await attempt(ASKS);
				return body.message?.includes('no init container "envtier-fetch"');
			});
			const { spec } = object;
			const again = { metadata: { name: 'envtier-plain-pods' }, spec };
			expectStatus(await cluster.request('POST', `${GROUP}/${collection}`, again), 201, 'putting it back');
			await policiesInForce(cluster);
		},
	);

	test('an injected pod can be changed, debugged and deleted', async () => {
		const path = `/api/v1/namespaces/${namespace}/pods/web`;
		await createPod(cluster, namespace, podOf({ envtier: ASKS }));
		const changed = await cluster.request('PATCH', path, { metadata: { labels: { a: 'b' } } }, MERGE);
		expect(changed.status).toBe(200);
		const debug = { spec: { ephemeralContainers: [{ name: 'debug', image: 'registry.example/sh:1' }] } };
		const strategic = { contentType: 'application/strategic-merge-patch+json' };
		expect((await cluster.request('PATCH', `${path}/ephemeralcontainers`, debug, strategic)).status).toBe(
			200,
		);
		expect((await cluster.request('DELETE', path)).status).toBe(200);
	});

	test('a copy of an injected pod is taken as it is', async () => {
		const first = await createPod(cluster, namespace, podOf({ envtier: ASKS }));
		const annotations = first.body.metadata?.annotations ?? {};
		const { spec } = first.body;
		if (spec === undefined) throw new Error('a pod has a spec');
		const copy = await createPod(cluster, namespace, { metadata: { name: 'copy', annotations }, spec });
		expect(copy.status, copy.body.message).toBe(201);
		expect(copy.body.spec?.initContainers).toEqual(spec.initContainers);
	});

	test('a sidecar of a webhook, which comes after the policy, gets no secrets; the pod stays injected', async () => {
		const mesh = await startSidecarWebhook(cluster, {
			name: `a-mesh-${namespace}`,
			namespace,
			sidecar: SIDECAR,
		});
		try {
			const { status, body } = await createPod(cluster, namespace, podOf({ envtier: ASKS }));
			expect(status, body.message).toBe(201);
			expect(body.spec?.containers.map(({ name }) => name)).toEqual(['main', 'mesh-proxy']);
			expect([injectedInto(body), secretMounts(body)]).toEqual([['envtier-fetch'], { main: '/secrets' }]);
		} finally {
			await mesh.stop();
		}
	});

	test('what another webhook changes in the fetcher is set back at the reinvocation', async () => {
		const policy = {
			container: {
				command: ['other'],
				envFrom: [{ configMapRef: { name: 'other' } }],
				imagePullPolicy: 'Always',
				workingDir: '/other',
			},
		};
		const mesh = await startSidecarWebhook(cluster, {
			...{ name: `a-mesh-${namespace}`, namespace, sidecar: SIDECAR, policy },
			reinvocationPolicy: 'Never',
		});
		try {
			const { status, body } = await createPod(cluster, namespace, podOf({ envtier: ASKS }));
			expect(status, body.message).toBe(201);
			const fetcher = body.spec?.initContainers?.find(({ name }) => name === 'envtier-fetch');
			expect([fetcher?.command, fetcher?.envFrom, fetcher?.workingDir]).toEqual([
				undefined,
				undefined,
				undefined,
			]);
			expect(body.spec?.containers[0]?.command).toEqual(['other']);
		} finally {
			await mesh.stop();
		}
	});

	test('another policy, whatever its name, finds the pod injected or is followed by the injection', async () => {
		for (const name of ['a-before', 'z-after']) {
			const policy = labelling(name, namespace);
			for (const [collection, object] of policy)
				expectStatus(await cluster.request('POST', `${GROUP}/${collection}`, object), 201, name);
			await until(`the policy ${name}`, async () => {
				const { status, body } = await createPod(cluster, namespace, podOf({ envtier: ASKS }), 'dryRun=All');
				expect(status, body.message).toBe(201);
				return body.metadata?.labels?.['other'] === name && injectedInto(body).length === 1;
			});
			for (const [collection, { metadata }] of policy.toReversed())
				await cluster.request('DELETE', `${GROUP}/${collection}/${metadata.name}`);
		}
	});
});

/** A mutating policy of somebody else for one namespace, and its binding. */
function labelling(name: string, namespace: string) {
	const namespaceSelector = { matchLabels: { 'kubernetes.io/metadata.name': namespace } };
	const resourceRules = [
		{ apiGroups: [''], apiVersions: ['v1'], operations: ['CREATE'], resources: ['pods'] },
	];
	const expression = `[has(object.metadata.labels) ?
		JSONPatch{op: 'add', path: '/metadata/labels/other', value: '${name}'} :
		JSONPatch{op: 'add', path: '/metadata/labels', value: {'other': '${name}'}}]`;
	const metadata = { name };
	return [
		[
			'mutatingadmissionpolicies',
			{
				metadata,
				spec: {
					reinvocationPolicy: 'IfNeeded',
					matchConstraints: { namespaceSelector, resourceRules },
					mutations: [{ patchType: 'JSONPatch', jsonPatch: { expression } }],
				},
			},
		],
		['mutatingadmissionpolicybindings', { metadata, spec: { policyName: name } }],
	] as const;
}
