/** `envtier secrets import` and `envtier consumers` on a real API server, with the rights of the caller. */
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { stringify } from 'yaml';
import { type ApiUnderTest, caller, startApi } from '../../api/support/api.ts';
import { envtier } from '../../cli/support/command.ts';
import { expectStatus } from '../../support/kubernetes/cluster.ts';
import { type Scratch, scratch } from '../../support/scratch.ts';
import { describeWithServers } from '../../support/servers.ts';

const RBAC = 'apis/rbac.authorization.k8s.io/v1';
const base64 = (text: string): string => Buffer.from(text).toString('base64');

describeWithServers('import and consumers', ({ cluster }) => {
	const owner = caller('user:owner');
	let namespace: string;
	let place: Scratch;
	let api: ApiUnderTest;
	let file: string;

	const create = async (path: string, body: object) =>
		expectStatus(await cluster.request('POST', `/${path}`, body), 201, `creating at ${path}`);
	const secretsPath = () => `api/v1/namespaces/${namespace}/secrets`;
	/** A kubeconfig of a service account with these rules in the namespace. */
	const kubeconfigOf = async (name: string, rules: readonly object[]): Promise<string> => {
		await cluster.createServiceAccount(namespace, name);
		await create(`${RBAC}/namespaces/${namespace}/roles`, { metadata: { name }, rules });
		await create(`${RBAC}/namespaces/${namespace}/rolebindings`, {
			metadata: { name },
			roleRef: { apiGroup: 'rbac.authorization.k8s.io', kind: 'Role', name },
			subjects: [{ kind: 'ServiceAccount', namespace, name }],
		});
		const token = await cluster.token(namespace, name);
		const config = {
			...{ apiVersion: 'v1', kind: 'Config' },
			clusters: [
				{ name: 'c', cluster: { server: cluster.url, 'certificate-authority-data': base64(cluster.caPem) } },
			],
			users: [{ name: 'u', user: { token } }],
			contexts: [{ name: 'x', context: { cluster: 'c', user: 'u', namespace } }],
			'current-context': 'x',
		};
		const path = join(place.dir, name);
		await writeFile(path, stringify(config), { mode: 0o600 });
		return path;
	};
	const run = (args: readonly string[], kubeconfig = file) =>
		envtier([...args, '--kubeconfig', kubeconfig], {
			env: { ENVTIER_API_URL: api.url, ENVTIER_API_TOKEN: owner.key },
		});
	const rule = (apiGroups: string[], resources: string[], verbs: string[]) => ({
		apiGroups,
		resources,
		verbs,
	});

	beforeAll(async () => {
		namespace = await cluster.createNamespace({ prefix: 'import-' });
		place = await scratch('import');
		api = await startApi({ callers: [owner] });
		for (const name of ['shop', 'other'])
			await api.send('POST', '/api/deployments', { as: owner, body: { name, org: 'acme' } });
		file = await kubeconfigOf('reader', [
			rule([''], ['secrets'], ['get']),
			rule([''], ['pods'], ['list']),
			rule(['apps'], ['deployments', 'statefulsets', 'daemonsets'], ['list']),
			rule(['batch'], ['jobs', 'cronjobs'], ['list']),
		]);
	});
	afterAll(async () => {
		await api?.[Symbol.asyncDispose]();
		await place?.[Symbol.asyncDispose]();
	});

	const keysIn = async (deployment: string): Promise<readonly string[]> => {
		const answer = await api.send('GET', `/api/secrets?deployment=${deployment}`, { as: owner });
		return (answer.json as { key: string }[]).map(({ key }) => key).sort();
	};

	test('a Secret is imported whole, says who can read it, stays as it is, and a second run does nothing', async () => {
		const data = { username: base64('app'), 'db.password': base64('canary-of-the-import') };
		const made = await create(secretsPath(), { metadata: { name: 'shop-db' }, data });
		const args = ['secrets', 'import', '--from-secret', 'shop-db', '--deployment', 'shop', '-n', namespace];
		const renames = ['--rename', 'username=DB_USER', '--rename', 'db.password=DB_PASSWORD'];
		const unnamed = await run(args);
		expect(unnamed).toMatchObject({
			code: 2,
			stderr: expect.stringContaining('--rename db.password=DB_PASSWORD'),
		});
		const dry = await run([...args, ...renames, '--dry-run']);
		expect(dry).toMatchObject({
			code: 0,
			stdout: expect.stringContaining('would create DB_PASSWORD from db.password'),
		});
		expect(await keysIn('shop')).toEqual([]);
		const first = await run([...args, ...renames]);
		expect(first.code, first.stderr).toBe(0);
		expect(first.stderr).toContain('every pod whose Vault role grants the deployment shop');
		expect(await keysIn('shop')).toEqual(['DB_PASSWORD', 'DB_USER']);
		const second = await run([...args, ...renames]);
		expect(second).toMatchObject({ code: 0, stdout: expect.stringContaining('nothing to do') });
		for (const { stdout, stderr } of [unnamed, dry, first, second])
			expect(stdout + stderr).not.toContain('canary-of-the-import');
		const after = await cluster.request('GET', `/${secretsPath()}/shop-db`);
		expect(after.body).toEqual(made);
	});

	test('a key that is there from elsewhere stops the import before anything is created', async () => {
		await create(secretsPath(), { metadata: { name: 'clash' }, data: { A: base64('a'), B: base64('b') } });
		const body = { key: 'B', value: 'mine', deploymentName: 'other' };
		await api.send('POST', '/api/secrets', { as: owner, body });
		const args = ['secrets', 'import', '--from-secret', 'clash', '--deployment', 'other', '-n', namespace];
		expect(await run(args)).toMatchObject({ code: 7, stderr: expect.stringContaining('has B already') });
		expect(await keysIn('other')).toEqual(['B']);
		expect(await run([...args, '--only', 'A'])).toMatchObject({ code: 0 });
		expect(await keysIn('other')).toEqual(['A', 'B']);
	});

	test('the caller’s own rights decide, and what is of the cluster is refused', async () => {
		const token = {
			metadata: { name: 'token', annotations: { 'kubernetes.io/service-account.name': 'reader' } },
			type: 'kubernetes.io/service-account-token',
		};
		await create(secretsPath(), token);
		const release = { metadata: { name: 'sh.helm.release.v1.web.v1' }, type: 'helm.sh/release.v1' };
		await create(secretsPath(), { ...release, data: { release: base64('x') } });
		const from = (name: string) => ['secrets', 'import', '--from-secret', name, '--deployment', 'shop'];
		expect((await run(from('token'))).stderr).toContain('token of a service account');
		expect((await run(from('sh.helm.release.v1.web.v1'))).stderr).toContain('a release of Helm');
		expect(await run(from('none'))).toMatchObject({ code: 6 });
		const blind = await kubeconfigOf('blind', []);
		expect(await run(from('shop-db'), blind)).toMatchObject({
			...{ code: 5, stderr: expect.stringContaining('forbidden') },
		});
	});

	test('consumers are pods and workloads whose annotations reach the key, with the version they began with', async () => {
		const KEY = { key: 'TOKEN', value: 'v', deploymentName: 'shop' };
		expect((await api.send('POST', '/api/secrets', { as: owner, body: KEY })).status).toBe(201);
		const spec = {
			containers: [{ name: 'app', image: 'app:1', command: ['app'], securityContext: { runAsUser: 1 } }],
		};
		const annotations = (more: object) => ({ 'envtier.dev/deployment': 'shop', ...more });
		const pod = async (name: string, more: object) =>
			create(`api/v1/namespaces/${namespace}/pods`, {
				metadata: { name, annotations: annotations(more) },
				spec,
			});
		await pod('whole', {});
		await pod('selects-others', { 'envtier.dev/keys': 'DB_USER' });
		await create(`api/v1/namespaces/${namespace}/pods`, { metadata: { name: 'stranger' }, spec });
		const template = { metadata: { labels: { app: 'idle' }, annotations: annotations({}) }, spec };
		await create(`apis/apps/v1/namespaces/${namespace}/deployments`, {
			metadata: { name: 'idle' },
			spec: { replicas: 0, selector: { matchLabels: { app: 'idle' } }, template },
		});
		const args = ['consumers', 'TOKEN', '--deployment', 'shop', '-n', namespace];
		const { code, stdout, stderr } = await run([...args, '--output', 'json']);
		expect(code, stderr).toBe(0);
		const { consumers, unknown } = JSON.parse(stdout) as { consumers: object[]; unknown: string[] };
		expect(unknown).toEqual([]);
		expect(consumers).toEqual([
			expect.objectContaining({ workload: 'Pod/selects-others', result: 'does-not' }),
			expect.objectContaining({ workload: 'Pod/whole', result: 'receives', version: 'unknown' }),
			expect.objectContaining({ workload: 'Deployment/idle', pod: '', result: 'receives' }),
		]);
		expect((await run(args)).stdout).toMatch(/Deployment\/idle +no pod now +receives/);
	});

	test('what the caller may not list is unknown, and never unused', async () => {
		const blind = await kubeconfigOf('half-blind', [rule([''], ['pods'], ['list'])]);
		const args = ['consumers', 'DB_USER', '--deployment', 'shop', '-n', namespace];
		const { stdout, stderr } = await run([...args, '--output', 'json'], blind);
		expect((JSON.parse(stdout) as { unknown: string[] }).unknown).toEqual([
			expect.stringContaining('deployments: '),
			expect.stringContaining('statefulsets: '),
			expect.stringContaining('daemonsets: '),
			expect.stringContaining('jobs: '),
			expect.stringContaining('cronjobs: '),
		]);
		expect(stderr).toContain('unknown: deployments');
		const everywhere = await run(['consumers', 'DB_USER', '--deployment', 'shop'], blind);
		expect(everywhere.stderr).toContain('unknown: pods');
		expect(everywhere.stdout + everywhere.stderr).not.toMatch(/unused|no pod/);
		expect(await run(['consumers', 'NONE', '--deployment', 'shop'])).toMatchObject({ code: 6 });
	});
});
