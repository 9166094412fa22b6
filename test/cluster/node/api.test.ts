/**
 * The secrets API in a cluster, from its image and manifests, with an OpenBao and the shipped policy, called
 * with curl.
 */
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { envtier } from '../../cli/support/command.ts';
import { expectStatus } from '../../support/kubernetes/cluster.ts';
import { kubectlFor } from '../../support/kubernetes/kubectl.ts';
import { installApi } from '../../support/kubernetes/node/api.ts';
import { MAIN } from '../../support/kubernetes/pods.ts';
import { runPod } from '../../support/kubernetes/run-pod.ts';
import { describeWithNode } from '../../support/node-servers.ts';
import { runProcess } from '../../support/process.ts';
import { create } from './support/observe.ts';
import { type Forwarded, forwardApi } from './support/port-forward.ts';

const RBAC = '/apis/rbac.authorization.k8s.io/v1';
const SECRETS = '/api/v1/namespaces/envtier-system/secrets/envtier-api-tls';
const ALL = ['list', 'get', 'create', 'update', 'delete'];

describeWithNode('the secrets API in a cluster', ({ cluster, vault, kubectl: program }) => {
	const kubectl = kubectlFor(program, cluster);
	let dir: string;
	let forwarded: Forwarded;
	/** Names the namespace, the organization and the deployment of these tests. */
	let shop: string;
	let token: string;

	beforeAll(async () => {
		await installApi({ cluster, kubectl: program, vault }, 'acme');
		dir = await mkdtemp(join(tmpdir(), 'envtier-node-api-'));
		const { body } = await cluster.request<{ data: Record<string, string> }>('GET', SECRETS);
		await writeFile(join(dir, 'ca.crt'), Buffer.from(body.data['ca.crt'] ?? '', 'base64'));
		await writeFile(join(dir, 'vault-ca.pem'), vault.caPem);
		shop = await cluster.createNamespace({
			prefix: 'shop-',
			labels: { 'pod-security.kubernetes.io/enforce': 'restricted' },
		});
		await cluster.createServiceAccount(shop, 'web');
		await cluster.createServiceAccount(shop, 'alice');
		await create(cluster, `${RBAC}/clusterroles`, {
			metadata: { name: `${shop}-editor` },
			rules: [
				{ apiGroups: ['envtier.dev'], resources: ['secrets', 'deployments'], verbs: ALL },
				{ apiGroups: ['envtier.dev'], resources: ['orgsecrets'], resourceNames: [shop], verbs: ALL },
				{ apiGroups: ['envtier.dev'], resources: ['orgs'], resourceNames: [shop], verbs: ['use'] },
			],
		});
		await create(cluster, `${RBAC}/clusterrolebindings`, {
			metadata: { name: `${shop}-editor` },
			roleRef: { apiGroup: 'rbac.authorization.k8s.io', kind: 'ClusterRole', name: `${shop}-editor` },
			subjects: [{ kind: 'ServiceAccount', namespace: shop, name: 'alice' }],
		});
		const made = await kubectl('create', 'token', 'alice', '-n', shop, '--audience', 'envtier-api');
		token = made.stdout.trim();
		forwarded = await forwardApi(program, cluster.kubeconfig);
	});
	afterAll(async () => {
		await forwarded?.[Symbol.asyncDispose]();
		if (dir !== undefined) await rm(dir, { recursive: true, force: true });
		for (const kind of ['clusterrolebindings', 'clusterroles'])
			await cluster.request('DELETE', `${RBAC}/${kind}/${shop}-editor`);
	});

	/** Calls the API with curl; the body goes by standard input, so that it shows in no list of processes. */
	async function curl(method: string, path: string, body?: object) {
		const { code, stdout, stderr } = await runProcess({
			command: 'curl',
			args: [
				...['--silent', '--show-error', '--cacert', join(dir, 'ca.crt'), '--request', method],
				...['--header', `Authorization: Bearer ${token}`, '--header', `Envtier-Org: ${shop}`],
				...(body === undefined ? [] : ['--json', '@-']),
				...['--write-out', '\n%{http_code}', `${forwarded.url}${path}`],
			],
			input: body === undefined ? '' : JSON.stringify(body),
		});
		if (code !== 0) throw new Error(`curl ended with ${code}: ${stderr}`);
		const [json = '', status] = stdout.split('\n').slice(-2);
		return { status: Number(status), json: JSON.parse(json) as { id: string } };
	}

	/** What a new pod of the service `web` finds of these keys. */
	async function foundByPod(...keys: readonly string[]) {
		const print = keys.map((key) => `echo "${key}=$${key}"`).join('; ');
		const main = {
			...MAIN,
			image: 'localhost/busybox:1',
			command: ['sh', '-ec', `. /secrets/env; ${print}`],
		};
		const { log, pod } = await runPod(cluster, shop, {
			metadata: {
				generateName: 'web-',
				annotations: {
					'envtier.dev/deployment': shop,
					'envtier.dev/service': 'web',
					'envtier.dev/org': shop,
					'envtier.dev/role': shop,
				},
			},
			spec: { serviceAccountName: 'web', containers: [main] },
		});
		expect(pod.status?.phase).toBe('Succeeded');
		return Object.fromEntries(
			log
				.trim()
				.split('\n')
				.map((line) => line.split('=')),
		);
	}

	test('the shipped policy is all that its account has in Vault, and opens no value', async () => {
		const jwt = await cluster.token('envtier-system', 'envtier-api', ['vault']);
		const login = await vault.request('POST', 'auth/kubernetes/login', {
			body: { role: 'envtier-api', jwt },
			token: '',
		});
		const { auth } = login.json as { auth: { client_token: string; policies: readonly string[] } };
		expect(auth.policies).toEqual(['envtier_api_secret']);
		const as = { token: auth.client_token };
		for (const place of [`orgs/${shop}`, `deployments/${shop}`, `deployments/${shop}/services/web`]) {
			const read = await vault.request('GET', `secret/data/${place}/secrets/LEVEL`, as);
			expect([place, read.status]).toEqual([place, 403]);
		}
	});

	test('secrets that were made with curl reach a pod; a changed one of the organization reaches a new pod, where the override still wins', async () => {
		expect(await curl('POST', '/api/deployments', { name: shop, org: shop })).toMatchObject({ status: 201 });
		const org = (key: string, value: string) => curl('POST', '/api/org/secrets', { key, value });
		const level = await org('LEVEL', 'org-level-1');
		const banner = await org('BANNER', 'org-banner-1');
		const own = (key: string, value: string, serviceName?: string) =>
			curl('POST', '/api/secrets', { key, value, deploymentName: shop, serviceName });
		const override = await own('LEVEL', 'deployment-level');
		const greeting = await own('GREETING', 'service-greeting', 'web');
		for (const made of [level, banner, override, greeting]) expect(made.status).toBe(201);
		// What an operator gives the pods' account, as docs/installing.md has it.
		const names = ['--org', shop, '--deployment', shop, '--service', 'web'];
		const setUp = await envtier(
			['vault', 'setup', shop, '--namespace', shop, '--service-account', 'web', ...names, '--apply'],
			{
				env: {
					VAULT_ADDR: vault.addr,
					VAULT_TOKEN: vault.rootToken,
					VAULT_CACERT: join(dir, 'vault-ca.pem'),
				},
			},
		);
		expect([setUp.code, setUp.stderr]).toEqual([0, '']);

		expect(await foundByPod('LEVEL', 'BANNER', 'GREETING')).toEqual({
			LEVEL: 'deployment-level',
			BANNER: 'org-banner-1',
			GREETING: 'service-greeting',
		});
		const change = (id: string, value: string) => curl('PUT', '/api/org/secrets', { id, value });
		expect(await change(level.json.id, 'org-level-2')).toMatchObject({ json: { status: 'updated' } });
		expect(await change(banner.json.id, 'org-banner-2')).toMatchObject({ json: { status: 'updated' } });
		expect(await foundByPod('LEVEL', 'BANNER')).toEqual({
			LEVEL: 'deployment-level',
			BANNER: 'org-banner-2',
		});
		const gone = await curl('DELETE', '/api/secrets', { id: override.json.id });
		expect(gone.json).toEqual({ status: 'deleted' });
		expect(await foundByPod('LEVEL')).toEqual({ LEVEL: 'org-level-2' });
	});

	test('its log tells who changed what, and no value', async () => {
		const all = ['-n', 'envtier-system', '-l', 'app.kubernetes.io/name=envtier-api', '--tail=-1'];
		const { stdout } = await kubectl('logs', ...all);
		const lines = stdout.split('\n').filter((line) => line.includes(`system:serviceaccount:${shop}:alice`));
		const changed = lines.map((line) => JSON.parse(line) as { action: string; key: string; result: string });
		expect(changed.map(({ action, key, result }) => [action, key, result])).toContainEqual([
			'org.secrets.update',
			'BANNER',
			'done',
		]);
		expect(stdout).not.toMatch(/org-banner|org-level|deployment-level|service-greeting/);
		expect(stdout).not.toContain(token);
	});

	test('a caller without a role is told which right is missing', async () => {
		const made = await kubectl('create', 'token', 'web', '-n', shop, '--audience', 'envtier-api');
		const mine = token;
		token = made.stdout.trim();
		try {
			expect(await curl('GET', '/api/org/secrets')).toMatchObject({
				status: 403,
				json: { error: expect.stringContaining(`system:serviceaccount:${shop}:web`) },
			});
		} finally {
			token = mine;
		}
	});

	test('every replica runs read-only as a user that is not root, and is ready', async () => {
		const path = '/api/v1/namespaces/envtier-system/pods?labelSelector=app.kubernetes.io/name=envtier-api';
		const { items } = expectStatus(
			await cluster.request<{ items: readonly { status: { containerStatuses: { ready: boolean }[] } }[] }>(
				'GET',
				path,
			),
			200,
			'listing the pods of the API',
		);
		expect(items.flatMap(({ status }) => status.containerStatuses.map(({ ready }) => ready))).toEqual([
			true,
			true,
		]);
	});
});
