import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { parse, stringify } from 'yaml';
import { type ApiUnderTest, startApi } from '../../api/support/api.ts';
import { expectStatus } from '../../support/kubernetes/cluster.ts';
import { describeWithServers } from '../../support/servers.ts';
import { until } from '../../support/until.ts';

const RBAC = '/apis/rbac.authorization.k8s.io/v1';
const AUDIENCE = 'envtier-api';

describeWithServers('callers of the secrets API that the cluster knows', ({ cluster }) => {
	let api: ApiUnderTest;
	let namespace: string;
	let dir: string;
	const cleanup: string[] = [];

	const create = async (path: string, body: object) => {
		expectStatus(await cluster.request('POST', path, body), 201, `creating at ${path}`);
	};
	/** A service account with a token for the API, and the rules of a ClusterRole of its own. */
	const account = async (name: string, rules: readonly object[]): Promise<string> => {
		await cluster.createServiceAccount(namespace, name);
		const role = `${namespace}-${name}`;
		cleanup.push(`${RBAC}/clusterrolebindings/${role}`, `${RBAC}/clusterroles/${role}`);
		await create(`${RBAC}/clusterroles`, { metadata: { name: role }, rules });
		await bind(role, role, name);
		return cluster.token(namespace, name, [AUDIENCE]);
	};
	const bind = (binding: string, role: string, name: string) =>
		create(`${RBAC}/clusterrolebindings`, {
			metadata: { name: binding },
			roleRef: { apiGroup: 'rbac.authorization.k8s.io', kind: 'ClusterRole', name: role },
			subjects: [{ kind: 'ServiceAccount', namespace, name }],
		});
	const rule = (resource: string, verbs: readonly string[], names?: readonly string[]) => ({
		apiGroups: ['envtier.dev'],
		resources: [resource],
		verbs,
		...(names === undefined ? {} : { resourceNames: names }),
	});

	/** The rules of a role that docs/api.md shows. */
	const shown = async (name: string): Promise<readonly object[]> => {
		const page = await readFile(join(import.meta.dirname, '../../../docs/api.md'), 'utf8');
		const roles = [...page.matchAll(/```yaml\n([\s\S]*?)```/g)].map((found) => parse(found[1] ?? ''));
		const role = roles.find((one) => one?.kind === 'ClusterRole' && one.metadata?.name === name);
		if (role === undefined) throw new Error(`docs/api.md shows no ClusterRole ${name}`);
		return role.rules;
	};

	beforeAll(async () => {
		namespace = await cluster.createNamespace({ prefix: 'api-' });
		// The API itself may review tokens and ask about rights, and nothing else.
		await cluster.createServiceAccount(namespace, 'envtier-api');
		cleanup.push(`${RBAC}/clusterrolebindings/${namespace}-delegator`);
		await bind(`${namespace}-delegator`, 'system:auth-delegator', 'envtier-api');
		dir = await mkdtemp(join(tmpdir(), 'envtier-api-callers-'));
		const token = await cluster.token(namespace, 'envtier-api');
		const file = join(dir, 'kubeconfig');
		const ca = Buffer.from(cluster.caPem).toString('base64');
		const config = {
			apiVersion: 'v1',
			kind: 'Config',
			clusters: [{ name: 'c', cluster: { server: cluster.url, 'certificate-authority-data': ca } }],
			users: [{ name: 'u', user: { token } }],
			contexts: [{ name: 'x', context: { cluster: 'c', user: 'u' } }],
			'current-context': 'x',
		};
		await writeFile(file, stringify(config), { mode: 0o600 });
		api = await startApi({
			env: {
				ENVTIER_API_KUBERNETES: 'true',
				ENVTIER_API_KUBECONFIG: file,
				ENVTIER_API_KUBERNETES_ORG: 'acme',
				ENVTIER_API_FAILED_LOGINS_PER_MINUTE: '1000',
			},
		});
	});
	afterAll(async () => {
		await api?.[Symbol.asyncDispose]();
		for (const path of cleanup) await cluster.request('DELETE', path);
		if (dir !== undefined) await rm(dir, { recursive: true, force: true });
	});

	const send = (method: string, path: string, as: string, body?: object, org?: string) =>
		api.send(method, path, { as, body, headers: org === undefined ? {} : { 'envtier-org': org } });

	test('a service account does what a ClusterRole lets it, and no more', async () => {
		const reader = await account('reader', [rule('secrets', ['list'])]);
		expect((await send('GET', '/api/secrets', reader)).status).toBe(200);
		const refused = await send('POST', '/api/secrets', reader, { key: 'A', value: 'v' });
		expect(refused.status).toBe(403);
		expect(refused.text).toContain(`system:serviceaccount:${namespace}:reader`);
		expect(refused.text).toContain('create');
		expect(refused.text).toContain('secrets.envtier.dev');
		const writer = await account('writer', [rule('secrets', ['list', 'create', 'update', 'delete'])]);
		const made = await send('POST', '/api/secrets', writer, { key: 'A', value: 'v' });
		expect(made.status).toBe(201);
		const { id } = made.json as { id: string };
		expect((await send('DELETE', '/api/secrets', writer, { id })).status).toBe(200);
		expect(api.audit().at(-1)).toMatchObject({
			actor: `kubernetes:system:serviceaccount:${namespace}:writer`,
			via: 'kubernetes',
			result: 'done',
		});
	});

	test('an administrator makes an admin of one organization with a ClusterRole', async () => {
		const admin = await account('org-admin', await shown('envtier-org-admin-acme'));
		const made = await send('POST', '/api/org/secrets', admin, { key: 'LICENSE', value: 'v' });
		expect(made.status).toBe(201);
		expect((await send('GET', '/api/org/secrets', admin)).json).toEqual([made.json]);
		expect((await send('GET', '/api/org/secrets', admin, undefined, 'globex')).status).toBe(403);
		const nobody = await account('nobody', []);
		expect((await send('GET', '/api/org/secrets', nobody)).status).toBe(403);
	});

	test('the role that the page shows for a pipeline is enough for its deployments, and opens no organization', async () => {
		const pipeline = await account('pipeline', await shown('envtier-pipeline'));
		const name = `made-${namespace}`;
		const expectSent = async (status: number, method: string, path: string, body?: object) => {
			const answer = await send(method, path, pipeline, body);
			expect(answer.status, `${method} ${path}: ${answer.text}`).toBe(status);
			return answer.json as { id: string };
		};
		const template = { name, services: [] };
		await expectSent(201, 'POST', '/api/templates', template);
		await expectSent(200, 'GET', `/api/templates/${name}`);
		await expectSent(200, 'PUT', '/api/templates', template);
		await expectSent(201, 'POST', '/api/deployments', { name, org: 'acme', template: name });
		await expectSent(200, 'GET', `/api/deployments/${name}`);
		const body = { key: 'A', value: 'v', deploymentName: name };
		const { id } = await expectSent(201, 'POST', '/api/secrets', body);
		await expectSent(200, 'PUT', '/api/secrets', { id, value: 'w' });
		await expectSent(200, 'GET', `/api/secrets?deployment=${name}`);
		await expectSent(200, 'DELETE', '/api/secrets', { id });
		await expectSent(200, 'DELETE', '/api/templates', { name });
		await expectSent(403, 'GET', '/api/org/secrets');
		await expectSent(403, 'GET', '/api/keys');
	});

	test('another organization needs the verb use on it', async () => {
		const rules = [
			rule('orgs', ['use'], ['globex']),
			rule('orgsecrets', ['list'], ['globex']),
			rule('deployments', ['create']),
		];
		const both = await account('both', rules);
		expect((await send('GET', '/api/org/secrets', both, undefined, 'globex')).status).toBe(200);
		expect((await send('GET', '/api/org/secrets', both, undefined, 'initech')).status).toBe(403);
		const deploy = (org: string, as?: string) =>
			send('POST', '/api/deployments', both, { name: `d-${org}`, org }, as);
		expect((await deploy('globex')).status).toBe(403);
		expect((await deploy('globex', 'globex')).status).toBe(201);
	});

	test('a role may name the deployments that can be created', async () => {
		const rules = [rule('deployments', ['create'], [`one-${namespace}`])];
		const named = await account('named', rules);
		const create = (name: string) => send('POST', '/api/deployments', named, { name, org: 'acme' });
		const refused = await create(`two-${namespace}`);
		expect([refused.status, refused.text]).toEqual([403, expect.stringContaining(`two-${namespace}`)]);
		expect((await create(`one-${namespace}`)).status).toBe(201);
		expect((await create('not/a/name')).status).toBe(400);
	});

	test('adopting takes the verb adopt on the deployment of that name', async () => {
		const rules = await shown('envtier-adopt-payments');
		const operator = await account('operator', rules);
		const admin = await account('org-admin-too', await shown('envtier-org-admin-acme'));
		const pipeline = await account('pipeline-too', await shown('envtier-pipeline'));
		const adopt = (as: string, name: string) =>
			send('POST', '/api/deployments', as, { name, org: 'acme', adopt: true });
		expect((await adopt(admin, 'payments')).status).toBe(403);
		const refused = await adopt(pipeline, 'payments');
		expect([refused.status, refused.text]).toEqual([403, expect.stringContaining('adopt')]);
		expect((await adopt(operator, 'another')).status).toBe(403);
		expect((await adopt(operator, 'payments')).status).toBe(201);
	});

	test('without membership each operation takes its own verb on deploymentsecrets, for the named deployments alone', async () => {
		const owner = await account('deployment-owner', await shown('envtier-pipeline'));
		const names = [`mine-${namespace}`, `other-${namespace}`] as const;
		const made = async (deploymentName: string, key: string): Promise<string> => {
			const answer = await send('POST', '/api/secrets', owner, { key, value: 'v', deploymentName });
			expect(answer.status, answer.text).toBe(201);
			return (answer.json as { id: string }).id;
		};
		for (const name of names)
			expect((await send('POST', '/api/deployments', owner, { name, org: 'acme' })).status).toBe(201);
		const [mine, other] = names;

		/** What a caller sends for an operation on a deployment, and the status if that is allowed. */
		type Sent = readonly [status: number, method: string, path: string, body?: object];
		const operations: Readonly<Record<string, (name: string) => Promise<Sent>>> = {
			list: async (name) => [200, 'GET', `/api/secrets?deployment=${name}`],
			get: async (name) => [200, 'GET', `/api/secrets/${await made(name, 'GET_IT')}`],
			create: async (deploymentName) => [
				201,
				'POST',
				'/api/secrets',
				{ key: 'NEW', value: 'v', deploymentName },
			],
			update: async (name) => [200, 'PUT', '/api/secrets', { id: await made(name, 'CHANGED'), value: 'w' }],
			delete: async (name) => [200, 'DELETE', '/api/secrets', { id: await made(name, 'DELETED') }],
		};
		const verbs = Object.keys(operations);
		/** The operations that a caller may do, of all on both deployments: `list mine`. */
		const allowedTo = async (caller: string): Promise<readonly string[]> => {
			const allowed: string[] = [];
			const tried = verbs.flatMap((operation) => names.map((name) => ({ operation, name })));
			for (const { operation, name } of tried) {
				const [status, method, path, body] = (await operations[operation]?.(name)) ?? [0, '', ''];
				const answer = await send(method, path, caller, body);
				// What is left over would make the next creation a conflict.
				await removeAll(owner, name);
				if (answer.status === status) allowed.push(`${operation} ${name === mine ? 'mine' : 'other'}`);
				else expect(answer.status, answer.text).toBe(403);
			}
			return allowed;
		};
		for (const verb of verbs) {
			const caller = await account(`direct-${verb}`, [rule('deploymentsecrets', [verb], [mine])]);
			expect(await allowedTo(caller)).toEqual([`${verb} mine`]);
		}

		// A rule from before these resources gives nothing without membership.
		const earlier = await account('earlier', [rule('secrets', ['*']), rule('deployments', ['*'])]);
		const id = await made(mine, 'KEPT');
		expect((await send('GET', `/api/secrets?deployment=${mine}`, earlier)).status).toBe(403);
		expect((await send('PUT', '/api/secrets', earlier, { id, value: 'w' })).status).toBe(403);
		const absent = await send('GET', `/api/secrets?deployment=none-${namespace}`, earlier);
		const foreign = await send('GET', `/api/secrets?deployment=${other}`, earlier);
		expect(foreign.text.replaceAll(other, 'NAME')).toBe(absent.text.replaceAll(`none-${namespace}`, 'NAME'));
	});

	/** Deletes every secret of a deployment, as its owner. */
	const removeAll = async (owner: string, name: string): Promise<void> => {
		const listed = await send('GET', `/api/secrets?deployment=${name}`, owner);
		for (const { id } of listed.json as readonly { readonly id: string }[])
			expect((await send('DELETE', '/api/secrets', owner, { id })).status).toBe(200);
	};

	test('members are changed by a caller with the verb members on deploymentmembers alone', async () => {
		const owner = await account('members-owner', await shown('envtier-pipeline'));
		const name = `team-${namespace}`;
		expect((await send('POST', '/api/deployments', owner, { name, org: 'acme' })).status).toBe(201);
		const path = `/api/deployments/${name}/members`;
		const body = { member: 'user:dev', role: 'developer' };
		const secrets = await account('secrets-only', [rule('deploymentsecrets', ['*'], [name])]);
		expect((await send('POST', path, secrets, body)).status).toBe(403);
		const other = await account('other-members', [rule('deploymentmembers', ['members'], ['another'])]);
		expect((await send('POST', path, other, body)).status).toBe(403);
		const members = await account('members', [rule('deploymentmembers', ['members'], [name])]);
		const added = await send('POST', path, members, body);
		expect(added.status, added.text).toBe(201);
		expect((await send('DELETE', `/api/deployments/${name}`, members, { confirm: name })).status).toBe(403);
	});

	test('signed in alone is not enough: every pod of a cluster has a token', async () => {
		const pod = await account('pod', []);
		expect((await send('GET', '/api/templates', pod)).status).toBe(403);
		expect((await send('POST', '/api/deployments', pod, { name: 'x', org: 'acme' })).status).toBe(403);
		expect((await send('POST', '/api/keys', pod, { name: 'x', scopes: ['secrets:read'] })).status).toBe(403);
	});

	test('a token for another audience, a deleted account’s token and a forged one are a 401', async () => {
		const everyday = await cluster.token(namespace, 'reader');
		expect((await send('GET', '/api/secrets', everyday)).status).toBe(401);
		const vault = await cluster.token(namespace, 'reader', ['vault']);
		expect((await send('GET', '/api/secrets', vault)).status).toBe(401);
		const good = await cluster.token(namespace, 'reader', [AUDIENCE]);
		const [head, payload, signature = ''] = good.split('.');
		const forged = `${head}.${payload}.${signature.split('').reverse().join('')}`;
		expect((await send('GET', '/api/secrets', forged)).status).toBe(401);
		const gone = await account('gone', [rule('secrets', ['list'])]);
		expect((await send('GET', '/api/secrets', gone)).status).toBe(200);
		await cluster.request('DELETE', `/api/v1/namespaces/${namespace}/serviceaccounts/gone`);
		// The API server remembers for ten seconds that a token was good.
		await until(
			'the token to be refused',
			async () => (await send('GET', '/api/secrets', gone)).status === 401,
		);
	});
});
