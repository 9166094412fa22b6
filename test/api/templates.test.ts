import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { caller } from './support/api.ts';
import { type OnStore, STORES } from './support/both.ts';

const alice = caller('user:alice');
const colleague = caller('user:carol');
const outsider = caller('user:eve', { org: 'globex' });
const loner = caller('user:lena', { org: undefined });

describe.each(Object.entries(STORES))('templates and deployments over the API, kept in %s', (_name, open) => {
	let on: OnStore;
	let counter = 0;
	beforeAll(async () => {
		on = await open({ callers: [alice, colleague, outsider, loner] });
	});
	afterAll(() => on?.[Symbol.asyncDispose]());

	const send: OnStore['api']['send'] = (...args) => on.api.send(...args);
	const SERVICES = [
		{
			name: 'web',
			image: 'registry.example/web:1',
			secrets: [
				{ key: 'API_TOKEN', description: 'of the shop' },
				{ key: 'SHARED', description: '' },
				{ key: 'UNSET', description: '' },
			],
		},
		{ name: 'worker', image: '', secrets: [{ key: 'QUEUE_URL', description: '' }] },
	];
	/** A template with two values: one shared, one of the service web. */
	const template = async (): Promise<string> => {
		const name = `base-${++counter}`;
		const made = await send('POST', '/api/templates', { as: alice, body: { name, services: SERVICES } });
		expect(made.status).toBe(201);
		const put = async (body: object) => {
			const of = { deploymentName: `template:${name}`, ...body };
			expect((await send('POST', '/api/secrets', { as: alice, body: of })).status).toBe(201);
		};
		await put({ key: 'SHARED', value: 'shared-1', description: 'for all' });
		await put({ key: 'API_TOKEN', value: 'web-1', serviceName: 'web' });
		return name;
	};
	const share = (name: string, shared = true, as = alice) =>
		send('PUT', `/api/templates/${name}`, { as, body: { shared } });
	const sharedTemplate = async (): Promise<string> => {
		const name = await template();
		expect((await share(name)).json).toMatchObject({ shared: true });
		return name;
	};
	const deploy = (body: object, as = alice) =>
		send('POST', '/api/deployments', { as, body: { org: 'acme', ...body } });
	const secretsOf = async (name: string, as = alice) =>
		(await send('GET', `/api/secrets?deployment=${name}`, { as })).json as Record<string, string>[];

	test('a declared key that runs code needs force once, when it is new', async () => {
		const name = `risky-${++counter}`;
		const services = [{ name: 'web', secrets: [{ key: 'NODE_OPTIONS' }, { key: 'API_TOKEN' }] }];
		const put = (method: 'POST' | 'PUT', more: object = {}) =>
			send(method, '/api/templates', { as: alice, body: { name, services, ...more } });
		const refused = await put('POST');
		expect(refused.status).toBe(400);
		expect(refused.text).toContain('NODE_OPTIONS makes Node.js load modules or take options');
		const made = await put('POST', { force: true });
		expect(made.status).toBe(201);
		expect(made.json).not.toHaveProperty('force');
		expect((await put('PUT')).status).toBe(200);
		const more = [...services, { name: 'worker', secrets: [{ key: 'PATH' }] }];
		expect((await put('PUT', { services: more })).status).toBe(400);
		expect((await put('PUT', { services: more, force: true })).status).toBe(200);
	});

	test('a template is its owner’s alone until it is shared: nobody else sees it or makes a deployment of it', async () => {
		const name = await template();
		const absent = await send('GET', '/api/templates/no-such', { as: colleague });
		const seen = await send('GET', `/api/templates/${name}`, { as: colleague });
		expect([seen.status, seen.text]).toEqual([403, absent.text]);
		expect((await send('GET', '/api/templates', { as: colleague })).text).not.toContain(name);
		const refused = await deploy({ name: `by-carol-${counter}`, template: name }, colleague);
		expect([refused.status, refused.text]).toEqual([403, absent.text]);
		expect((await deploy({ name: `by-alice-${counter}`, template: name })).status).toBe(201);
		// Only its owner can share it, and end that.
		expect((await share(name, true, colleague)).status).toBe(403);
		expect((await share(name)).json).toMatchObject({ name, shared: true, services: SERVICES });
		expect((await deploy({ name: `by-carol-${counter}`, template: name }, colleague)).status).toBe(201);
		expect((await share(name, false, colleague)).status).toBe(403);
		expect((await share(name, false)).json).toMatchObject({ shared: false });
		expect((await deploy({ name: `by-carol-2-${counter}`, template: name }, colleague)).status).toBe(403);
		// Sharing shows a template, and gives nobody its values.
		expect(await secretsOf(`by-carol-${counter}`, colleague)).toEqual([]);
		expect(await secretsOf(`by-alice-${counter}`)).toHaveLength(2);
	});

	test('a change of its services ends no sharing, and sharing changes nothing else', async () => {
		const name = await sharedTemplate();
		const changed = await send('PUT', '/api/templates', { as: alice, body: { name, services: [] } });
		expect(changed.json).toMatchObject({ shared: true, services: [] });
		expect((await share(name, false)).json).toMatchObject({ shared: false, services: [] });
		expect(await secretsOf(`template:${name}`)).toHaveLength(2);
	});

	test('a template without an organization can be shared with nobody', async () => {
		const name = `homeless-${++counter}`;
		await send('POST', '/api/templates', { as: loner, body: { name, services: [] } });
		expect((await share(name, true, loner)).status).toBe(400);
		expect((await share(name, false, loner)).status).toBe(200);
		expect((await share('no/name', true, loner)).status).toBe(404);
	});

	test('a shared template is listed to its owner and to the organization, and to nobody else', async () => {
		const name = await sharedTemplate();
		const names = async (as: typeof alice) =>
			((await send('GET', '/api/templates', { as })).json as { name: string }[]).map((one) => one.name);
		expect(await names(alice)).toContain(name);
		expect(await names(colleague)).toContain(name);
		expect(await names(outsider)).toEqual([]);
		const foreign = await send('GET', `/api/templates/${name}`, { as: outsider });
		const absent = await send('GET', '/api/templates/no-such', { as: outsider });
		expect(foreign.status).toBe(403);
		expect(foreign.text).toBe(absent.text);
	});

	test('it says which declared secrets have no value yet; a shared value serves every service', async () => {
		const name = await sharedTemplate();
		const shown = await send('GET', `/api/templates/${name}`, { as: colleague });
		expect(shown.json).toMatchObject({
			owner: 'user:alice',
			services: SERVICES,
			missing: [
				{ serviceName: 'web', key: 'UNSET' },
				{ serviceName: 'worker', key: 'QUEUE_URL' },
			],
		});
	});

	test('only its owner changes it, gives it secrets, or deletes it', async () => {
		const name = await template();
		const body = { name, services: [] };
		expect((await send('PUT', '/api/templates', { as: colleague, body })).status).toBe(403);
		expect((await send('DELETE', '/api/templates', { as: colleague, body: { name } })).status).toBe(403);
		const secret = { key: 'X', value: 'v', deploymentName: `template:${name}` };
		expect((await send('POST', '/api/secrets', { as: colleague, body: secret })).status).toBe(403);
		expect((await send('PUT', '/api/templates', { as: alice, body })).json).toMatchObject({ services: [] });
		expect(await secretsOf(`template:${name}`)).toHaveLength(2);
		expect((await send('DELETE', '/api/templates', { as: alice, body: { name } })).status).toBe(200);
		expect((await send('GET', `/api/secrets?deployment=template:${name}`, { as: alice })).status).toBe(403);
		// The name is free again, and nothing of the old one is left.
		expect((await send('POST', '/api/templates', { as: colleague, body })).status).toBe(201);
		expect(await secretsOf(`template:${name}`, colleague)).toEqual([]);
	});

	test('a name is given once, also to two who ask at the same time', async () => {
		const body = { name: `race-${++counter}`, services: [] };
		const answers = await Promise.all(
			Array.from({ length: 10 }, (_, i) =>
				send('POST', '/api/templates', { as: i % 2 === 0 ? alice : colleague, body }),
			),
		);
		expect(answers.filter((answer) => answer.status === 201)).toHaveLength(1);
		expect(answers.filter((answer) => answer.status === 409)).toHaveLength(9);
		const made = answers.find((answer) => answer.status === 201)?.json as { owner: string };
		const winner = made.owner === 'user:alice' ? alice : colleague;
		const listed = (await send('GET', '/api/templates', { as: winner })).json as { name: string }[];
		expect(listed.filter((one) => one.name === body.name)).toHaveLength(1);
	});

	test('YAML is taken as well as JSON', async () => {
		const name = `yaml-${++counter}`;
		const body = `name: ${name}\nservices:\n  - name: web\n    image: shop:1\n    secrets:\n      - key: API_TOKEN\n        description: of the shop\n`;
		const headers = { 'content-type': 'application/yaml' };
		const made = await send('POST', '/api/templates', { as: alice, body, headers });
		expect(made).toMatchObject({
			status: 201,
			json: { services: [{ name: 'web', secrets: [{ key: 'API_TOKEN' }] }] },
		});
		const bomb = `a: &a [x]\nname: *a\n`;
		expect((await send('POST', '/api/templates', { as: alice, body: bomb, headers })).status).toBe(400);
		const cut = `name: cut-${++counter}\nservices: [`;
		expect((await send('POST', '/api/templates', { as: alice, body: cut, headers })).status).toBe(400);
	});

	test.each([
		['a service twice', { services: [{ name: 'a' }, { name: 'a' }] }],
		['a key twice', { services: [{ name: 'a', secrets: [{ key: 'K' }, { key: 'K' }] }] }],
		['a bad key', { services: [{ name: 'a', secrets: [{ key: 'K-K' }] }] }],
		[
			'a value where a declaration belongs',
			{ services: [{ name: 'a', secrets: [{ key: 'K', value: 'v' }] }] },
		],
	])('%s is a 400', async (_what, body) => {
		const sent = { name: `bad-${++counter}`, ...body };
		expect((await send('POST', '/api/templates', { as: alice, body: sent })).status).toBe(400);
	});

	test('a deployment made from a template gets its secrets, and says what is missing', async () => {
		const from = await sharedTemplate();
		const name = `shop-${counter}`;
		const made = await deploy({ name, template: from });
		expect(made.status).toBe(201);
		expect(made.json).toMatchObject({
			name,
			owner: 'user:alice',
			template: from,
			copied: [
				{ serviceName: '', key: 'SHARED' },
				{ serviceName: 'web', key: 'API_TOKEN' },
			],
			kept: [],
			missing: [
				{ serviceName: 'web', key: 'UNSET' },
				{ serviceName: 'worker', key: 'QUEUE_URL' },
			],
		});
		expect(await secretsOf(name)).toMatchObject([
			{ key: 'SHARED', serviceName: '', description: 'for all' },
			{ key: 'API_TOKEN', serviceName: 'web', description: '' },
		]);
	});

	test('changes of the copy leave the original alone, and the other way round', async () => {
		const from = await template();
		const name = `apart-${counter}`;
		await deploy({ name, template: from });
		const copies = await secretsOf(name);
		const originals = await secretsOf(`template:${from}`);
		expect(copies.map((one) => one['id'])).not.toEqual(originals.map((one) => one['id']));
		await send('DELETE', '/api/secrets', { as: alice, body: { id: copies[0]?.['id'] } });
		expect(await secretsOf(`template:${from}`)).toEqual(originals);
		await send('DELETE', '/api/templates', { as: alice, body: { name: from } });
		expect(await secretsOf(name)).toEqual(copies.slice(1));
	});

	test("a deployment's name is given once; 20 who ask at the same time", async () => {
		const from = await sharedTemplate();
		const name = `once-${counter}`;
		const answers = await Promise.all(
			Array.from({ length: 20 }, (_, i) => deploy({ name, template: from }, i % 2 === 0 ? alice : colleague)),
		);
		expect(answers.map((answer) => answer.status).sort()).toEqual([201, ...Array(19).fill(409)]);
		const winner = answers.find((answer) => answer.status === 201)?.json as { owner: string };
		const owner = winner.owner === 'user:alice' ? alice : colleague;
		expect(await secretsOf(name, owner)).toHaveLength(owner === alice ? 2 : 0);
	});

	test('neither the organization nor the template of someone else can be used', async () => {
		const from = await sharedTemplate();
		expect((await deploy({ name: 'not-mine', org: 'globex' })).status).toBe(403);
		expect((await deploy({ name: 'not-mine', org: 'globex', template: from }, outsider)).status).toBe(403);
		expect((await deploy({ name: 'not-mine', template: 'no-such' })).status).toBe(403);
		expect((await deploy({ name: 'not/mine' })).status).toBe(400);
		// None of these took the name.
		expect((await deploy({ name: `not-mine-${counter}` })).status).toBe(201);
	});

	test('deployments are listed to their owner', async () => {
		const name = `mine-${++counter}`;
		const made = await deploy({ name });
		const {
			generated: _,
			copied: __,
			kept: ___,
			missing: ____,
			...shown
		} = made.json as Record<string, unknown>;
		expect((await send('GET', '/api/deployments', { as: alice })).json).toContainEqual(shown);
		expect((await send('GET', `/api/deployments/${name}`, { as: alice })).json).toEqual(shown);
		expect((await send('GET', '/api/deployments', { as: outsider })).json).toEqual([]);
	});
});
