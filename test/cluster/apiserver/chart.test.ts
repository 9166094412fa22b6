import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { dirname, join, relative } from 'node:path';
import type { KubernetesObject, V1CronJob, V1Deployment, V1Job, V1Pod } from '@kubernetes/client-node';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { parse, parseAllDocuments, stringify } from 'yaml';
import { parseConfigFile } from '../../../api/settings/config-file.ts';
import { API_VARIABLES } from '../../../api/settings/variables.ts';
import { VARIABLES, type Variable } from '../../../contract/variables.ts';
import { type ApiServer, startApiServer } from '../../support/kubernetes/apiserver.ts';
import { CHART, type Helm, helmFor, LEAST } from '../../support/kubernetes/helm.ts';
import { type Kubectl, kubectlFor } from '../../support/kubernetes/kubectl.ts';
import { createPod, podOf } from '../../support/kubernetes/pods.ts';
import { preparePrograms } from '../../support/kubernetes/programs.ts';
import { runProcess } from '../../support/process.ts';
import { describeWithServers } from '../../support/servers.ts';
import { makeAuthority } from '../../support/tls.ts';
import { until } from '../../support/until.ts';
import { startWebhook } from '../../support/webhook.ts';

const NAMESPACE = 'envtier-system';
const PRODUCTION = join(CHART, '../manifests/overlays/production');
const API = join(CHART, '../manifests/api');
const CONTROLLER = join(CHART, '../manifests/controller');
const ROLLOUTS = join(CHART, '../manifests/components/controller-rollouts');
const ROTATION = join(CHART, '../manifests/components/controller-rotation');
const REVEAL = join(CHART, '../manifests/reveal');
const MANAGED_SECRETS = join(CHART, '../manifests/components/controller-managed-secrets');
/**
 * Settings of the API that the chart does not offer: it sets them itself, or the pod has nothing that they
 * could name.
 */
const NOT_OF_THE_CHART =
	/^ENVTIER_API_(CONFIG|LISTEN|TLS_CERT_FILE|TLS_KEY_FILE|INSECURE_HTTP|STORE|VAULT_TOKEN|VAULT_TOKEN_FILE|VAULT_LOGIN_TOKEN_FILE|KUBECONFIG|AUDIT_FILE|AUDIT_STORE|AUDIT_STORE_CA|AUDIT_RETENTION|MODE|DASHBOARD_DEVELOPMENT)$/;
/** Settings of the Reveal program alone. */
const OF_REVEAL = /^ENVTIER_API_(ELEVATION_[A-Z_]+|RESTORE_ROLE|REVEAL_ROLE)$/;
/** Settings without a use for the Reveal program: it has one audience, no API keys and no dashboard. */
const NOT_OF_REVEAL =
	/^ENVTIER_API_(DASHBOARD[A-Z_]*|KEYS_FILE|KUBERNETES_AUDIENCE|OIDC_AUDIENCE|REVEAL_URL|TOMBSTONE_RETENTION)$/;
const WEBHOOK_CONFIGURATION = '/apis/admissionregistration.k8s.io/v1/mutatingwebhookconfigurations/envtier';
const DEPLOYMENT = `/apis/apps/v1/namespaces/${NAMESPACE}/deployments/envtier-webhook`;
const MERGE = { contentType: 'application/merge-patch+json' };

const CERT_MANAGER = ['--set', 'tls.certManager.enabled=true'] as const;
/** The webhook's settings, each with a value that is not its default. */
const EXAMPLES: Readonly<Record<string, string>> = {
	ENVTIER_LISTEN: '0.0.0.0:9443',
	ENVTIER_CERTIFICATES: 'self',
	ENVTIER_CERTIFICATES_SECRET: 'elsewhere/certificates',
	// The chart's webhook configuration has this name and no other.
	ENVTIER_CERTIFICATES_WEBHOOK_CONFIGURATION: 'envtier',
	ENVTIER_CERTIFICATES_NAMES: 'webhook.example',
	ENVTIER_CERTIFICATES_LIFE: '30d',
	ENVTIER_CERTIFICATES_CA_LIFE: '90d',
	ENVTIER_CERTIFICATES_SETTLE: '30s',
	ENVTIER_TLS_CERT_FILE: '/etc/envtier/tls/other.crt',
	ENVTIER_TLS_KEY_FILE: '/etc/envtier/tls/other.key',
	ENVTIER_KUBECONFIG: '/etc/envtier/kubeconfig',
	ENVTIER_CLIENT_CA: '-----BEGIN CERTIFICATE-----\nMII=\n-----END CERTIFICATE-----\n',
	ENVTIER_CLIENT_NAMES: 'kube-apiserver,other',
	ENVTIER_FETCHER_IMAGE: 'registry.example/fetcher:2',
	ENVTIER_FETCHER_PULL_POLICY: 'Always',
	ENVTIER_FETCHER_PULL_SECRETS: 'registry, other',
	ENVTIER_VAULT_TLS_NAME: 'vault.internal.example',
	ENVTIER_VAULT_PROXY: 'http://proxy.example:3128',
	ENVTIER_FETCHER_REQUESTS: 'cpu=10m,memory=32Mi',
	ENVTIER_FETCHER_LIMITS: 'cpu=1,memory=256Mi',
	ENVTIER_REFRESH_REQUESTS: 'memory=32Mi',
	ENVTIER_REFRESH_LIMITS: 'memory=256Mi',
	ENVTIER_VOLUME_SIZE: '8Mi',
	ENVTIER_EMPTY: 'skip',
	ENVTIER_NATIVE_ENV: 'false',
	ENVTIER_IN_PLACE_RESTART: 'false',
	ENVTIER_DEFAULT_ORG: 'acme',
	ENVTIER_EVENTS: 'false',
	ENVTIER_ORG_LABEL: 'enforce',
	ENVTIER_DEFAULT_ROLE: '{namespace}_{serviceAccount}',
	ENVTIER_DEFAULT_UID: '1000',
	ENVTIER_TOKEN_AUDIENCE: 'bao',
	ENVTIER_VAULT_ADDR: 'http://vault.example:8200',
	ENVTIER_VAULT_INSECURE_HTTP: 'true',
	ENVTIER_VAULT_CA: '-----BEGIN CERTIFICATE-----\nMII=\n-----END CERTIFICATE-----\n',
	ENVTIER_VAULT_NAMESPACE: 'team/a',
	ENVTIER_VAULT_AUTH_MOUNT: 'jwt',
	ENVTIER_VAULT_KV_MOUNT: 'kv',
	ENVTIER_VAULT_KV_VERSION: '1',
	ENVTIER_VAULT_TRANSIT_MOUNT: 'seals',
	ENVTIER_DEADLINE: '30',
	ENVTIER_LOG_FORMAT: 'text',
	ENVTIER_LOG_LEVEL: 'debug',
};
const OF_THE_WEBHOOK = Object.entries<Variable>(VARIABLES)
	.filter(([, { readBy }]) => readBy.includes('webhook'))
	.map(([name]) => name);

// An API server of its own: the shared one has a webhook configuration that leads elsewhere.
describeWithServers('deploy/chart', () => {
	let cluster: ApiServer;
	let helm: Helm;
	let kubectl: Kubectl;
	let home: string;
	beforeAll(async () => {
		const programs = await preparePrograms(['kubectl', 'helm']);
		if (!programs.ok) throw new Error(programs.error);
		const started = await startApiServer();
		if (!started.ok) throw new Error(started.error);
		cluster = started.value;
		home = dirname(cluster.kubeconfig);
		helm = helmFor(programs.value.helm, cluster);
		kubectl = kubectlFor(programs.value.kubectl, cluster);
	});
	afterAll(() => cluster?.stop());

	/** What the chart makes of values, as arguments or as an object. */
	async function rendered(...args: readonly string[]): Promise<readonly Manifest[]> {
		const { code, stdout, stderr } = await helm('template', 'envtier', CHART, '-n', NAMESPACE, ...args);
		expect(code, stderr).toBe(0);
		return documents(stdout);
	}

	/** What kustomize makes of folders together. */
	async function kustomized(
		folders: readonly string[],
		components: readonly string[] = [],
	): Promise<readonly Manifest[]> {
		const overlay = join(home, 'overlay');
		await mkdir(overlay, { recursive: true });
		// It takes no absolute path.
		const below = (paths: readonly string[]) => paths.map((path) => relative(overlay, path));
		const kustomization = { resources: below(folders), components: below(components) };
		await writeFile(join(overlay, 'kustomization.yaml'), stringify(kustomization));
		const { code, stdout, stderr } = await kubectl('kustomize', overlay);
		expect(code, stderr).toBe(0);
		return documents(stdout);
	}

	async function valuesFile(values: object): Promise<readonly string[]> {
		const file = join(home, 'values.yaml');
		// JSON is YAML.
		await writeFile(file, JSON.stringify(values));
		return ['-f', file];
	}

	test('helm lint finds nothing', async () => {
		const { code, stdout } = await helm('lint', '--strict', CHART, ...LEAST);
		expect(stdout).toContain('1 chart(s) linted, 0 chart(s) failed');
		expect(stdout).not.toMatch(/\[(WARNING|ERROR)\]/);
		expect(code).toBe(0);
	});

	describe('what it renders', () => {
		test.each([
			['the production overlay', [PRODUCTION], [], []],
			['the production overlay with the secrets API', [PRODUCTION, API], [], ['--set', 'api.enabled=true']],
			[
				'the production overlay with the controller',
				[PRODUCTION, CONTROLLER],
				[ROLLOUTS],
				['--set', 'controller.enabled=true'],
			],
			[
				'the production overlay with a controller that writes Secrets as well',
				[PRODUCTION, CONTROLLER],
				[ROLLOUTS, MANAGED_SECRETS],
				['--set', 'controller.enabled=true,controller.settings.ENVTIER_CONTROLLER_MANAGED_SECRETS=true'],
			],
			[
				'the production overlay with a controller that only rotates passwords',
				[PRODUCTION, CONTROLLER],
				[ROTATION],
				[
					'--set',
					'controller.enabled=true,controller.settings.ENVTIER_CONTROLLER_ROLLOUTS=,controller.settings.ENVTIER_CONTROLLER_ROTATION=true',
				],
			],
			[
				'the production overlay with a controller that does nothing',
				[PRODUCTION, CONTROLLER],
				[],
				['--set', 'controller.enabled=true,controller.settings.ENVTIER_CONTROLLER_ROLLOUTS='],
			],
			[
				'the production overlay with the Reveal program',
				[PRODUCTION, REVEAL],
				[],
				['--set', 'reveal.enabled=true'],
			],
		])('equals %s, object by object', async (_, folders, components, args) => {
			const all = await rendered(...LEAST, ...args);
			const ours = new Map(all.filter(isNoHook).map((one) => [idOf(one), plain(one)]));
			const theirs = new Map((await kustomized(folders, components)).map((one) => [idOf(one), plain(one)]));
			// helm install --create-namespace makes the namespace.
			theirs.delete(`Namespace ${NAMESPACE}`);
			expect([...ours.keys()].sort()).toEqual([...theirs.keys()].sort());
			for (const [id, object] of ours) expect(object, id).toEqual(theirs.get(id));
		});

		test.each([
			['self-managed', 'settings.ENVTIER_CERTIFICATES=self'],
			['cert-manager', 'tls.certManager.enabled=true'],
		])(
			'with certificates that are %s’s equals the production overlay with that component',
			async (name, value) => {
				const dir = join(home, name);
				await mkdir(dir);
				// kustomize takes no absolute path.
				const component = join(CHART, '../manifests/components', name);
				const kustomization = {
					resources: [relative(dir, PRODUCTION)],
					components: [relative(dir, component)],
				};
				await writeFile(join(dir, 'kustomization.yaml'), JSON.stringify(kustomization));
				const built = await kubectl('kustomize', dir);
				expect(built.code, built.stderr).toBe(0);
				const theirs = new Map(documents(built.stdout).map((one) => [idOf(one), plain(one)]));
				theirs.delete(`Namespace ${NAMESPACE}`);
				const all = await rendered(...LEAST, '--set', value);
				const ours = new Map(all.filter(isNoHook).map((one) => [idOf(one), plain(one)]));
				expect([...ours.keys()].sort()).toEqual([...theirs.keys()].sort());
				for (const [id, object] of ours) expect(object, id).toEqual(theirs.get(id));
			},
		);

		test('a webhook that keeps its certificate itself does so in the namespace of the release', async () => {
			const args = [...LEAST, '-n', 'elsewhere', '--set', 'settings.ENVTIER_CERTIFICATES=self'];
			const { code, stdout, stderr } = await helm('template', 'envtier', CHART, ...args);
			expect(code, stderr).toBe(0);
			const all = documents(stdout);
			const config = all.find(({ kind }) => kind === 'ConfigMap') as { data?: Record<string, string> };
			expect(config.data).toMatchObject({
				ENVTIER_CERTIFICATES_SECRET: 'elsewhere/envtier-webhook-certificates',
				ENVTIER_CERTIFICATES_NAMES: 'envtier-webhook.elsewhere.svc',
			});
			expect(all.find(({ kind }) => kind === 'Role')?.metadata?.namespace).toBe('elsewhere');
		});

		test('a namespace that opts in gets a Role for its accounts, and the policies are for the release', async () => {
			const on = { ENVTIER_CONTROLLER_MANAGED_SECRETS: true };
			const managedSecrets = { namespaces: [{ name: 'shop', accounts: ['web', 'worker'] }] };
			const file = await valuesFile({ controller: { enabled: true, settings: on, managedSecrets } });
			const place = ['-n', 'elsewhere', '--set', 'settings.ENVTIER_TOKEN_AUDIENCE=bao'];
			const { code, stdout, stderr } = await helm('template', 'envtier', CHART, ...LEAST, ...place, ...file);
			expect(code, stderr).toBe(0);
			const all = documents(stdout).filter(({ metadata }) => metadata?.name === 'envtier-managed-secrets');
			expect(all).toMatchObject([
				{ kind: 'Role', metadata: { namespace: 'shop' } },
				{ kind: 'RoleBinding', metadata: { namespace: 'shop' } },
			]);
			expect(JSON.stringify(all)).toContain('"resourceNames":["web","worker"]');
			expect(JSON.stringify(all)).toContain('"namespace":"elsewhere"');
			expect(stdout).toContain("audiences == ['bao']");
			expect(stdout).not.toContain('envtier-system');
		});

		test('two ways to keep the certificate at once are refused', async () => {
			const both = ['--set', 'settings.ENVTIER_CERTIFICATES=self', '--set', 'tls.certManager.enabled=true'];
			const { code, stderr } = await helm('template', 'envtier', CHART, ...LEAST, ...both);
			expect(code).not.toBe(0);
			expect(stderr).toContain('exclude each other');
		});

		test.each(OF_THE_WEBHOOK)('%s can be set', async (name) => {
			const value = EXAMPLES[name];
			if (value === undefined) throw new Error('this setting needs an example above');
			const settings = { ENVTIER_VAULT_ADDR: 'https://v:8200', [name]: value };
			const all = await rendered(...(await valuesFile({ settings })));
			const config = all.find(({ kind }) => kind === 'ConfigMap') as { data?: Record<string, string> };
			const container = webhookContainer(all);
			const set = {
				...config.data,
				...Object.fromEntries((container?.env ?? []).map((e) => [e.name, e.value])),
			};
			expect(set[name]).toBe(value);
			if (name === 'ENVTIER_LISTEN') expect(container?.ports?.[0]?.containerPort).toBe(9443);
		});

		test('a setting that is left empty is left to the webhook', async () => {
			const all = await rendered(...LEAST);
			const config = all.find(({ kind }) => kind === 'ConfigMap') as { data?: Record<string, string> };
			expect(Object.keys(config.data ?? {}).sort()).toEqual(['ENVTIER_FETCHER_IMAGE', 'ENVTIER_VAULT_ADDR']);
		});

		test('the API reads its settings, and is let into Vault by a token for the audience that Vault expects', async () => {
			const settings = { ENVTIER_VAULT_ADDR: 'https://v:8200', ENVTIER_TOKEN_AUDIENCE: 'bao' };
			const own = { ENVTIER_API_KUBERNETES: false, ENVTIER_API_OIDC_ISSUER: 'https://login.example' };
			const all = await rendered(...(await valuesFile({ settings, api: { enabled: true, settings: own } })));
			const config = all.find(({ metadata }) => metadata?.name === 'envtier-api-settings');
			expect(config).toMatchObject({
				data: {
					ENVTIER_API_VAULT_ROLE: 'envtier-api',
					ENVTIER_API_KUBERNETES: 'false',
					ENVTIER_API_OIDC_ISSUER: 'https://login.example',
				},
			});
			const deployment = all.find((one) => idOf(one) === 'Deployment envtier-api') as V1Deployment;
			const { volumes = [] } = deployment.spec?.template.spec ?? {};
			const tokens = volumes.flatMap(({ projected }) => projected?.sources ?? []);
			expect(tokens.map(({ serviceAccountToken }) => serviceAccountToken?.audience)).toEqual(['bao']);
			// Whom it does not ask it needs no rights with.
			expect(all.map(idOf).filter((id) => /^ClusterRole.* envtier-api/.test(id))).toEqual([]);
		});

		test('a configuration file of the API is mounted, and read by the API', async () => {
			const file = {
				vault: { address: 'https://vault.example.com', role: 'secrets' },
				limits: { callsPerMinute: 5 },
			};
			const all = await rendered(...LEAST, ...(await valuesFile({ api: { enabled: true, config: file } })));
			const config = all.find(({ metadata }) => metadata?.name === 'envtier-api-config') as {
				data: Record<string, string>;
			};
			expect(parseConfigFile(config.data['config.yaml'] ?? '', {})).toEqual({
				ok: true,
				value: {
					ENVTIER_VAULT_ADDR: 'https://vault.example.com',
					ENVTIER_API_VAULT_ROLE: 'secrets',
					ENVTIER_API_CALLS_PER_MINUTE: '5',
				},
			});
			const deployment = all.find((one) => idOf(one) === 'Deployment envtier-api') as V1Deployment;
			expect(deployment.spec?.template.spec?.containers[0]?.env).toContainEqual({
				name: 'ENVTIER_API_CONFIG',
				value: '/etc/envtier/config/config.yaml',
			});
		});

		const settingsOf = (all: readonly Manifest[], name: string): Record<string, string> => {
			const config = all.find(({ metadata }) => metadata?.name === name) as { data: Record<string, string> };
			return config.data;
		};

		test('beside the Reveal program the API sends callers to its address, also to one that the values name', async () => {
			const both = { api: { enabled: true }, reveal: { enabled: true } };
			const all = await rendered(...LEAST, ...(await valuesFile(both)));
			const url = 'https://envtier-reveal.envtier-system.svc';
			expect(settingsOf(all, 'envtier-api-settings')['ENVTIER_API_REVEAL_URL']).toBe(url);
			const named = { api: { enabled: true }, reveal: { enabled: true, url: 'https://reveal.example.com' } };
			const elsewhere = await rendered(...LEAST, ...(await valuesFile(named)));
			const settings = settingsOf(elsewhere, 'envtier-api-settings');
			expect(settings['ENVTIER_API_REVEAL_URL']).toBe('https://reveal.example.com');
			const alone = await rendered(...LEAST, ...(await valuesFile({ api: { enabled: true } })));
			expect(settingsOf(alone, 'envtier-api-settings')).not.toHaveProperty('ENVTIER_API_REVEAL_URL');
			expect(alone.map(idOf).filter((id) => id.includes('reveal'))).toEqual([]);
		});

		test('the Reveal program gets its own settings, the database of audit lines, and no API keys', async () => {
			const reveal = { enabled: true, settings: { ENVTIER_API_ELEVATION_APPROVAL: true } };
			const api = { enabled: true, audit: { store: 'postgres' } };
			const all = await rendered(...LEAST, ...(await valuesFile({ api, reveal })));
			const settings = settingsOf(all, 'envtier-reveal-settings');
			expect(settings['ENVTIER_API_ELEVATION_APPROVAL']).toBe('true');
			const deployment = all.find((one) => idOf(one) === 'Deployment envtier-reveal') as V1Deployment;
			const { containers = [], volumes, serviceAccountName } = deployment.spec?.template.spec ?? {};
			const env = containers[0]?.env ?? [];
			expect(env).toContainEqual({ name: 'ENVTIER_API_MODE', value: 'reveal' });
			expect(env.map(({ name }) => name)).toContain('ENVTIER_API_AUDIT_STORE');
			expect(serviceAccountName).toBe('envtier-reveal');
			expect(volumes?.map(({ name }) => name)).toEqual(['tls', 'config', 'vault-token', 'cluster']);
			const policy = all.find((one) => idOf(one) === 'NetworkPolicy envtier-reveal');
			expect(JSON.stringify(policy)).toContain('"port":5432');
		});

		const audit = async (values: object, replicas = 2) =>
			rendered(...LEAST, ...(await valuesFile({ api: { enabled: true, replicas, audit: values } })));
		const envOf = (all: readonly Manifest[]): readonly object[] => {
			const deployment = all.find((one) => idOf(one) === 'Deployment envtier-api') as V1Deployment;
			return deployment.spec?.template.spec?.containers[0]?.env ?? [];
		};

		test('the audit store in PostgreSQL: the API gets the role of the run time, and Jobs alone the owner', async () => {
			const all = await audit({ store: 'postgres', retention: 30 });
			const of = (key: string) => ({
				name: 'ENVTIER_API_AUDIT_STORE',
				valueFrom: { secretKeyRef: { name: 'envtier-api-audit', key } },
			});
			expect(envOf(all)).toContainEqual(of('address'));
			expect(envOf(all)).toContainEqual({ name: 'ENVTIER_API_AUDIT_RETENTION', value: '30' });
			const migrate = all.find((one) => idOf(one) === 'Job envtier-api-migrate-audit') as V1Job;
			const purge = all.find((one) => idOf(one) === 'CronJob envtier-api-purge-audit') as V1CronJob;
			const args = ['--migrate-audit', '--grant-to', 'envtier_api'];
			expect(migrate.spec?.template.spec?.containers[0]).toMatchObject({ args });
			const purging = purge.spec?.jobTemplate.spec?.template.spec;
			expect(purging?.containers[0]).toMatchObject({ args: ['--purge-audit'] });
			for (const spec of [migrate.spec?.template.spec, purging]) {
				expect(spec?.containers[0]?.env).toContainEqual(of('ownerAddress'));
				expect(spec?.securityContext?.runAsNonRoot).toBe(true);
			}
			const policy = all.find((one) => idOf(one) === 'NetworkPolicy envtier-api');
			expect(JSON.stringify(policy)).toContain('"port":5432');
		});

		test('the audit store in SQLite is a volume of one replica, and refused with more', async () => {
			const all = await audit({ store: 'sqlite' }, 1);
			const value = 'sqlite:/var/lib/envtier/audit.db';
			expect(envOf(all)).toContainEqual({ name: 'ENVTIER_API_AUDIT_STORE', value });
			const deployment = all.find((one) => idOf(one) === 'Deployment envtier-api') as V1Deployment;
			expect(deployment.spec?.strategy).toEqual({ type: 'Recreate' });
			expect(JSON.stringify(deployment)).toContain('"claimName":"envtier-api-audit"');
			expect(all.map(idOf).filter((id) => /Job/.test(id))).toEqual([]);
			const file = await valuesFile({ api: { enabled: true, replicas: 2, audit: { store: 'sqlite' } } });
			const { code, stderr } = await helm('template', 'envtier', CHART, ...LEAST, ...file);
			expect(code).not.toBe(0);
			expect(stderr).toContain('api.audit.store sqlite needs api.replicas 1');
		});

		test('the webhook gets no right that its settings need not', async () => {
			const off = { ENVTIER_EVENTS: 'false', ENVTIER_ORG_LABEL: 'ignore', ENVTIER_CERTIFICATES: 'files' };
			const least = { ...EXAMPLES, ...off };
			const all = await rendered(...(await valuesFile({ settings: least })));
			expect(all.filter(({ kind }) => kind?.startsWith('ClusterRole'))).toEqual([]);
			const some = await rendered(...(await valuesFile({ settings: { ...least, ENVTIER_EVENTS: 'true' } })));
			const role = some.find(({ kind }) => kind === 'ClusterRole') as { rules?: { resources: string[] }[] };
			expect(role.rules?.flatMap(({ resources }) => resources)).toEqual(['replicasets', 'jobs', 'events']);
		});

		test('namespaces that are left out are left out by the policy as well, and warned about', async () => {
			const all = await rendered(...LEAST, '--set', 'webhookConfiguration.excludedNamespaces={monitoring}');
			const text = JSON.stringify(
				all.filter(({ kind }) => /^(Mutating|ValidatingAdmissionPolicy$)/.test(kind ?? '')),
			);
			expect(text.split('"kube-node-lease","envtier-system","monitoring"]')).toHaveLength(5);
		});

		test('cert-manager makes the certificate for the Secret and the name that are used', async () => {
			const all = await rendered(...LEAST, ...CERT_MANAGER);
			const certificate = all.find((one) => idOf(one) === 'Certificate envtier-webhook') as { spec?: object };
			expect(certificate.spec).toMatchObject({
				secretName: 'envtier-webhook-tls',
				dnsNames: expect.arrayContaining(['envtier-webhook.envtier-system.svc']),
				issuerRef: { kind: 'Issuer', name: 'envtier-webhook' },
			});
			// And a CA that outlives it, which signs itself.
			const made = all.map(idOf).filter((id) => /^(Issuer|Certificate) /.test(id));
			expect(made.sort()).toEqual([
				'Certificate envtier-webhook',
				'Certificate envtier-webhook-ca',
				'Issuer envtier-webhook',
				'Issuer envtier-webhook-self-signed',
			]);
			const both = await rendered(...LEAST, ...CERT_MANAGER, '--set', 'api.enabled=true');
			expect(both.find((one) => idOf(one) === 'Certificate envtier-api')?.spec).toMatchObject({
				secretName: 'envtier-api-tls',
				dnsNames: expect.arrayContaining(['envtier-api.envtier-system.svc']),
			});
			const webhookConfiguration = all.find(({ kind }) => kind === 'MutatingWebhookConfiguration');
			expect(webhookConfiguration?.metadata?.annotations).toEqual({
				'cert-manager.io/inject-ca-from': 'envtier-system/envtier-webhook',
			});
		});

		test.each([
			['no Vault', [], '/settings/ENVTIER_VAULT_ADDR'],
			[
				'a setting that does not exist',
				[...LEAST, '--set', 'settings.ENVTIER_VAULT_ADRR=x'],
				'ENVTIER_VAULT_ADRR',
			],
			[
				'a setting of the fetcher',
				[...LEAST, '--set', 'settings.ENVTIER_TOKEN_FILE=/x'],
				'ENVTIER_TOKEN_FILE',
			],
			['a value that does not exist', [...LEAST, '--set', 'replica=2'], "'replica' not allowed"],
			['no replica', [...LEAST, '--set', 'replicas=0'], "'/replicas'"],
			[
				'a Vault token of the API',
				[...LEAST, '--set', 'api.settings.ENVTIER_API_VAULT_TOKEN=t'],
				'ENVTIER_API_VAULT_TOKEN',
			],
			[
				'an API without a role',
				[...LEAST, '--set', 'api.settings.ENVTIER_API_VAULT_ROLE='],
				'/api/settings/ENVTIER_API_VAULT_ROLE',
			],
			['an API that is asked for in a word', [...LEAST, '--set-string', 'api.enabled=yes'], '/api/enabled'],
		])('%s is refused by the schema, which names it', async (_, args, name) => {
			const { code, stderr } = await helm('template', 'envtier', CHART, ...args);
			expect(code).not.toBe(0);
			expect(stderr).toContain("values don't meet the specifications of the schema");
			expect(stderr).toContain(name);
		});

		// Helm repeats the values that it refuses; these come from files that lie beside the right ones.
		test.each([
			'/tls/caBundle',
			'/settings/ENVTIER_VAULT_CA',
			'/settings/ENVTIER_CLIENT_CA',
			'/api/settings/ENVTIER_API_OIDC_CA',
		])('a private key in the place of CAs is refused and not repeated: %s', async (place) => {
			const key = '-----BEGIN PRIVATE KEY-----\ntest-only\n-----END PRIVATE KEY-----\n';
			const file = join(home, 'wrong.pem');
			const name = place.slice(1).replaceAll('/', '.');
			// As certificates and keys often lie in one file.
			const certificate = '-----BEGIN CERTIFICATE-----\nMII=\n-----END CERTIFICATE-----\n';
			for (const text of [key, certificate + key]) {
				await writeFile(file, text);
				const wrong = ['--set-file', `${name}=${file}`];
				const { code, stderr } = await helm('template', 'envtier', CHART, ...LEAST, ...wrong);
				expect(code).not.toBe(0);
				expect(stderr).toContain(place);
				expect(stderr).not.toContain('test-only');
			}
		});
	});

	describe('on a cluster', () => {
		let caPem: string;
		const release = (...args: readonly string[]) => helm(...args, '-n', NAMESPACE);
		beforeAll(async () => {
			caPem = (await makeAuthority('Envtier test webhook CA')).certPem;
			await cluster.createServiceAccount('default', 'default');
		});

		test('install makes everything, with the CA from the values', async () => {
			const values = await valuesFile({
				settings: { ENVTIER_VAULT_ADDR: 'https://vault.vault.svc:8200' },
				tls: { caBundle: caPem },
			});
			const made = await release('install', 'envtier', CHART, '--create-namespace', ...values);
			expect(made.code, made.stderr).toBe(0);
			expect(made.stdout).toContain("Envtier's webhook is installed in envtier-system");
			const { body } = await cluster.request<{ webhooks: { clientConfig: { caBundle: string } }[] }>(
				'GET',
				WEBHOOK_CONFIGURATION,
			);
			expect(Buffer.from(body.webhooks[0]?.clientConfig.caBundle ?? '', 'base64').toString()).toBe(caPem);
			expect((await cluster.request('GET', DEPLOYMENT)).status).toBe(200);
		});

		test('upgrade changes a setting and rolls the Deployment; rollback takes it back', async () => {
			const checksum = async () => {
				const { body } = await cluster.request<V1Deployment>('GET', DEPLOYMENT);
				return body.spec?.template.metadata?.annotations?.['checksum/settings'];
			};
			const organization = async () => {
				const path = `/api/v1/namespaces/${NAMESPACE}/configmaps/envtier-settings`;
				const { body } = await cluster.request<{ data: Record<string, string> }>('GET', path);
				return body.data['ENVTIER_DEFAULT_ORG'];
			};
			const before = await checksum();
			const upgrade = ['upgrade', 'envtier', CHART, '--reuse-values'];
			const upgraded = await release(...upgrade, '--set', 'settings.ENVTIER_DEFAULT_ORG=acme');
			expect(upgraded.code, upgraded.stderr).toBe(0);
			expect(await organization()).toBe('acme');
			expect(await checksum()).not.toBe(before);
			const back = await release('rollback', 'envtier', '1');
			expect(back.code, back.stderr).toBe(0);
			expect(await organization()).toBeUndefined();
			expect(await checksum()).toBe(before);
		});

		test('values that are wrong change nothing of what is installed', async () => {
			const generation = async () =>
				(await cluster.request<V1Deployment>('GET', DEPLOYMENT)).body.metadata?.generation;
			const before = await generation();
			const wrong = ['--set', 'replicas=1', '--set', 'settings.ENVTIER_DEADLNE=30'];
			const { code, stderr } = await release('upgrade', 'envtier', CHART, '--reuse-values', ...wrong);
			expect(code).not.toBe(0);
			expect(stderr).toContain("'/settings': additional properties 'ENVTIER_DEADLNE' not allowed");
			expect(await generation()).toBe(before);
			const { stdout } = await release('history', 'envtier', '--output', 'json');
			expect(JSON.parse(stdout)).toHaveLength(3);
		});

		/** Kind and name of all that there is of the secrets API. */
		async function ofTheApi(): Promise<readonly string[]> {
			const kinds = `deploy,cm,svc,sa,pdb,netpol,clusterrole,clusterrolebinding`;
			const { code, stdout, stderr } = await kubectl('get', kinds, '-n', NAMESPACE, '-o', 'name');
			expect(code, stderr).toBe(0);
			return stdout.split('\n').filter((name) => /\/envtier-api\b/.test(name));
		}

		test('upgrade brings the secrets API and takes it away again, and so does rollback; the webhook is left alone', async () => {
			const webhook = async () => {
				const { body } = await cluster.request<V1Deployment>('GET', DEPLOYMENT);
				return [body.metadata?.uid, body.metadata?.generation];
			};
			const before = await webhook();
			const whole = [
				...['configmap/envtier-api-settings', 'deployment.apps/envtier-api'],
				...['networkpolicy.networking.k8s.io/envtier-api', 'poddisruptionbudget.policy/envtier-api'],
				'clusterrole.rbac.authorization.k8s.io/envtier-api',
				'clusterrolebinding.rbac.authorization.k8s.io/envtier-api',
				...['service/envtier-api', 'serviceaccount/envtier-api'],
			].sort();
			const upgrade = async (...args: readonly string[]) => {
				const upgraded = await release('upgrade', 'envtier', CHART, '--reuse-values', ...args);
				expect(upgraded.code, upgraded.stderr).toBe(0);
				return upgraded.stdout;
			};
			expect(await ofTheApi()).toEqual([]);
			const said = await upgrade('--set', 'api.enabled=true');
			expect(said).toContain('The secrets API needs a certificate in the Secret envtier-api-tls');
			expect([...(await ofTheApi())].sort()).toEqual(whole);
			const service = await cluster.request<{ spec: { selector: object } }>(
				...(['GET', `/api/v1/namespaces/${NAMESPACE}/services/envtier-api`] as const),
			);
			expect(service.body.spec.selector).toEqual({ 'app.kubernetes.io/name': 'envtier-api' });
			// Whoever asks no cluster about callers needs no right to.
			await upgrade(
				...['--set', 'api.settings.ENVTIER_API_KUBERNETES=false'],
				...['--set', 'api.settings.ENVTIER_API_OIDC_ISSUER=https://login.example'],
			);
			expect((await ofTheApi()).filter((name) => name.startsWith('clusterrole'))).toEqual([]);
			await upgrade('--set', 'api.enabled=false');
			expect(await ofTheApi()).toEqual([]);
			// 4: the first revision with the API.
			const back = await release('rollback', 'envtier', '4');
			expect(back.code, back.stderr).toBe(0);
			expect([...(await ofTheApi())].sort()).toEqual(whole);
			expect(await webhook()).toEqual(before);
		});

		test('upgrade brings the Reveal program with an account of its own, and takes it away again', async () => {
			const ofReveal = async (): Promise<readonly string[]> => {
				const kinds = 'deploy,cm,svc,sa,pdb,netpol,clusterrole,clusterrolebinding';
				const { stdout } = await kubectl('get', kinds, '-n', NAMESPACE, '-o', 'name');
				return stdout.split('\n').filter((name) => /\/envtier-reveal\b/.test(name));
			};
			const upgrade = async (value: string) => {
				const upgraded = await release('upgrade', 'envtier', CHART, '--reuse-values', '--set', value);
				expect(upgraded.code, upgraded.stderr).toBe(0);
				return upgraded.stdout;
			};
			expect(await ofReveal()).toEqual([]);
			const said = await upgrade('reveal.enabled=true');
			expect(said).toContain('The Reveal program needs a certificate in the Secret envtier-reveal-tls');
			expect([...(await ofReveal())].sort()).toEqual(
				[
					...['configmap/envtier-reveal-settings', 'deployment.apps/envtier-reveal'],
					...['networkpolicy.networking.k8s.io/envtier-reveal', 'poddisruptionbudget.policy/envtier-reveal'],
					'clusterrole.rbac.authorization.k8s.io/envtier-reveal',
					'clusterrolebinding.rbac.authorization.k8s.io/envtier-reveal',
					...['service/envtier-reveal', 'serviceaccount/envtier-reveal'],
				].sort(),
			);
			await upgrade('reveal.enabled=false');
			expect(await ofReveal()).toEqual([]);
		});

		/** Runs `helm test`, and what its pod would run, in the kubelet's place: there is none here. */
		async function helmTest() {
			const running = release('test', 'envtier', '--timeout', '60s');
			const path = `/api/v1/namespaces/${NAMESPACE}/pods/envtier-test`;
			const pod = await until('the pod of the test', async () => {
				const { status, body } = await cluster.request<V1Pod>('GET', path);
				// Not the one of a test before.
				return status === 200 && body.status?.phase === 'Pending' ? body : undefined;
			});
			const folder = join(home, 'test-token');
			await mkdir(folder, { recursive: true });
			await writeFile(join(folder, 'ca.crt'), cluster.caPem);
			await writeFile(join(folder, 'token'), await cluster.token(NAMESPACE, 'envtier-test'), { mode: 0o600 });
			const [container] = pod.spec?.containers ?? [];
			const [, ...flags] = container?.command ?? [];
			const [script = '', dashes = '', , namespace = ''] = container?.args ?? [];
			const { hostname, port } = new URL(cluster.url);
			const ended = await runProcess({
				command: process.execPath,
				args: [...flags, script, dashes, folder, namespace, hostname, port],
			});
			const phase = ended.code === 0 ? 'Succeeded' : 'Failed';
			await cluster.request('PATCH', `${path}/status`, { status: { phase } }, MERGE);
			return { said: ended.stdout + ended.stderr, helm: await running };
		}

		test('helm test fails and says why while the webhook cannot be reached', async () => {
			const { said, helm: ended } = await helmTest();
			expect(said).toMatch(/NOT injected in the namespace default .*failed calling webhook/);
			expect(ended.code).not.toBe(0);
		});

		test('helm test passes once it can', async () => {
			const webhook = await startWebhook({ ENVTIER_VAULT_ADDR: 'https://vault.example:8200' });
			try {
				const shown = await cluster.request<{ webhooks: object[] }>('GET', WEBHOOK_CONFIGURATION);
				const clientConfig = {
					url: `${webhook.url}/mutate`,
					caBundle: Buffer.from(webhook.caPem).toString('base64'),
				};
				const webhooks = shown.body.webhooks.map((one) => ({ ...one, clientConfig }));
				expect((await cluster.request('PATCH', WEBHOOK_CONFIGURATION, { webhooks }, MERGE)).status).toBe(200);
				await until('the webhook configuration to lead to it', async () => {
					const asking = podOf({ envtier: { deployment: 'shop' } });
					return (await createPod(cluster, 'default', asking, 'dryRun=All')).status === 201;
				});
				const { said, helm: ended } = await helmTest();
				expect(said).toContain('is injected in the namespace default');
				expect(ended.code, ended.stderr).toBe(0);
			} finally {
				await webhook.stop();
			}
		});

		test('uninstall leaves nothing behind, and pods that ask are created again as they are', async () => {
			const gone = await release('uninstall', 'envtier');
			expect(gone.code, gone.stderr).toBe(0);
			const policy =
				'/apis/admissionregistration.k8s.io/v1/validatingadmissionpolicies/envtier-require-injection';
			for (const path of [WEBHOOK_CONFIGURATION, DEPLOYMENT, policy])
				expect((await cluster.request('GET', path)).status, path).toBe(404);
			expect(await ofTheApi()).toEqual([]);
			await until('the policy and the webhook configuration to be out of force', async () => {
				const asking = podOf({ envtier: { deployment: 'shop' } });
				return (await createPod(cluster, 'default', asking, 'dryRun=All')).status === 201;
			});
		});
	});

	test('every value of values.yaml is in the schema, and the other way round', async () => {
		const values = parse(await readFile(join(CHART, 'values.yaml'), 'utf8'));
		const schema = JSON.parse(await readFile(join(CHART, 'values.schema.json'), 'utf8'));
		const names = (object: object) =>
			Object.keys(object)
				.filter((name) => name !== 'global')
				.sort();
		expect(names(schema.properties)).toEqual(names(values));
		expect(names(schema.properties.settings.properties)).toEqual(names(values.settings));
		expect(names(values.settings)).toEqual([...OF_THE_WEBHOOK].sort());
		const offered = names(API_VARIABLES).filter((name) => !NOT_OF_THE_CHART.test(name));
		const ofTheApi = offered.filter((name) => !OF_REVEAL.test(name));
		expect(names(values.api.settings)).toEqual(ofTheApi);
		expect(names(schema.properties.api.properties)).toEqual(names(values.api));
		expect(names(schema.properties.api.properties.settings.properties)).toEqual(ofTheApi);
		const ofReveal = offered.filter((name) => !NOT_OF_REVEAL.test(name));
		expect(names(values.reveal.settings)).toEqual(ofReveal);
		expect(names(schema.properties.reveal.properties)).toEqual(names(values.reveal));
		expect(names(schema.properties.reveal.properties.settings.properties)).toEqual(ofReveal);
	});
});

type Manifest = KubernetesObject & { readonly spec?: unknown };

function documents(text: string): readonly Manifest[] {
	return parseAllDocuments(text)
		.map((document) => document.toJS() as Manifest | null)
		.filter((object) => object !== null);
}

function isNoHook({ metadata }: Manifest): boolean {
	return !('helm.sh/hook' in (metadata?.annotations ?? {}));
}

const withoutHash = (text: string): string =>
	text.replaceAll(/(envtier(?:-(?:api|controller|reveal))?-settings)-[a-z0-9]{10}/g, '$1');

function idOf({ kind, metadata }: Manifest): string {
	return `${kind} ${withoutHash(metadata?.name ?? '')}`;
}

/** An object without additions of Helm or Kustomize: labels, the checksum and the ConfigMap's hash. */
function plain(object: Manifest): unknown {
	const { namespace, ...metadata } = object.metadata ?? {};
	// Kustomize gives these a namespace, not knowing that they have none; the API server drops it.
	const named = /^ValidatingAdmissionPolicy/.test(object.kind ?? '') ? metadata : { namespace, ...metadata };
	const text = withoutHash(JSON.stringify({ ...object, metadata: named }));
	return JSON.parse(text, (key, value) => {
		// Kustomize leaves an empty list where the last item was taken out.
		if (/^volume(s|Mounts)$/.test(key) && value.length === 0) return undefined;
		const { 'checksum/settings': _, ...rest } = key === 'annotations' ? value : {};
		if (key === 'annotations') return Object.keys(rest).length === 0 ? undefined : rest;
		if (key !== 'labels') return value;
		const own = /^(helm\.sh\/chart|app\.kubernetes\.io\/(instance|managed-by|version))$/;
		return Object.fromEntries(Object.entries(value).filter(([name]) => !own.test(name)));
	});
}

function webhookContainer(all: readonly Manifest[]) {
	const deployment = all.find((one) => idOf(one) === 'Deployment envtier-webhook') as
		| V1Deployment
		| undefined;
	return deployment?.spec?.template.spec?.containers[0];
}
