import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { OpenBao } from '../support/openbao.ts';
import { must, putSecret } from '../support/openbao-setup.ts';
import { type ApiUnderTest, caller } from './support/api.ts';
import { type OnStore, STORES } from './support/both.ts';

const alice = caller('user:alice');
const platform = caller('user:root', { roles: ['org_admin', 'platform_admin'] });

const SERVICES = [
	{
		name: 'web',
		secrets: [
			{
				type: 'userpass',
				name: 'DB',
				fields: { username: 'shop', htpasswd: true },
				generate: { length: 40 },
			},
			{ type: 'tls', name: 'WEB', generate: { hosts: ['web.shop.svc'], days: 30 }, description: 'inside' },
			{ key: 'DATABASE_URL' },
			{ type: 'aws' },
		],
	},
	{ name: 'worker', secrets: [{ type: 'password', name: 'QUEUE', generate: true }] },
];
const GENERATED = [
	'web DB_USERNAME',
	'web DB_PASSWORD',
	'web DB_HTPASSWD',
	...['CA_CERT', 'SERVER_CERT', 'SERVER_KEY', 'CLIENT_CERT', 'CLIENT_KEY'].map((part) => `web WEB_${part}`),
	'worker QUEUE',
];
const MISSING = ['web DATABASE_URL', 'web AWS_ACCESS_KEY_ID', 'web AWS_SECRET_ACCESS_KEY'];

interface Named {
	readonly serviceName: string;
	readonly key: string;
}
const names = (list: readonly Named[]): readonly string[] =>
	list.map(({ serviceName, key }) => `${serviceName} ${key}`);

describe.each(Object.entries(STORES))('templates that declare types, kept in %s', (store, start) => {
	const place = store.includes('namespace') ? { namespace: 'team-a' } : {};
	let on: OnStore;
	let api: ApiUnderTest;
	beforeAll(async () => {
		on = await start({ callers: [alice, platform] });
		api = on.api;
	});
	afterAll(() => on?.[Symbol.asyncDispose]());

	const send = async (method: string, path: string, body?: object, as = alice) => {
		const answer = await api.send(method, path, { as, body });
		return {
			status: answer.status,
			json: answer.json as Record<string, readonly Named[]>,
			text: answer.text,
		};
	};
	const template = async (name: string, services: readonly object[] = SERVICES) => {
		const made = await send('POST', '/api/templates', { name, services });
		expect(made.status, made.text).toBe(201);
		return made;
	};

	/** The generated values of a deployment, by deployment and key. */
	const valuesIn = async (bao: OpenBao, deployment: string): Promise<readonly [string, string][]> => {
		const read = async (name: string): Promise<[string, string]> => {
			const [service, key] = name.split(' ');
			const path = `secret/data/deployments/${deployment}/services/${service}/secrets/${key}`;
			const { data } = (await must(bao, 'GET', path, place)) as { data: { data: { value: string } } };
			return [`${deployment} ${key}`, data.data.value];
		};
		return await Promise.all(GENERATED.map(read));
	};

	test('each deployment gets values of its own, and a list of what is missing', async () => {
		const made = await template('base');
		expect(made.json['services']).toMatchObject(SERVICES);
		const shown = await send('GET', '/api/templates/base');
		expect(names(shown.json['missing'] ?? [])).toEqual(
			['DB_USERNAME', 'DB_PASSWORD', 'WEB_CA_CERT', 'WEB_SERVER_CERT', 'WEB_SERVER_KEY']
				.map((key) => `web ${key}`)
				.concat(MISSING, 'worker QUEUE'),
		);
		for (const name of ['one', 'two']) {
			const created = await send('POST', '/api/deployments', { name, org: 'acme', template: 'base' });
			expect(created.status, created.text).toBe(201);
			expect(names(created.json['generated'] ?? [])).toEqual(GENERATED);
			expect(names(created.json['missing'] ?? [])).toEqual(MISSING);
			expect(created.json['copied']).toEqual([]);
			const listed = (await send('GET', `/api/secrets?deployment=${name}`)).json as unknown as Named[];
			expect(names(listed).toSorted()).toEqual(GENERATED.toSorted());
			expect(listed.filter((one) => 'incomplete' in one)).toEqual([]);
			// It is a typed secret like one that was created by itself.
			const [{ id }] = listed.filter(({ key }) => key === 'QUEUE') as unknown as [{ id: string }];
			expect((await send('PUT', '/api/secrets', { id, generate: true })).status).toBe(200);
		}
		if (on.bao === undefined) return;
		const values = new Map([...(await valuesIn(on.bao, 'one')), ...(await valuesIn(on.bao, 'two'))]);
		expect(values.get('one DB_USERNAME')).toBe('shop');
		expect(values.get('one DB_PASSWORD')).toMatch(/^[A-Za-z0-9]{40}$/);
		// All but the user name differ.
		expect(new Set(values.values()).size).toBe(2 * GENERATED.length - 1);
		for (const [name, value] of values)
			if (!name.endsWith('USERNAME')) expect(api.output()).not.toContain(value);
	});

	test('a value in the template for a generated key is not copied; other typed secrets are, as such', async () => {
		await template('mixed');
		const at = { deploymentName: 'template:mixed', serviceName: 'web' };
		const fields = { username: 'canary-of-the-template', password: 'p' };
		for (const body of [
			{ type: 'userpass', name: 'DB', fields },
			{ type: 'ssh', name: 'GIT' },
		])
			expect((await send('POST', '/api/secrets', { ...body, ...at })).status).toBe(201);
		const created = await send('POST', '/api/deployments', { name: 'three', org: 'acme', template: 'mixed' });
		expect(names(created.json['generated'] ?? [])).toEqual(GENERATED);
		expect(names(created.json['copied'] ?? [])).toEqual(['web GIT_PRIVATE_KEY', 'web GIT_PUBLIC_KEY']);
		const listed = (await send('GET', '/api/secrets?deployment=three')).json as unknown as (Named & {
			type: string;
			name: string;
			id: string;
		})[];
		const git = listed.filter(({ key }) => key.startsWith('GIT'));
		expect(git.map(({ type, name }) => `${type} ${name}`)).toEqual(['ssh GIT', 'ssh GIT']);
		expect(git.filter((one) => 'incomplete' in one)).toEqual([]);
		expect((await send('PUT', '/api/secrets', { id: git[0]?.id, generate: true })).status).toBe(200);
	});

	test('an adopted deployment that has one of the keys keeps it, and gets no half secret', async () => {
		const { bao } = on;
		if (bao === undefined) return;
		await template('adopting', [{ name: 'web', secrets: [{ type: 'ssh', name: 'GIT', generate: true }] }]);
		await send('PUT', '/api/templates/adopting', { shared: true });
		await putSecret(bao, 'deployments/old/services/web/secrets/GIT_PUBLIC_KEY', 'by hand', place);
		const body = { name: 'old', org: 'acme', template: 'adopting', adopt: true };
		const created = await send('POST', '/api/deployments', body, platform);
		expect(created.status, created.text).toBe(201);
		expect(created.json['generated']).toEqual([]);
		expect(names(created.json['missing'] ?? [])).toEqual(['web GIT_PRIVATE_KEY']);
	});

	const service = (...secrets: object[]) => [{ name: 'web', secrets }];
	test.each<[string, readonly object[], string]>([
		['neither key nor type', service({ description: 'x' }), 'key is required, or a type'],
		[
			'a key beside a type',
			service({ key: 'A', type: 'ssh', name: 'A' }),
			'key must not be there beside a type',
		],
		['no name', service({ type: 'ssh' }), 'name must be a name that keys of the type ssh can be made from'],
		['an unknown type', service({ type: 'oracle', name: 'A' }), 'type'],
		['a name without a type', service({ key: 'A', name: 'B' }), 'name must not be there without a type'],
		['generate without a type', service({ key: 'A', generate: true }), 'generate must not be there without'],
		[
			'a value',
			service({ type: 'userpass', name: 'A', fields: { username: 'u', password: 'p' }, generate: true }),
			'fields must not hold password: whoever may see the template sees them',
		],
		['a key of AWS', service({ type: 'aws', fields: { accessKeyId: 'A'.repeat(20) } }), 'without generate'],
		['a type that cannot be generated', service({ type: 'aws', generate: true }), 'generate is not possible'],
		['wrong options', service({ type: 'password', name: 'A', generate: { length: 7 } }), 'generate.length'],
		['tls without hosts', service({ type: 'tls', name: 'A', generate: true }), 'generate.hosts is required'],
		[
			'a key that is named twice',
			service({ key: 'A_PUBLIC_KEY' }, { type: 'ssh', name: 'A' }),
			'must name each key once',
		],
		[
			'51 secrets to generate',
			service(...Array.from({ length: 51 }, (_, i) => ({ type: 'password', name: `P${i}`, generate: true }))),
			'must have at most 50 secrets with generate',
		],
		[
			'a generated variable that runs code',
			service({ type: 'password', name: 'LD_PRELOAD', generate: true }),
			'runs code',
		],
	])('refused: %s', async (_name, services, message) => {
		const made = await send('POST', '/api/templates', { name: 'wrong', services });
		expect(made).toMatchObject({ status: 400, json: { error: expect.stringContaining(message) } });
	});

	test('50 secrets to generate are taken', async () => {
		const secrets = Array.from({ length: 50 }, (_, i) => ({
			type: 'password',
			name: `P${i}`,
			generate: true,
		}));
		await template('many', [{ name: 'web', secrets }]);
		const created = await send('POST', '/api/deployments', { name: 'many', org: 'acme', template: 'many' });
		expect(created.json['generated']).toHaveLength(50);
	});
});
