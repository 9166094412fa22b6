import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { parse } from 'yaml';
import { type ApiUnderTest, startApi } from '../../api/support/api.ts';
import { describeWithServers } from '../../support/servers.ts';
import { until } from '../../support/until.ts';
import { type ApiCallers, apiCallers, rule } from './support/api-callers.ts';

const AUDIENCE = 'envtier-api';

describeWithServers('callers of the secrets API that the cluster knows', ({ cluster }) => {
	let api: ApiUnderTest;
	let callers: ApiCallers;
	let namespace: string;
	const account: ApiCallers['account'] = (name, rules) => callers.account(name, rules);

	/** The rules of a role that docs/api.md shows. */
	const shown = async (name: string): Promise<readonly object[]> => {
		const page = await readFile(join(import.meta.dirname, '../../../docs/api.md'), 'utf8');
		const roles = [...page.matchAll(/```yaml\n([\s\S]*?)```/g)].map((found) => parse(found[1] ?? ''));
		const role = roles.find((one) => one?.kind === 'ClusterRole' && one.metadata?.name === name);
		if (role === undefined) throw new Error(`docs/api.md shows no ClusterRole ${name}`);
		return role.rules;
	};

	beforeAll(async () => {
		callers = await apiCallers(cluster);
		namespace = callers.namespace;
		api = await startApi({ env: callers.env });
	});
	afterAll(async () => {
		await api?.[Symbol.asyncDispose]();
		await callers?.[Symbol.asyncDispose]();
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
