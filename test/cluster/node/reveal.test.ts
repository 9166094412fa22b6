/**
 * The Reveal program in a cluster, from its image and manifests, with its roles in Vault as `setup.sh reveal`
 * writes them. It has a namespace and a KV mount of its own: the API of other tests runs without it.
 */
import { mkdtemp, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, relative } from 'node:path';
import type { V1Pod } from '@kubernetes/client-node';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { stringify } from 'yaml';
import { envtier } from '../../cli/support/command.ts';
import { kubectlFor, mustKubectl } from '../../support/kubernetes/kubectl.ts';
import { makeCertificate, untilServing } from '../../support/kubernetes/node/install.ts';
import { describeWithNode } from '../../support/node-servers.ts';
import { mountKv, putSecret } from '../../support/openbao-setup.ts';
import { runProcess } from '../../support/process.ts';
import { create } from './support/observe.ts';
import { type Forwarded, forwardApi } from './support/port-forward.ts';

const RBAC = '/apis/rbac.authorization.k8s.io/v1';
const MANIFESTS = join(import.meta.dirname, '../../../deploy/manifests/reveal');
const KV = 'reveal-kv';
const CANARY = 'canary-of-the-reveal-program';

describeWithNode('the Reveal program in a cluster', (servers) => {
	const { cluster, vault, setupVault, vaultInside, kubectl: program } = servers;
	const kubectl = kubectlFor(program, cluster);
	let dir: string;
	let forwarded: Forwarded;
	/** Names the namespace of the program, and the organization and the deployment of these tests. */
	let name: string;
	let token: string;
	const certificate = (): string => `/api/v1/namespaces/${name}/secrets/envtier-reveal-tls`;

	beforeAll(async () => {
		dir = await mkdtemp(join(tmpdir(), 'envtier-node-reveal-'));
		name = await cluster.createNamespace({
			prefix: 'reveal-',
			labels: { 'pod-security.kubernetes.io/enforce': 'restricted' },
		});
		await mountKv(vault, KV, 2);
		await setupVault('reveal', '--namespace', name, '--kv', KV);
		await makeCertificate(
			cluster.kubeconfig,
			...['--for', 'reveal', '--namespace', name, '--name', 'localhost'],
		);
		await writeFile(join(dir, 'vault-ca.pem'), vault.caPem);
		const kustomization = {
			namespace: name,
			resources: [relative(dir, MANIFESTS)],
			replicas: [{ name: 'envtier-reveal', count: 1 }],
			// kustomize does not change the namespace of a subject.
			patches: [
				{
					target: { kind: 'ClusterRoleBinding', name: 'envtier-reveal' },
					patch: JSON.stringify([{ op: 'replace', path: '/subjects/0/namespace', value: name }]),
				},
			],
			configMapGenerator: [
				{
					name: 'envtier-settings',
					literals: [`ENVTIER_VAULT_ADDR=${vaultInside}`, `ENVTIER_VAULT_KV_MOUNT=${KV}`],
					files: ['ENVTIER_VAULT_CA=vault-ca.pem'],
				},
				{
					name: 'envtier-reveal-settings',
					behavior: 'merge',
					literals: [`ENVTIER_API_KUBERNETES_ORG=${name}`],
				},
			],
		};
		await writeFile(join(dir, 'kustomization.yaml'), stringify(kustomization));
		await mustKubectl(kubectl, 'apply', '-k', dir);
		await untilServing(cluster, 'envtier-reveal', name);
		const { body } = await cluster.request<{ data: Record<string, string> }>('GET', certificate());
		await writeFile(join(dir, 'ca.crt'), Buffer.from(body.data['ca.crt'] ?? '', 'base64'));
		await cluster.createServiceAccount(name, 'alice');
		await cluster.createServiceAccount(name, 'bob');
		const rule = (resource: string, verbs: readonly string[]) => ({
			apiGroups: ['envtier.dev'],
			resources: [resource],
			verbs,
		});
		await create(cluster, `${RBAC}/clusterroles`, {
			metadata: { name },
			rules: [rule('secrets', ['reveal']), rule('deployments', ['create', 'get', 'members'])],
		});
		await create(cluster, `${RBAC}/clusterrolebindings`, {
			metadata: { name },
			roleRef: { apiGroup: 'rbac.authorization.k8s.io', kind: 'ClusterRole', name },
			subjects: ['alice', 'bob'].map((account) => ({
				kind: 'ServiceAccount',
				namespace: name,
				name: account,
			})),
		});
		token = await tokenOf('alice', 'envtier-reveal');
		const place = { service: 'envtier-reveal', namespace: name };
		forwarded = await forwardApi(program, cluster.kubeconfig, place);
	}, 300_000);
	afterAll(async () => {
		await forwarded?.[Symbol.asyncDispose]();
		if (dir !== undefined) {
			await kubectl('delete', '--ignore-not-found', '--wait=false', '-k', dir);
			await rm(dir, { recursive: true, force: true });
		}
		for (const kind of ['clusterrolebindings', 'clusterroles'])
			await cluster.request('DELETE', `${RBAC}/${kind}/${name}`);
		// Of the certificate script, and not of the manifests.
		await cluster.request('DELETE', certificate());
	});

	/** A token of an account, as a person makes one. */
	async function tokenOf(account: string, audience: string): Promise<string> {
		const { stdout } = await kubectl('create', 'token', account, '-n', name, '--audience', audience);
		return stdout.trim();
	}

	/** Calls the Reveal program with curl; the body goes by standard input, which no list of processes shows. */
	async function curl(method: string, path: string, body: object, as = token) {
		const { code, stdout, stderr } = await runProcess({
			command: 'curl',
			args: [
				...['--silent', '--show-error', '--cacert', join(dir, 'ca.crt'), '--request', method],
				...['--header', `Authorization: Bearer ${as}`, '--json', '@-'],
				...['--write-out', '\n%{http_code}', `${forwarded.url}${path}`],
			],
			input: JSON.stringify(body),
		});
		if (code !== 0) throw new Error(`curl ended with ${code}: ${stderr}`);
		const [json = '', status] = stdout.split('\n').slice(-2);
		return { status: Number(status), json: JSON.parse(json) as Record<string, unknown> };
	}
	const ask = () => ({ deployment: name, key: 'TOKEN', reason: 'incident 42' });

	test('a member sees a value by a token for its audience; a name is registered once', async () => {
		expect(await curl('POST', '/api/access', { name, org: name })).toMatchObject({ status: 201 });
		expect(await curl('POST', '/api/access', { name, org: name })).toMatchObject({ status: 409 });
		await putSecret(vault, `deployments/${name}/secrets/TOKEN`, CANARY, { mount: KV });
		expect(await curl('POST', '/api/reveal', ask())).toEqual({
			status: 200,
			json: { key: 'TOKEN', value: CANARY, version: 1, elevation: '' },
		});
		const bob = await tokenOf('bob', 'envtier-reveal');
		expect(await curl('POST', '/api/reveal', ask(), bob)).toMatchObject({ status: 403 });
	});

	test('the command writes the value to a file that only its owner reads', async () => {
		const file = join(dir, 'value');
		const args = ['secrets', 'reveal', 'TOKEN', '--deployment', name, '--reason', 'incident 42'];
		const shown = await envtier([...args, '--output-file', file], {
			env: {
				ENVTIER_REVEAL_URL: forwarded.url,
				ENVTIER_REVEAL_TOKEN: token,
				ENVTIER_REVEAL_CA: join(dir, 'ca.crt'),
			},
		});
		expect([shown.code, shown.stdout, shown.stderr]).toEqual([0, '', '']);
		expect(await readFile(file, 'utf8')).toBe(CANARY);
		expect((await stat(file)).mode & 0o777).toBe(0o600);
	});

	test('an API key, and a token for another audience or for the API server, are refused', async () => {
		const wrong = [
			`envtier_0123456789abcdef_${'x'.repeat(43)}`,
			await tokenOf('alice', 'envtier-api'),
			await tokenOf('alice', 'vault'),
			(await kubectl('create', 'token', 'alice', '-n', name)).stdout.trim(),
		];
		for (const as of wrong)
			expect(await curl('POST', '/api/reveal', ask(), as)).toMatchObject({ status: 401 });
	});

	test('its account reads no value by its own role, and few times by the one for a value', async () => {
		const jwt = await cluster.token(name, 'envtier-reveal', ['vault']);
		const login = async (role: string) => {
			const answer = await vault.request('POST', 'auth/kubernetes/login', { body: { role, jwt }, token: '' });
			return (answer.json as { auth: { client_token: string; num_uses: number; policies: string[] } }).auth;
		};
		const read = async (as: string) =>
			(await vault.request('GET', `${KV}/data/deployments/${name}/secrets/TOKEN`, { token: as })).status;
		const own = await login('envtier-reveal');
		expect(own.policies).toEqual([`envtier_reveal_${KV}`]);
		expect(await read(own.client_token)).toBe(403);
		const once = await login('envtier-reveal-value');
		expect(once.num_uses).toBe(2);
		expect([await read(once.client_token), await read(once.client_token)]).toEqual([200, 200]);
		expect(await read(once.client_token)).toBe(403);
	});

	test('its log tells who saw what and why, and no value; its pod is ready and has one container', async () => {
		const { stdout } = await kubectl('logs', '-n', name, 'deployment/envtier-reveal', '--tail=-1');
		const lines = stdout.split('\n').filter((line) => line.includes('"secrets.reveal"'));
		const parsed = lines.map((line) => JSON.parse(line) as Record<string, string>);
		expect(parsed).toContainEqual(
			expect.objectContaining({
				...{ phase: 'intent', actor: `kubernetes:system:serviceaccount:${name}:alice` },
				...{ key: 'TOKEN', reason: 'incident 42' },
			}),
		);
		expect(stdout).not.toContain(CANARY);
		expect(stdout).not.toContain(token);
		const path = `/api/v1/namespaces/${name}/pods?labelSelector=app.kubernetes.io/name=envtier-reveal`;
		const { body } = await cluster.request<{ items: readonly V1Pod[] }>('GET', path);
		const statuses = body.items.flatMap(({ status }) => status?.containerStatuses ?? []);
		expect(statuses.map(({ name: container, ready }) => [container, ready])).toEqual([['reveal', true]]);
		expect(body.items[0]?.spec?.securityContext?.runAsNonRoot).toBe(true);
	});
});
