import { X509Certificate } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { Answer } from '../support/http.ts';
import { must } from '../support/openbao-setup.ts';
import { type ApiUnderTest, caller } from './support/api.ts';
import { type OnStore, STORES } from './support/both.ts';

const alice = caller('user:alice');
const bob = caller('user:bob', { roles: [] });

interface Listed {
	readonly id: string;
	readonly key: string;
	readonly type: string;
	readonly name: string;
	readonly sourcing: string;
	readonly expiresAt?: string;
	readonly incomplete?: { readonly written: number; readonly of: number };
}
interface Created {
	readonly type: string;
	readonly name: string;
	readonly secrets: readonly Listed[];
}

describe.each(Object.entries(STORES))('typed secrets, kept in %s', (store, start) => {
	const place = store.includes('namespace') ? { namespace: 'team-a' } : {};
	let on: OnStore;
	let api: ApiUnderTest;
	let count = 0;
	beforeAll(async () => {
		on = await start({ callers: [alice, bob], settings: { overwritesPerHour: 3 } });
		api = on.api;
	});
	afterAll(() => on?.[Symbol.asyncDispose]());

	const send = (method: string, path: string, body?: object, headers = {}): Promise<Answer> =>
		api.send(method, path, { as: alice, body, headers });
	const deployment = async (): Promise<string> => {
		count += 1;
		const name = `typed-${count}`;
		expect((await send('POST', '/api/deployments', { name, org: 'acme' })).status).toBe(201);
		return name;
	};
	const list = async (deploymentName: string): Promise<readonly Listed[]> =>
		(await send('GET', `/api/secrets?deployment=${deploymentName}`)).json as readonly Listed[];
	const create = (body: object, headers = {}) => send('POST', '/api/secrets', body, headers);
	const versions = async (deploymentName: string): Promise<Record<string, number>> => {
		const { bao } = on;
		if (bao === undefined) return {};
		const found: Record<string, number> = {};
		for (const { key } of await list(deploymentName)) {
			const path = `secret/metadata/deployments/${deploymentName}/secrets/${key}`;
			const answer = await bao.request('GET', path, place);
			if (answer.status === 200)
				found[key] = (answer.json as { data: { current_version: number } }).data.current_version;
		}
		return found;
	};

	test('a user name and a password are two keys of one secret, without values in any answer', async () => {
		const deploymentName = await deployment();
		const fields = { username: 'canary-name', password: 'canary-word' };
		const made = await create({
			type: 'userpass',
			name: 'DB',
			fields,
			deploymentName,
			description: 'orders',
		});
		expect(made.status, made.text).toBe(201);
		const { secrets, ...rest } = made.json as Created;
		expect(rest).toEqual({ type: 'userpass', name: 'DB' });
		const common = { type: 'userpass', name: 'DB', sourcing: 'env', description: 'orders', serviceName: '' };
		expect(secrets).toEqual(
			['DB_USERNAME', 'DB_PASSWORD'].map((key) => ({
				...common,
				tags: [],
				key,
				deploymentName,
				id: expect.any(String),
			})),
		);
		const listed = await list(deploymentName);
		expect(listed.map(({ key }) => key)).toEqual(['DB_PASSWORD', 'DB_USERNAME']);
		expect([...listed].sort((a, b) => b.key.localeCompare(a.key))).toEqual(secrets);
		expect(made.text + JSON.stringify(listed) + api.output()).not.toContain('canary-word');
		// Each key has its audit lines.
		const audited = api.audit().filter(({ key }) => String(key).startsWith('DB_'));
		expect(audited.map(({ key, result }) => [key, result])).toEqual([
			['DB_USERNAME', 'done'],
			['DB_PASSWORD', 'done'],
		]);
	});

	test('each type makes its keys, and tells how each is best consumed', async () => {
		const deploymentName = await deployment();
		const secret = 'x'.repeat(40);
		const bodies = [
			{ type: 'password', name: 'PASS' },
			{ type: 'userpass', name: 'WEB', fields: { username: 'u', htpasswd: true } },
			{ type: 'tls', name: 'TLS', generate: { hosts: ['db'] } },
			{ type: 'ssh', name: 'GIT' },
			{ type: 'aws', name: '', fields: { accessKeyId: 'A'.repeat(20), secretAccessKey: secret } },
			{ type: 'aws', name: 'S3', fields: { accessKeyId: 'A'.repeat(20), secretAccessKey: secret } },
		];
		for (const body of bodies)
			expect((await create({ ...body, deploymentName })).status, JSON.stringify(body)).toBe(201);
		const listed = await list(deploymentName);
		expect(listed.map(({ key, sourcing }) => `${key} ${sourcing}`)).toEqual([
			'AWS_ACCESS_KEY_ID env',
			'AWS_SECRET_ACCESS_KEY env',
			'GIT_PRIVATE_KEY volume',
			'GIT_PUBLIC_KEY volume',
			'PASS env',
			'S3_AWS_ACCESS_KEY_ID env',
			'S3_AWS_SECRET_ACCESS_KEY env',
			'TLS_CA_CERT volume',
			'TLS_CLIENT_CERT volume',
			'TLS_CLIENT_KEY volume',
			'TLS_SERVER_CERT volume',
			'TLS_SERVER_KEY volume',
			'WEB_HTPASSWD volume',
			'WEB_PASSWORD env',
			'WEB_USERNAME env',
		]);
		expect(listed.filter(({ incomplete }) => incomplete !== undefined)).toEqual([]);
		const ends = listed.filter(({ expiresAt }) => expiresAt !== undefined).map(({ key }) => key);
		expect(ends).toEqual(listed.filter(({ name }) => name === 'TLS').map(({ key }) => key));
	});

	test('a typed secret of the organization works in the same way', async () => {
		count += 1;
		const name = `ORG${count}`;
		const made = await send('POST', '/api/org/secrets', { type: 'ssh', name });
		expect(made.status, made.text).toBe(201);
		const { secrets } = made.json as Created;
		expect(secrets.map(({ key }) => key)).toEqual([`${name}_PRIVATE_KEY`, `${name}_PUBLIC_KEY`]);
		const id = secrets[0]?.id;
		expect((await send('PUT', '/api/org/secrets', { id, generate: true })).status).toBe(200);
		expect((await send('PUT', '/api/org/secrets', { id, value: 'x' })).status).toBe(409);
		expect((await send('DELETE', '/api/org/secrets', { id })).status).toBe(200);
		const left = (await send('GET', '/api/org/secrets')).json as readonly Listed[];
		expect(left.filter((one) => one.name === name)).toEqual([]);
	});

	test('if one of the keys exists, none is created', async () => {
		const deploymentName = await deployment();
		expect((await create({ key: 'DB_PASSWORD', value: 'mine', deploymentName })).status).toBe(201);
		const made = await create({ type: 'userpass', name: 'DB', fields: { username: 'u' }, deploymentName });
		expect(made).toMatchObject({
			status: 409,
			json: { error: expect.stringContaining('DB_PASSWORD exists') },
		});
		expect((await list(deploymentName)).map(({ key }) => key)).toEqual(['DB_PASSWORD']);
		const again = await create({ type: 'userpass', name: 'DB2', fields: { username: 'u' }, deploymentName });
		expect(again.status).toBe(201);
		const one = await create({ key: 'DB2_USERNAME', value: 'x', deploymentName });
		expect(one.status).toBe(409);
	});

	test('of concurrent creations that share a key exactly one succeeds, whole', async () => {
		const deploymentName = await deployment();
		const bodies = [
			...Array.from({ length: 4 }, () => ({ type: 'userpass', name: 'A', fields: { username: 'u' } })),
			...Array.from({ length: 4 }, () => ({ type: 'password', name: 'A_PASSWORD' })),
		];
		const all = await Promise.all(bodies.map((body) => create({ ...body, deploymentName })));
		expect(new Set(all.map(({ status }) => status))).toEqual(new Set([201, 409]));
		const won = all.filter(({ status }) => status === 201);
		expect(won).toHaveLength(1);
		const { type } = (won[0] as Answer).json as Created;
		const listed = await list(deploymentName);
		expect(listed.map(({ key }) => key)).toEqual(
			type === 'password' ? ['A_PASSWORD'] : ['A_PASSWORD', 'A_USERNAME'],
		);
		expect(listed.every((one) => one.type === type && one.incomplete === undefined)).toBe(true);
	});

	test('a key of a typed secret does not change alone, and a deletion takes all keys', async () => {
		const deploymentName = await deployment();
		const made = await create({ type: 'userpass', name: 'DB', fields: { username: 'u' }, deploymentName });
		const [username, password] = (made.json as Created).secrets;
		const put = (body: object) => send('PUT', '/api/secrets', body);
		const alone = await put({ id: password?.id, value: 'x' });
		expect(alone).toMatchObject({
			status: 409,
			json: { error: expect.stringContaining('belongs to userpass DB, which changes only as a whole') },
		});
		expect((await put({ id: username?.id })).status).toBe(400);
		expect((await put({ id: username?.id, generate: { length: 7 } })).status).toBe(400);
		expect(
			await put({ id: username?.id, fields: { username: 'u', password: 'p', htpasswd: true } }),
		).toMatchObject({
			status: 409,
			json: { error: expect.stringContaining('it has no htpasswd') },
		});
		expect((await put({ id: password?.id, generate: true })).status).toBe(200);
		expect(await versions(deploymentName)).toEqual(
			on.bao === undefined ? {} : { DB_USERNAME: 1, DB_PASSWORD: 2 },
		);
		expect((await put({ id: password?.id, fields: { username: 'v', password: 'p' } })).status).toBe(200);
		const listed = await list(deploymentName);
		expect(listed.map(({ incomplete }) => incomplete)).toEqual([undefined, undefined]);
		expect(listed.map(({ id }) => id)).toEqual([password?.id, username?.id]);
		expect((await send('DELETE', '/api/secrets', { id: username?.id })).status).toBe(200);
		expect(await list(deploymentName)).toEqual([]);
		expect((await send('DELETE', '/api/secrets', { id: username?.id })).status).toBe(404);
		expect((await put({ id: username?.id, generate: true })).status).toBe(404);
	});

	test('a type with one key takes a value, and checks it', async () => {
		const deploymentName = await deployment();
		const made = await create({ type: 'password', name: 'P', deploymentName });
		const [{ id } = { id: '' }] = (made.json as Created).secrets;
		const put = (body: object) => send('PUT', '/api/secrets', { id, ...body });
		expect((await put({ value: 'new' })).status).toBe(200);
		expect((await put({ value: 'x'.repeat(128 * 1024 + 1) })).status).toBe(400);
		expect((await put({ value: 'x', generate: true })).status).toBe(400);
		const generic = await create({ key: 'PLAIN', value: 'v', deploymentName });
		const plain = (generic.json as Listed).id;
		expect(await send('PUT', '/api/secrets', { id: plain, generate: true })).toMatchObject({
			status: 400,
			json: { error: expect.stringContaining('fields and generate are for typed secrets') },
		});
	});

	test.each<[string, object, string]>([
		['a type that is none', { type: 'oracle', name: 'A' }, 'type'],
		['no name', { type: 'ssh' }, 'name is required'],
		['an empty name', { type: 'ssh', name: '' }, 'name must be'],
		['a name that is no key', { type: 'ssh', name: 'a-b' }, 'name must be'],
		['a path', { type: 'ssh', name: '../x' }, 'name must be'],
		['a name that makes a key too long', { type: 'ssh', name: 'A'.repeat(244) }, 'name must be'],
		['a key beside the type', { type: 'ssh', name: 'A', key: 'B' }, 'key and value are for the type generic'],
		[
			'a value beside the type',
			{ type: 'ssh', name: 'A', value: 'B' },
			'key and value are for the type generic',
		],
		[
			'fields without a type',
			{ key: 'A', value: 'v', fields: {} },
			'name, fields, generate and rotation need a type',
		],
		['fields that are a list', { type: 'ssh', name: 'A', fields: [] }, 'fields must be'],
		['generate: false', { type: 'ssh', name: 'A', generate: false }, 'generate must be true'],
		['metadata as input', { type: 'ssh', name: 'A', group: 'x 1 2' }, 'unknown field "group"'],
		[
			'metadata among the fields',
			{ type: 'ssh', name: 'A', fields: { group: 'x' } },
			'unknown field "group"',
		],
		['a key that runs code', { type: 'password', name: 'LD_PRELOAD' }, 'runs code'],
	])('%s is refused with 400', async (_what, body, message) => {
		const made = await create(body);
		expect(made).toMatchObject({ status: 400, json: { error: expect.stringContaining(message) } });
	});

	test('the longest name is taken', async () => {
		const made = await create({ type: 'ssh', name: 'A'.repeat(255 - '_PRIVATE_KEY'.length) });
		expect(made.status, made.text).toBe(201);
		const [{ id } = { id: '' }] = (made.json as Created).secrets;
		expect((await send('DELETE', '/api/secrets', { id })).status).toBe(200);
	});

	test('others can neither create, change nor delete one', async () => {
		const deploymentName = await deployment();
		const made = await create({ type: 'password', name: 'P', deploymentName });
		const [{ id } = { id: '' }] = (made.json as Created).secrets;
		const as = bob;
		const body = { type: 'password', name: 'Q', deploymentName };
		expect((await api.send('POST', '/api/secrets', { as, body })).status).toBe(403);
		expect((await api.send('PUT', '/api/secrets', { as, body: { id, generate: true } })).status).toBe(403);
		expect((await api.send('DELETE', '/api/secrets', { as, body: { id } })).status).toBe(403);
	});

	test('a repetition with the same Idempotency-Key repeats nothing', async () => {
		const deploymentName = await deployment();
		const headers = { 'idempotency-key': 'create-1' };
		const body = { type: 'ssh', name: 'GIT', deploymentName };
		const [one, two] = [await create(body, headers), await create(body, headers)];
		expect([one.status, two.status]).toEqual([201, 201]);
		expect(two.json).toEqual(one.json);
		expect((await create(body)).status).toBe(409);
		expect((await create(body, { 'idempotency-key': 'create-2' })).status).toBe(409);
		const [{ id } = { id: '' }] = (one.json as Created).secrets;
		const change = (key: string) =>
			send('PUT', '/api/secrets', { id, generate: true }, { 'idempotency-key': key });
		// The key of the creation means nothing for a change.
		for (const key of ['create-1', 'create-1', 'change-2', 'change-2'])
			expect((await change(key)).status).toBe(200);
		const written = on.bao === undefined ? {} : { GIT_PRIVATE_KEY: 3, GIT_PUBLIC_KEY: 3 };
		expect(await versions(deploymentName)).toEqual(written);
		expect(await create(body, { 'idempotency-key': 'a b' })).toMatchObject({ status: 400 });
		expect(await create(body, { 'idempotency-key': 'x'.repeat(129) })).toMatchObject({ status: 400 });
		expect((await create({ ...body, name: 'B' }, { 'idempotency-key': 'x'.repeat(128) })).status).toBe(201);
	});

	const undelete = (id: string | undefined) => send('POST', '/api/secrets/undelete', { id });
	const remove = (id: string | undefined) => send('DELETE', '/api/secrets', { id });
	const keysOf = async (deploymentName: string) => (await list(deploymentName)).map(({ key }) => key);

	test('a deleted typed secret comes back as a whole', async () => {
		const deploymentName = await deployment();
		const fields = { username: 'u', htpasswd: true };
		const made = await create({ type: 'userpass', name: 'DB', fields, deploymentName });
		const { secrets } = made.json as Created;
		expect((await remove(secrets[1]?.id)).status).toBe(200);
		expect(await keysOf(deploymentName)).toEqual([]);
		expect((await undelete(secrets[2]?.id)).status).toBe(200);
		const listed = await list(deploymentName);
		expect(listed.map(({ key }) => key)).toEqual(['DB_HTPASSWD', 'DB_PASSWORD', 'DB_USERNAME']);
		expect(listed.filter(({ incomplete }) => incomplete !== undefined)).toEqual([]);
		expect((await undelete(secrets[2]?.id)).status).toBe(409);
	});

	test('keys of a deleted typed secret do not come back beside those of a later one', async () => {
		const deploymentName = await deployment();
		const user = { type: 'userpass', name: 'DB', deploymentName };
		const first = (await create({ ...user, fields: { username: 'u', htpasswd: true } })).json as Created;
		const htpasswd = first.secrets[2]?.id;
		expect((await remove(htpasswd)).status).toBe(200);
		const second = (await create({ ...user, fields: { username: 'u' } })).json as Created;
		expect(await undelete(htpasswd)).toMatchObject({
			status: 409,
			json: { error: expect.stringContaining('userpass DB was created again') },
		});
		expect((await undelete(first.secrets[0]?.id)).status).toBe(404);
		expect((await remove(second.secrets[0]?.id)).status).toBe(200);
		expect((await undelete(second.secrets[0]?.id)).status).toBe(200);
		const listed = await list(deploymentName);
		expect(listed.map(({ key }) => key)).toEqual(['DB_PASSWORD', 'DB_USERNAME']);
		expect(listed.filter(({ incomplete }) => incomplete !== undefined)).toEqual([]);
		// The one that is there is whole; another of its type and name has to wait until it is gone.
		expect((await remove(second.secrets[0]?.id)).status).toBe(200);
		expect((await undelete(htpasswd)).status).toBe(200);
		expect(await create({ ...user, fields: { username: 'u' } })).toMatchObject({
			status: 409,
			json: { error: expect.stringContaining('DB_HTPASSWD exists') },
		});
	});

	test('creations over deleted typed secrets are limited, because they fill the history', async () => {
		const deploymentName = await deployment();
		const statuses: number[] = [];
		for (let i = 0; i < 6; i += 1) {
			const made = await create({ type: 'password', name: 'P', deploymentName });
			statuses.push(made.status);
			if (made.status === 201) await remove((made.json as Created).secrets[0]?.id);
		}
		expect(statuses).toEqual([201, 201, 201, 201, 429, 429]);
	});

	test('a renewed certificate bundles the previous CA', async () => {
		const deploymentName = await deployment();
		const made = await create({
			type: 'tls',
			name: 'DB',
			generate: { hosts: ['db'], days: 2 },
			deploymentName,
		});
		const [{ id, expiresAt } = { id: '', expiresAt: undefined }] = (made.json as Created).secrets;
		const read = async (): Promise<Record<string, string>> => {
			if (on.bao === undefined) return {};
			const { bao } = on;
			const entries = (await list(deploymentName)).map(async ({ key }) => {
				const path = `secret/data/deployments/${deploymentName}/secrets/${key}`;
				const answer = (await must(bao, 'GET', path, place)) as { data: { data: { value: string } } };
				return [key, answer.data.data.value] as const;
			});
			return Object.fromEntries(await Promise.all(entries));
		};
		const before = await read();
		const renewed = await send('PUT', '/api/secrets', { id, generate: { hosts: ['db'], days: 3 } });
		expect(renewed.status, renewed.text).toBe(200);
		const [after] = await list(deploymentName);
		expect(Date.parse(after?.expiresAt ?? '') - Date.parse(expiresAt ?? '')).toBeGreaterThan(80_000_000);
		const values = await read();
		if (on.bao === undefined) return;
		expect(values['DB_CA_CERT']).toContain(before['DB_CA_CERT']);
		const trusted = (values['DB_CA_CERT'] ?? '')
			.split(/(?=-----BEGIN)/)
			.map((pem) => new X509Certificate(pem));
		expect(trusted).toHaveLength(2);
		const server = new X509Certificate(values['DB_SERVER_CERT'] ?? '');
		expect(trusted[0] !== undefined && server.verify(trusted[0].publicKey)).toBe(true);
		const old = new X509Certificate(before['DB_SERVER_CERT'] ?? '');
		expect(trusted[1] !== undefined && old.verify(trusted[1].publicKey)).toBe(true);
	});
});
