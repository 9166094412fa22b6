import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { caller } from './support/api.ts';
import { type OnStore, STORES } from './support/both.ts';

const alice = caller('user:alice');
const bob = caller('user:bob', { roles: [] });
const reader = caller('user:alice', { scopes: ['secrets:read'], roles: [] });
const writer = caller('user:alice', { scopes: ['secrets:write'], roles: [] });
const stranger = caller('user:eve', { org: undefined });
const globexAdmin = caller('user:hank', { org: 'globex', roles: ['org_owner'] });

describe.each(Object.entries(STORES))('secrets over the API, kept in %s', (_name, open) => {
	let on: OnStore;
	let counter = 0;
	beforeAll(async () => {
		on = await open({ callers: [alice, bob, reader, writer, stranger, globexAdmin] });
	});
	afterAll(() => on?.[Symbol.asyncDispose]());

	const send: OnStore['api']['send'] = (...args) => on.api.send(...args);
	/** A deployment of alice's own. */
	const deployment = async (): Promise<string> => {
		const name = `shop-${++counter}`;
		const made = await send('POST', '/api/deployments', { as: alice, body: { name, org: 'acme' } });
		expect(made.status).toBe(201);
		return name;
	};
	const create = (body: object, as = alice) => send('POST', '/api/secrets', { as, body });

	test('a created secret is answered and listed without its value', async () => {
		const deploymentName = await deployment();
		const body = {
			key: 'DB_URL',
			value: 'v1',
			deploymentName,
			serviceName: 'web',
			description: 'the database',
		};
		const made = await create(body);
		expect(made.status).toBe(201);
		const { value: _, ...shown } = body;
		const typed = { type: 'generic', name: 'DB_URL', sourcing: 'env' };
		expect(made.json).toEqual({ ...shown, ...typed, tags: [], id: expect.stringMatching(/./) });
		const listed = await send('GET', `/api/secrets?deployment=${deploymentName}`, { as: alice });
		expect(listed.json).toEqual([made.json]);
	});

	test('a key that pods could get as a variable that runs code is refused without force', async () => {
		const deploymentName = await deployment();
		for (const scope of [{ deploymentName }, { deploymentName, serviceName: 'web' }, {}]) {
			const refused = await create({ key: 'LD_PRELOAD', value: 'v', ...scope });
			expect(refused.status).toBe(400);
			expect(refused.json).toEqual({
				error:
					'LD_PRELOAD makes the dynamic loader load other libraries: as an environment variable it runs code in the pods that get it, and pods refuse it unless they name it in envtier.dev/allow. If it is meant, say force: true (envtier: --force)',
			});
		}
		expect((await create({ key: 'LD_PRELOAD', value: 'v', deploymentName, force: 'true' })).status).toBe(400);
		const made = await create({ key: 'LD_PRELOAD', value: 'v', deploymentName, force: true });
		expect(made.status).toBe(201);
		expect(made.json).not.toHaveProperty('force');
		const { id } = made.json as { readonly id: string };
		const changed = await send('PUT', '/api/secrets', { as: alice, body: { id, value: 'w' } });
		expect(changed.status).toBe(200);
	});

	test('the same holds for organization secrets', async () => {
		const body = { key: 'NODE_OPTIONS', value: 'v' };
		const post = (more: object) =>
			send('POST', '/api/org/secrets', { as: globexAdmin, body: { ...body, ...more } });
		expect((await post({})).status).toBe(400);
		expect((await post({ force: false })).status).toBe(400);
		const made = await post({ force: true });
		expect(made.status).toBe(201);
		const { id } = made.json as { readonly id: string };
		const gone = await send('DELETE', '/api/org/secrets', { as: globexAdmin, body: { id } });
		expect(gone.status).toBe(200);
	});

	test('the list covers the deployment, its services, and what belongs to the caller alone', async () => {
		const deploymentName = await deployment();
		await create({ key: 'A', value: 'v', deploymentName });
		await create({ key: 'A', value: 'v', deploymentName, serviceName: 'web' });
		await create({ key: `MINE_${counter}`, value: 'v' });
		const all = (await send('GET', '/api/secrets', { as: alice })).json as Record<string, string>[];
		const named = (name: string) => all.filter((one) => one['deploymentName'] === name);
		expect(named(deploymentName).map((one) => [one['key'], one['serviceName']])).toEqual([
			['A', ''],
			['A', 'web'],
		]);
		expect(named('').map((one) => one['key'])).toContain(`MINE_${counter}`);
		const own = (await send('GET', '/api/secrets?deployment=', { as: alice })).json as Record<
			string,
			string
		>[];
		expect(own.every((one) => one['deploymentName'] === '')).toBe(true);
		expect((await send('GET', '/api/secrets', { as: bob })).json).toEqual([]);
	});

	test('the same key may exist at each scope, and once at one', async () => {
		const deploymentName = await deployment();
		expect((await create({ key: 'K', value: 'v', deploymentName })).status).toBe(201);
		expect((await create({ key: 'K', value: 'v', deploymentName, serviceName: 'web' })).status).toBe(201);
		expect((await create({ key: 'K', value: 'w', deploymentName })).status).toBe(409);
	});

	test('an update keeps the id and the description unless another is sent', async () => {
		const deploymentName = await deployment();
		const made = await create({ key: 'K', value: 'v', deploymentName, description: 'first' });
		const { id } = made.json as { id: string };
		const update = (body: object) => send('PUT', '/api/secrets', { as: alice, body: { id, ...body } });
		expect((await update({ value: 'w' })).json).toEqual({ status: 'updated' });
		const list = async () =>
			(await send('GET', `/api/secrets?deployment=${deploymentName}`, { as: alice })).json;
		expect(await list()).toEqual([made.json]);
		await update({ value: 'x', description: 'second' });
		expect(await list()).toMatchObject([{ id, description: 'second' }]);
		await update({ value: 'x', description: '' });
		expect(await list()).toMatchObject([{ id, description: '' }]);
	});

	test('the longest names and keys work', async () => {
		const long = (first: string) =>
			[first.repeat(63), ...Array(3).fill('b'.repeat(63))].join('.').slice(0, 253);
		const [deploymentName, copy, template, serviceName] = [long('a'), long('c'), long('t'), long('s')];
		const key = 'K'.repeat(255);
		const made = (body: object, path: string) => send('POST', path, { as: alice, body });
		expect((await made({ name: deploymentName, org: 'acme' }, '/api/deployments')).status).toBe(201);
		expect((await made({ name: template }, '/api/templates')).status).toBe(201);
		for (const name of [deploymentName, `template:${template}`]) {
			const created = await create({ key, value: 'v', deploymentName: name, serviceName, description: 'd' });
			expect([created.status, created.text]).toEqual([201, expect.stringContaining(key)]);
			const { id } = created.json as { id: string };
			const listed = await send('GET', `/api/secrets?deployment=${name}`, { as: alice });
			expect(listed.json).toEqual([created.json]);
			const updated = await send('PUT', '/api/secrets', { as: alice, body: { id, value: 'w' } });
			expect(updated.status).toBe(200);
		}
		const copied = await made({ name: copy, org: 'acme', template }, '/api/deployments');
		expect(copied.json).toMatchObject({ copied: [{ serviceName, key }] });
		const [there] = (await send('GET', `/api/secrets?deployment=${copy}`, { as: alice })).json as {
			id: string;
		}[];
		const deleted = await send('DELETE', '/api/secrets', { as: alice, body: { id: there?.id } });
		expect(deleted.status).toBe(200);
	});

	test('a change needs a value: a description alone is a 400 that says so, and changes nothing', async () => {
		for (const path of ['/api/secrets', '/api/org/secrets']) {
			const made = await send('POST', path, {
				as: alice,
				body: { key: 'KEPT', value: 'v', description: 'old' },
			});
			const { id } = made.json as { id: string };
			const refused = await send('PUT', path, { as: alice, body: { id, description: 'new' } });
			expect(refused).toMatchObject({ status: 400, json: { error: 'value is required' } });
			const empty = await send('PUT', path, { as: alice, body: { id, value: '', description: 'new' } });
			expect(empty).toMatchObject({ status: 400, json: { error: 'value must not be empty' } });
			const listed = (await send('GET', path, { as: alice })).json as object[];
			expect(listed).toContainEqual(expect.objectContaining({ id, description: 'old' }));
			expect((await send('DELETE', path, { as: alice, body: { id } })).status).toBe(200);
		}
	});

	test('the list without a filter holds the secrets of the caller’s own templates, and of no others', async () => {
		const body = { name: 'listed', services: [] };
		expect((await send('POST', '/api/templates', { as: alice, body })).status).toBe(201);
		const secret = { key: 'OF_TEMPLATE', value: 'v', deploymentName: 'template:listed', serviceName: 'web' };
		const { id } = (await send('POST', '/api/secrets', { as: alice, body: secret })).json as { id: string };
		const named = async (as: typeof alice) =>
			((await send('GET', '/api/secrets', { as })).json as { id: string }[]).filter((one) => one.id === id);
		expect(await named(alice)).toMatchObject([{ deploymentName: 'template:listed', serviceName: 'web' }]);
		// Of the same organization: may use it, and may not list its secrets.
		expect(await named(bob)).toEqual([]);
		expect((await send('DELETE', '/api/templates', { as: alice, body: { name: 'listed' } })).status).toBe(
			200,
		);
	});

	test('a deleted secret is not found, and can be created again', async () => {
		const deploymentName = await deployment();
		const made = await create({ key: 'K', value: 'v', deploymentName, description: 'old' });
		const { id } = made.json as { id: string };
		expect((await send('DELETE', '/api/secrets', { as: alice, body: { id } })).json).toEqual({
			status: 'deleted',
		});
		expect((await send('GET', `/api/secrets?deployment=${deploymentName}`, { as: alice })).json).toEqual([]);
		expect((await send('DELETE', '/api/secrets', { as: alice, body: { id } })).status).toBe(404);
		expect((await send('PUT', '/api/secrets', { as: alice, body: { id, value: 'v' } })).status).toBe(404);
		expect((await create({ key: 'K', value: 'v', deploymentName })).json).toMatchObject({ description: '' });
	});

	test('an id ends with its secret: what is created later at the same place is out of its reach', async () => {
		const deploymentName = await deployment();
		for (const body of [
			{ key: 'K', value: 'v', deploymentName },
			{ key: 'K', value: 'v', deploymentName, serviceName: 'web' },
			{ key: `LATER_${counter}`, value: 'v' },
		]) {
			const first = (await create(body)).json as { id: string };
			const stale = { as: alice, body: { id: first.id } };
			expect((await send('DELETE', '/api/secrets', stale)).status).toBe(200);
			const second = (await create(body)).json as { id: string };
			expect(second.id).not.toBe(first.id);
			expect(
				(await send('PUT', '/api/secrets', { as: alice, body: { id: first.id, value: 'w' } })).status,
			).toBe(404);
			expect((await send('DELETE', '/api/secrets', stale)).status).toBe(404);
			const answer = await send('PUT', '/api/secrets', { as: alice, body: { id: second.id, value: 'w' } });
			expect(answer.status).toBe(200);
		}
	});

	test("a deployment that isn't yours and one that doesn't exist look the same", async () => {
		const theirs = await deployment();
		const made = await create({ key: 'K', value: 'v', deploymentName: theirs });
		const { id } = made.json as { id: string };
		const ways = (name: string): [string, string, object | undefined][] => [
			['POST', '/api/secrets', { key: 'K', value: 'v', deploymentName: name }],
			['GET', `/api/secrets?deployment=${name}`, undefined],
			['GET', `/api/deployments/${name}`, undefined],
		];
		for (const [i, [method, path, body]] of ways(theirs).entries()) {
			const foreign = await send(method, path, { as: bob, body });
			const [, otherPath, otherBody] = ways('no-such')[i] ?? ['', '', undefined];
			const absent = await send(method, otherPath, { as: bob, body: otherBody });
			expect(foreign.status).toBe(403);
			expect(foreign.text).toBe(absent.text);
		}
		expect((await send('PUT', '/api/secrets', { as: bob, body: { id, value: 'v' } })).status).toBe(403);
		expect((await send('DELETE', '/api/secrets', { as: bob, body: { id } })).status).toBe(403);
	});

	test("another caller's own secret is no secret at all", async () => {
		const { id } = (await create({ key: `OWN_${++counter}`, value: 'v' })).json as { id: string };
		expect((await send('DELETE', '/api/secrets', { as: bob, body: { id } })).status).toBe(404);
		expect((await send('DELETE', '/api/secrets', { as: alice, body: { id } })).status).toBe(200);
	});

	test('scopes are needed, each for its own', async () => {
		expect((await send('GET', '/api/secrets', { as: reader })).status).toBe(200);
		expect((await create({ key: 'K', value: 'v' }, reader)).status).toBe(403);
		expect((await send('GET', '/api/secrets', { as: writer })).status).toBe(403);
		const made = await create({ key: `W_${++counter}`, value: 'v' }, writer);
		expect(made.status).toBe(201);
		const deployment = { name: 'by-a-reader', org: 'acme' };
		expect((await send('POST', '/api/deployments', { as: reader, body: deployment })).status).toBe(403);
	});

	const BAD: [string, object][] = [
		['a key with a dash', { key: 'A-B', value: 'v' }],
		['a key that starts with a digit', { key: '1A', value: 'v' }],
		['an empty key', { key: '', value: 'v' }],
		['a key of 256 characters', { key: 'A'.repeat(256), value: 'v' }],
		['no value', { key: 'A' }],
		['an empty value', { key: 'A', value: '' }],
		['a number as value', { key: 'A', value: 7 }],
		['a NUL in the value', { key: 'A', value: 'a\0b' }],
		['a surrogate that stands alone', { key: 'A', value: 'a\ud800' }],
		['an unknown field', { key: 'A', value: 'v', valeu: 'v' }],
		['a service without a deployment', { key: 'A', value: 'v', serviceName: 'web' }],
		['a deployment name with a slash', { key: 'A', value: 'v', deploymentName: 'a/b' }],
		['a deployment name that climbs', { key: 'A', value: 'v', deploymentName: '..' }],
		['a service name that climbs', { key: 'A', value: 'v', deploymentName: 'a', serviceName: '../x' }],
		['a template name that climbs', { key: 'A', value: 'v', deploymentName: 'template:..' }],
		['a description of more than 512 bytes', { key: 'A', value: 'v', description: 'ü'.repeat(257) }],
		['a description of two lines', { key: 'A', value: 'v', description: 'a\nb' }],
	];
	test.each(BAD)('%s is a 400 with a sentence', async (_what, body) => {
		const answer = await create(body);
		expect(answer.status).toBe(400);
		expect((answer.json as { error: string }).error).toMatch(/\w+ .+/);
	});

	test('a description may have 512 bytes of any printable text', async () => {
		const description = `${'ü'.repeat(255)}ab`;
		const made = await create({ key: `D_${++counter}`, value: 'v', description });
		expect(made.json).toMatchObject({ description });
	});

	test('an unknown query parameter is a 400', async () => {
		expect((await send('GET', '/api/secrets?deploymnet=x', { as: alice })).status).toBe(400);
	});

	const encoded = (text: string) => Buffer.from(text).toString('base64url');
	test.each([
		'',
		'x',
		's1_',
		's1_!!',
		`s1_${encoded('sys/policies')}`,
		's2_',
		`s2_${encoded('orgs/a/secrets/K')}`,
	])('an id that is none (%j) is no secret', async (id) => {
		const wanted = id === '' ? 400 : 404;
		expect((await send('DELETE', '/api/secrets', { as: alice, body: { id } })).status).toBe(wanted);
	});

	test('a forged id is not found', async () => {
		for (const path of [
			'orgs/../deployments/x/secrets/K',
			'registry/deployments/x',
			'deployments/a/b/secrets/K',
		]) {
			for (const id of [`s1_${encoded(path)}`, `s2_${encoded(`stamp ${path}`)}`])
				expect((await send('PUT', '/api/secrets', { as: alice, body: { id, value: 'v' } })).status).toBe(404);
		}
	});

	describe('of the organization', () => {
		const org = (method: string, body?: object, as = alice) => send(method, '/api/org/secrets', { as, body });

		test('are created, listed, updated and deleted by its admins', async () => {
			const made = await org('POST', { key: 'LICENSE', value: 'v', description: 'of all' });
			expect(made).toMatchObject({ status: 201, json: { key: 'LICENSE', description: 'of all' } });
			const { id } = made.json as { id: string };
			expect((await org('GET')).json).toEqual([made.json]);
			expect((await org('POST', { key: 'LICENSE', value: 'w' })).status).toBe(409);
			expect((await org('PUT', { id, value: 'w' })).json).toEqual({ status: 'updated' });
			expect((await org('DELETE', { id })).json).toEqual({ status: 'deleted' });
			expect((await org('GET')).json).toEqual([]);
			const next = (await org('POST', { key: 'LICENSE', value: 'v' })).json as { id: string };
			expect((await org('PUT', { id, value: 'w' })).status).toBe(404);
			expect((await org('DELETE', { id })).status).toBe(404);
			expect((await org('DELETE', { id: next.id })).status).toBe(200);
		});

		test('are out of reach for whoever has no role, no organization, or another one', async () => {
			const { id } = (await org('POST', { key: 'OURS', value: 'v' })).json as { id: string };
			expect((await org('GET', undefined, reader)).status).toBe(403);
			expect((await org('POST', { key: 'X', value: 'v' }, stranger)).status).toBe(403);
			expect((await org('GET', undefined, globexAdmin)).json).toEqual([]);
			expect((await org('PUT', { id, value: 'w' }, globexAdmin)).status).toBe(404);
			expect((await org('DELETE', { id }, globexAdmin)).status).toBe(404);
			// Nor by the other door.
			expect((await send('DELETE', '/api/secrets', { as: globexAdmin, body: { id } })).status).toBe(404);
		});
	});

	test('of 50 concurrent creates of one key one is answered 201, the others 409', async () => {
		const deploymentName = await deployment();
		const answers = await Promise.all(
			Array.from({ length: 50 }, (_, i) => create({ key: 'RACE', value: `v${i}`, deploymentName })),
		);
		const statuses = answers.map((answer) => answer.status).sort();
		expect(statuses).toEqual([201, ...Array.from({ length: 49 }, () => 409)]);
	});
});
