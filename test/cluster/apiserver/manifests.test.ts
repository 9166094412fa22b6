import { mkdir, writeFile } from 'node:fs/promises';
import { dirname, join, relative } from 'node:path';
import type {
	V1CronJob,
	V1Deployment,
	V1Job,
	V1PodTemplateSpec,
	V1SelfSubjectRulesReview,
} from '@kubernetes/client-node';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { stringify } from 'yaml';
import { type ApiServer, startApiServer } from '../../support/kubernetes/apiserver.ts';
import { type Kubectl, kubectlFor } from '../../support/kubernetes/kubectl.ts';
import { preparePrograms } from '../../support/kubernetes/programs.ts';
import { describeWithServers } from '../../support/servers.ts';

const MANIFESTS = join(import.meta.dirname, '../../../deploy/manifests');

const DEPLOYMENTS = '/apis/apps/v1/namespaces/envtier-system/deployments';
const CONFIG_MAPS = '/api/v1/namespaces/envtier-system/configmaps';

// An API server of its own: the shared one has a webhook configuration that leads elsewhere.
describeWithServers('deploy/manifests', () => {
	let cluster: ApiServer;
	let kubectl: Kubectl;
	beforeAll(async () => {
		const programs = await preparePrograms(['kubectl']);
		if (!programs.ok) throw new Error(programs.error);
		const started = await startApiServer();
		if (!started.ok) throw new Error(started.error);
		cluster = started.value;
		kubectl = kubectlFor(programs.value.kubectl, cluster);
	});
	afterAll(() => cluster?.stop());

	test.each(['base', 'overlays/trial', 'overlays/production'])(
		'kubectl apply -k %s is all it takes, without a warning, and leaves nothing to apply',
		async (folder) => {
			const applied = await kubectl('apply', '-k', join(MANIFESTS, folder));
			expect(applied.stderr).toBe('');
			expect(applied.code).toBe(0);
			const difference = await kubectl('diff', '-k', join(MANIFESTS, folder));
			expect(difference.stdout + difference.stderr).toBe('');
			expect(difference.code).toBe(0);
		},
	);

	test('the production overlay and the secrets API can be applied together', async () => {
		const overlay = join(dirname(cluster.kubeconfig), 'with-api');
		await mkdir(overlay);
		const resources = ['overlays/production', 'api'].map((name) => relative(overlay, join(MANIFESTS, name)));
		const configMapGenerator = [
			{ name: 'envtier-settings', behavior: 'merge', literals: ['ENVTIER_VAULT_ADDR=https://v:8200'] },
			{ name: 'envtier-api-settings', behavior: 'merge', literals: ['ENVTIER_API_KUBERNETES_ORG=acme'] },
		];
		const kustomization = { namespace: 'envtier-system', resources, configMapGenerator };
		await writeFile(join(overlay, 'kustomization.yaml'), stringify(kustomization));
		const applied = await kubectl('apply', '-k', overlay);
		expect([applied.stderr, applied.code]).toEqual(['', 0]);
		const { body } = await cluster.request<V1Deployment>('GET', `${DEPLOYMENTS}/envtier-api`);
		const [container] = body.spec?.template.spec?.containers ?? [];
		const read = async (name = '') =>
			(await cluster.request<{ data?: object }>('GET', `${CONFIG_MAPS}/${name}`)).body.data;
		const settings = await Promise.all(
			(container?.envFrom ?? []).map((from) => read(from.configMapRef?.name)),
		);
		expect(Object.assign({}, ...settings)).toMatchObject({
			ENVTIER_VAULT_ADDR: 'https://v:8200',
			ENVTIER_API_VAULT_ROLE: 'envtier-api',
			ENVTIER_API_KUBERNETES_ORG: 'acme',
		});
	});

	test('the audit component: Jobs alone have the address of the owner, and their pods are accepted', async () => {
		const overlay = join(dirname(cluster.kubeconfig), 'with-audit');
		await mkdir(overlay);
		const at = (name: string): string => relative(overlay, join(MANIFESTS, name));
		const kustomization = {
			namespace: 'envtier-system',
			resources: [at('overlays/production'), at('api')],
			components: [at('components/audit')],
		};
		await writeFile(join(overlay, 'kustomization.yaml'), stringify(kustomization));
		const applied = await kubectl('apply', '-k', overlay);
		expect([applied.stderr, applied.code]).toEqual(['', 0]);
		const { body: deployment } = await cluster.request<V1Deployment>('GET', `${DEPLOYMENTS}/envtier-api`);
		const batch = '/apis/batch/v1/namespaces/envtier-system';
		const { body: migrate } = await cluster.request<V1Job>('GET', `${batch}/jobs/envtier-api-migrate-audit`);
		const { body: purge } = await cluster.request<V1CronJob>(
			'GET',
			`${batch}/cronjobs/envtier-api-purge-audit`,
		);
		const pods = {
			api: deployment.spec?.template,
			migrate: migrate.spec?.template,
			purge: purge.spec?.jobTemplate.spec?.template,
		};
		const keysOf = (pod: V1PodTemplateSpec | undefined) =>
			pod?.spec?.containers[0]?.env
				?.filter(({ name }) => name === 'ENVTIER_API_AUDIT_STORE')
				.map(({ valueFrom }) => [valueFrom?.secretKeyRef?.name, valueFrom?.secretKeyRef?.key]);
		expect(keysOf(pods.api)).toEqual([['envtier-api-audit', 'address']]);
		expect(JSON.stringify(pods.api)).not.toContain('ownerAddress');
		// Kubernetes makes it for each namespace; no controller runs here.
		await cluster.createServiceAccount('envtier-system', 'default');
		for (const [pod, args] of [
			[pods.migrate, ['--migrate-audit', '--grant-to', 'envtier_api']],
			[pods.purge, ['--purge-audit']],
		] as const) {
			expect(keysOf(pod)).toEqual([['envtier-api-audit', 'ownerAddress']]);
			expect(pod?.spec?.containers[0]?.args).toEqual(args);
			// A Job's labels are its own.
			const labels = { 'app.kubernetes.io/name': 'envtier-api-audit' };
			const accepted = await cluster.request('POST', '/api/v1/namespaces/envtier-system/pods', {
				metadata: { generateName: 'audit-', labels },
				spec: pod?.spec,
			});
			expect([accepted.status, accepted.warnings], JSON.stringify(accepted.body)).toEqual([201, []]);
		}
		const policies = '/apis/networking.k8s.io/v1/namespaces/envtier-system/networkpolicies';
		for (const name of ['envtier-api', 'envtier-api-audit']) {
			const { body } = await cluster.request('GET', `${policies}/${name}`);
			expect(JSON.stringify(body)).toContain('"port":5432');
		}
	});

	test('the API’s account may ask who somebody is and what they may do, and nothing else', async () => {
		await cluster.createNamespace({ name: 'envtier-system' });
		await cluster.createServiceAccount('envtier-system', 'nobody');
		const rulesOf = async (account: string) => {
			const answer = await cluster.request<V1SelfSubjectRulesReview>(
				'POST',
				'/apis/authorization.k8s.io/v1/selfsubjectrulesreviews',
				{ spec: { namespace: 'envtier-system' } },
				{ token: await cluster.token('envtier-system', account) },
			);
			return answer.body.status?.resourceRules ?? [];
		};
		const known = (await rulesOf('nobody')).map((rule) => JSON.stringify(rule));
		const own = (await rulesOf('envtier-api')).filter((rule) => !known.includes(JSON.stringify(rule)));
		expect(own.map(({ resources, verbs }) => [resources, verbs]).sort()).toEqual([
			[['subjectaccessreviews'], ['create']],
			[['tokenreviews'], ['create']],
		]);
	});

	test.each(['envtier-webhook', 'envtier-api'])(
		'the namespace accepts the pods of %s under Pod Security "restricted"',
		async (name) => {
			await cluster.createNamespace({ name: 'envtier-system' });
			const { body } = await cluster.request<V1Deployment>('GET', `${DEPLOYMENTS}/${name}`);
			const { metadata, spec } = body.spec?.template ?? {};
			const pod = await cluster.request('POST', '/api/v1/namespaces/envtier-system/pods', {
				metadata: { ...metadata, generateName: `${name}-` },
				spec,
			});
			expect(pod.status, JSON.stringify(pod.body)).toBe(201);
			expect(pod.warnings).toEqual([]);
		},
	);
});
