/** Who wrote each version of a secret, from the audit store. On both databases. */
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { until } from '../../support/until.ts';
import { type ApiUnderTest, caller, startApi } from '../support/api.ts';
import { AUDIT_DATABASES, type AuditDatabaseUnderTest } from './databases.ts';

const alice = caller('user:alice');
const bob = caller('user:bob');
const callers = [alice, bob];
const readVersion = () => Promise.resolve({ value: 'old' });

interface Row {
	readonly version: number;
	readonly by: string;
}

async function created(api: ApiUnderTest, body: object): Promise<string> {
	const made = await api.send('POST', '/api/org/secrets', { as: alice, body });
	expect(made.status, made.text).toBe(201);
	const { id, secrets } = made.json as { id?: string; secrets?: { id: string }[] };
	return id ?? secrets?.at(-1)?.id ?? '';
}

async function writers(api: ApiUnderTest, id: string): Promise<readonly string[]> {
	const answer = await api.send('GET', `/api/org/secrets/versions?id=${id}`, { as: alice });
	expect(answer.status, answer.text).toBe(200);
	return (answer.json as Row[]).map(({ version, by }) => `${version} ${by}`);
}

/** Waits: a line is stored soon after its call. */
const untilWriters = (api: ApiUnderTest, id: string, expected: readonly string[]) =>
	until(`the writers ${expected.join(', ')}`, async () => {
		const found = await writers(api, id);
		return found.join() === expected.join();
	});

describe.each(Object.entries(AUDIT_DATABASES))('on %s', (_name, start) => {
	let database: AuditDatabaseUnderTest;
	let api: ApiUnderTest;
	beforeAll(async () => {
		database = await start();
		api = await startApi({ callers, readVersion, env: { ENVTIER_API_AUDIT_STORE: database.address } });
	});
	afterAll(async () => {
		await api?.[Symbol.asyncDispose]();
		await database?.[Symbol.asyncDispose]();
	});

	test('each version names who wrote it: created, changed, restored', async () => {
		const id = await created(api, { key: 'A', value: 'v' });
		const change = { id, value: 'w' };
		expect((await api.send('PUT', '/api/org/secrets', { as: bob, body: change })).status).toBe(200);
		const restore = { id, version: 1 };
		expect((await api.send('POST', '/api/org/secrets/restore', { as: bob, body: restore })).status).toBe(200);
		expect((await api.send('PUT', '/api/org/secrets', { as: alice, body: change })).status).toBe(200);
		// A description is no version.
		await api.send('PUT', `/api/org/secrets/${id}`, { as: bob, body: { tags: ['x'] } });
		await untilWriters(api, id, ['1 user:alice', '2 user:bob', '3 user:bob', '4 user:alice']);
	});

	test('also of each key of a typed secret', async () => {
		const id = await created(api, { type: 'userpass', name: 'DB', fields: { username: 'x' } });
		const change = { id, generate: true };
		expect((await api.send('PUT', '/api/org/secrets', { as: bob, body: change })).status).toBe(200);
		await untilWriters(api, id, ['1 user:alice', '2 user:bob']);
	});

	test('a secret that is created over a deleted one has its own writers', async () => {
		const old = await created(api, { key: 'AGAIN', value: 'v' });
		expect((await api.send('DELETE', '/api/org/secrets', { as: alice, body: { id: old } })).status).toBe(200);
		const body = { key: 'AGAIN', value: 'w' };
		const made = await api.send('POST', '/api/org/secrets', { as: bob, body });
		await untilWriters(api, (made.json as { id: string }).id, ['2 user:bob']);
	});

	test('the lines say the version, and those of refused calls say none', async () => {
		const refused = await api.send('POST', '/api/org/secrets', { as: bob, body: { key: 'A', value: 'x' } });
		expect(refused.status).toBe(409);
		const lines = api.auditLines().filter(({ key, phase }) => key === 'A' && phase === 'result');
		const told = lines.filter(({ action }) => /create|update|restore/.test(String(action)));
		expect(told.map(({ status, version }) => [status, version])).toEqual([
			[201, 1],
			[200, 2],
			[200, 3],
			[200, 4],
			[409, undefined],
		]);
		expect(api.auditLines().filter(({ phase, version }) => phase === 'intent' && version)).toEqual([]);
	});

	test('while the store is away the versions are answered, and later writers are unknown', async () => {
		if (database.postgres === undefined) return;
		const id = await created(api, { key: 'AWAY', value: 'v' });
		const change = { id, value: 'w' };
		expect((await api.send('PUT', '/api/org/secrets', { as: bob, body: change })).status).toBe(200);
		await untilWriters(api, id, ['1 user:alice', '2 user:bob']);
		await database.postgres.kill();
		expect(await writers(api, id)).toEqual(['1 user:alice', '2 ']);
		await database.postgres.start();
		await untilWriters(api, id, ['1 user:alice', '2 user:bob']);
	});
});

test('without a store only the writer of the first version is known', async () => {
	await using api = await startApi({ callers });
	const id = await created(api, { key: 'A', value: 'v' });
	expect((await api.send('PUT', '/api/org/secrets', { as: bob, body: { id, value: 'w' } })).status).toBe(200);
	expect(await writers(api, id)).toEqual(['1 user:alice', '2 ']);
});
