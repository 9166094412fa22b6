/** `envtier secrets import` and `envtier consumers` on a real API server, with the rights of the caller. */
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import process from 'node:process';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { stringify } from 'yaml';
import { SCOPES } from '../../../api/auth/caller.ts';
import { type ApiUnderTest, caller, startApi } from '../../api/support/api.ts';
import { type Issuer, startIssuer } from '../../api/support/issuer.ts';
import { envtier } from '../../cli/support/command.ts';
import { openShell, runExamples } from '../../cli/support/examples.ts';
import { bundleOf } from '../../support/bundles.ts';
import { expectStatus } from '../../support/kubernetes/cluster.ts';
import { runProcess } from '../../support/process.ts';
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
	let issuer: Issuer;
	/** A session of an admin, who may destroy. */
	let admin: string;

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
		issuer = await startIssuer();
		const env = { ENVTIER_API_OIDC_ISSUER: issuer.url, ENVTIER_API_OIDC_CA: issuer.caPem };
		api = await startApi({ callers: [owner], env });
		const claims = { sub: 'ada', org: 'acme', roles: ['org_admin'], scope: SCOPES.join(' ') };
		admin = await issuer.session(claims);
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
		await issuer?.[Symbol.asyncDispose]();
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

	test('the version that a pod started with comes from the times of its fetcher, or is unknown', async () => {
		const secret = { key: 'STARTED', value: 'v', deploymentName: 'shop' };
		const made = await api.send('POST', '/api/secrets', { as: owner, body: secret });
		const { id } = made.json as { id: string };
		await api.send('PUT', '/api/secrets', { as: owner, body: { id, value: 'w' } });
		const listed = await api.send('GET', `/api/secrets/versions?id=${id}`, { as: owner });
		const [first = '', second = ''] = (listed.json as { createdAt: string }[]).map((one) => one.createdAt);
		const at = (time: string, seconds: number): string =>
			`${new Date(Date.parse(time) + 1000 * seconds).toISOString().slice(0, 19)}Z`;
		const containers = [{ name: 'app', image: 'app:1', securityContext: { runAsUser: 1 } }];
		const started = async (name: string, startedAt: string, finishedAt: string, sidecar: boolean) => {
			const refresh = sidecar ? { 'envtier.dev/refresh': '1m' } : {};
			const annotations = { 'envtier.dev/deployment': 'shop', 'envtier.dev/keys': 'STARTED', ...refresh };
			const pods = `/api/v1/namespaces/${namespace}/pods`;
			await create(pods.slice(1), { metadata: { name, annotations }, spec: { containers } });
			const terminated = { exitCode: 0, reason: 'Completed', startedAt, finishedAt };
			const state = { name: 'envtier-fetch', image: 'x', imageID: 'x', ready: true, restartCount: 0 };
			const status = { initContainerStatuses: [{ ...state, state: { terminated } }] };
			const patched = await cluster.request(
				'PATCH',
				`${pods}/${name}/status`,
				{ status },
				{ contentType: 'application/merge-patch+json' },
			);
			expect(patched.status, JSON.stringify(patched.body)).toBe(200);
		};
		await started('now', at(second, 2), at(second, 3), false);
		await started('early', at(first, -60), at(first, -50), false);
		await started('between', at(first, -1), at(second, 2), false);
		await started('kept-current', at(second, 2), at(second, 3), true);
		const args = ['consumers', 'STARTED', '--deployment', 'shop', '-n', namespace, '--output', 'json'];
		const { code, stdout, stderr } = await run(args);
		expect(code, stderr).toBe(0);
		const { consumers } = JSON.parse(stdout) as { consumers: { pod: string }[] };
		const named = Object.fromEntries(consumers.map((one) => [one.pod, one]));
		expect(named['now']).toMatchObject({ result: 'receives', version: 2, versionCreatedAt: second });
		expect(named['early']).toMatchObject({ result: 'receives', version: 'unknown', versionCreatedAt: '' });
		expect(named['between']).toMatchObject({ result: 'receives', version: 'unknown' });
		expect(named['kept-current']).toMatchObject({ version: 2, why: 'its sidecar fetches newer versions' });
		expect(stdout).not.toContain('unused');
	});

	test('envtier secrets destroy shows who receives the secret, asks, and takes no for an answer', async () => {
		const secret = { key: 'OLD_KEY', value: 'v', deploymentName: 'shop' };
		expect((await api.send('POST', '/api/secrets', { as: owner, body: secret })).status).toBe(201);
		const command = 'secrets destroy OLD_KEY --deployment shop --confirm OLD_KEY --kubeconfig';
		// Destroying looks into all namespaces.
		const everywhere = await kubeconfigOf('everywhere', []);
		const listed = [rule([''], ['pods'], ['list']), rule(['apps'], ['deployments'], ['list'])];
		await create(`${RBAC}/clusterroles`, { metadata: { name: namespace }, rules: listed });
		await create(`${RBAC}/clusterrolebindings`, {
			metadata: { name: namespace },
			roleRef: { apiGroup: 'rbac.authorization.k8s.io', kind: 'ClusterRole', name: namespace },
			subjects: [{ kind: 'ServiceAccount', namespace, name: 'everywhere' }],
		});
		const destroy = async (typed: string) => {
			const words = [process.execPath, await bundleOf('envtier'), ...command.split(' '), everywhere];
			return await runProcess({
				command: 'script',
				args: ['--quiet', '--return', '--echo', 'never', '--command', words.join(' '), '/dev/null'],
				env: {
					...{ PATH: process.env['PATH'], TERM: 'xterm', NO_COLOR: '1' },
					...{ ENVTIER_API_URL: api.url, ENVTIER_API_TOKEN: admin },
				},
				input: typed,
			});
		};
		const no = await destroy('n\n');
		expect(no.code).toBe(1);
		expect(no.stdout).toMatch(/Deployment\/idle +no pod now +receives/);
		// What it may not list is told.
		expect(no.stdout).toContain('unknown: jobs: ');
		expect(no.stdout).toContain('Destroy all versions of OLD_KEY of deployment shop? [y/N]');
		expect(no.stdout).toContain('nothing was destroyed');
		expect(await keysIn('shop')).toContain('OLD_KEY');
		const yes = await destroy('y\n');
		expect([yes.code, yes.stdout]).toEqual([
			0,
			expect.stringContaining('destroyed OLD_KEY of deployment shop'),
		]);
		expect(await keysIn('shop')).not.toContain('OLD_KEY');
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

	test('the examples of docs/cli.md import a Secret, list who receives a key, and destroy one', async () => {
		const examples = await cluster.createNamespace({ prefix: 'examples-' });
		await using shell = await openShell();
		const env = {
			...{ KUBECONFIG: cluster.kubeconfig, TERM: 'xterm', NO_COLOR: '1' },
			...{ ENVTIER_API_URL: api.url, ENVTIER_API_TOKEN: admin },
		};
		const ran = async (line: string): Promise<string> => {
			const here = line.replace(/ -n shop\b/, ` -n ${examples}`);
			const { code, stdout, stderr } = await shell.run(here, env);
			expect(code, `${line}\n${stderr}`).toBe(0);
			return stdout;
		};
		const at = `api/v1/namespaces/${examples}`;
		const tls = { 'tls.crt': base64('certificate'), 'tls.key': base64('canary-of-the-import') };
		await create(`${at}/secrets`, { metadata: { name: 'shop-db' }, data: { DB_NAME: base64('shop') } });
		await create(`${at}/secrets`, { metadata: { name: 'web-tls' }, type: 'kubernetes.io/tls', data: tls });
		const told: string[] = [];
		await runExamples('envtier secrets import', async (line) => void told.push(await ran(line)));
		expect(told.join('')).toContain('would create DB_NAME');
		const keys = await keysIn('shop');
		expect(keys).toEqual(expect.arrayContaining(['TLS_CRT', 'TLS_KEY']));
		expect(keys).not.toContain('DB_NAME');

		const web = { deploymentName: 'shop', serviceName: 'web' };
		for (const secret of [
			{ key: 'DATABASE_URL', deploymentName: 'shop' },
			{ key: 'SESSION_KEY', ...web },
			{ key: 'OLD_KEY', deploymentName: 'shop' },
		]) {
			const body = { ...secret, value: 'v' };
			expect((await api.send('POST', '/api/secrets', { as: owner, body })).status).toBe(201);
		}
		const annotations = { 'envtier.dev/deployment': 'shop', 'envtier.dev/service': 'web' };
		const containers = [{ name: 'app', image: 'app:1', securityContext: { runAsUser: 1 } }];
		await create(`${at}/pods`, { metadata: { name: 'examples-web', annotations }, spec: { containers } });
		await runExamples('envtier consumers', async (line) => expect(await ran(line)).toContain('examples-web'));

		// It asks on a terminal.
		await runExamples('envtier secrets destroy', async (line) => {
			const terminal = `echo y | script --quiet --return --echo never --command '${line}' /dev/null`;
			expect(await ran(terminal)).toContain('destroyed OLD_KEY of deployment shop');
		});
		expect(await keysIn('shop')).not.toContain('OLD_KEY');
	});
});
