/** Deleting, restoring and destroying secrets over the API, on each store, and their races. */
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { ReadVersion } from '../../api/secrets/versions.ts';
import type { Answer } from '../support/http.ts';
import { caller } from './support/api.ts';
import { type OnStore, STORES } from './support/both.ts';
import { type Issuer, startIssuer } from './support/issuer.ts';

const alice = caller('user:alice', { scopes: ['secrets:read', 'secrets:write', 'secrets:delete'] });
const stranger = caller('user:eve', { org: 'globex', roles: ['org_owner'] });

/** The two kinds of secrets have the same operations. */
const PATHS = { 'of a deployment': '/api/secrets', 'of the organization': '/api/org/secrets' };

describe.each(Object.entries(STORES))('versions of secrets, kept in %s', (name, open) => {
	let on: OnStore;
	let issuer: Issuer;
	/** A session that may destroy. */
	let admin: string;
	let counter = 0;
	const namespace = name.includes('namespace') ? { namespace: 'team-a' } : {};
	/** Reads values as the Reveal program does: with a token of its own. The memory store keeps none to read. */
	const readVersion: ReadVersion = async (path, version) => {
		if (on.bao === undefined) return { value: `value of version ${version}` };
		const answer = await on.bao.request('GET', `secret/data/${path}?version=${version}`, namespace);
		return answer.status === 200
			? (answer.json as { data: { data: Record<string, string> } }).data.data
			: undefined;
	};
	beforeAll(async () => {
		issuer = await startIssuer();
		const env = {
			ENVTIER_API_OIDC_ISSUER: issuer.url,
			ENVTIER_API_OIDC_CA: issuer.caPem,
			ENVTIER_API_OVERWRITES_PER_HOUR: '1000',
		};
		on = await open({ callers: [alice, stranger], env, readVersion });
		admin = await issuer.session({
			...{ sub: 'root', org: 'acme', roles: ['org_admin'] },
			scope: 'secrets:read secrets:write secrets:delete secrets:destroy',
		});
		const shop = { name: 'shop', org: 'acme' };
		const made = await on.api.send('POST', '/api/deployments', { as: alice, body: shop });
		expect(made.status).toBe(201);
	});
	afterAll(async () => {
		await on?.[Symbol.asyncDispose]();
		await issuer?.[Symbol.asyncDispose]();
	});

	describe.each(Object.entries(PATHS))('%s', (_kind, path) => {
		const send = (method: string, below: string, body?: object, as: typeof alice | string = alice) =>
			on.api.send(method, path + below, { as, body });
		const newKey = () => `KEY_${++counter}`;
		const create = async (key: string, value = 'first'): Promise<string> => {
			const place = path === '/api/secrets' ? { deploymentName: 'shop', serviceName: 'web' } : {};
			const made = await send('POST', '', { key, value, ...place });
			expect(made.status, made.text).toBe(201);
			return (made.json as { id: string }).id;
		};
		const statusOf = async (answer: Promise<Answer>) => (await answer).status;
		const update = (id: string, value = 'next') => statusOf(send('PUT', '', { id, value }));
		const remove = (id: string) => statusOf(send('DELETE', '', { id }));
		const undelete = (id: string) => statusOf(send('POST', '/undelete', { id }));
		const destroy = (id: string, confirm: string, as: typeof alice | string = admin) =>
			statusOf(send('DELETE', '?destroy=true', { id, confirm }, as));
		const restore = (id: string, version: number, expected?: number) =>
			statusOf(send('POST', '/restore', { id, version, ...(expected === undefined ? {} : { expected }) }));
		const detail = async (id: string) => (await send('GET', `/${id}`)).json as Record<string, unknown>;
		const versions = async (id: string) =>
			(await send('GET', `/versions?id=${id}`)).json as { version: number; destroyed: boolean }[];
		const listed = async (query = '') =>
			((await send('GET', query)).json as { key: string; id: string }[]).map((one) => one.id);

		test('a deleted secret is absent until it is undeleted, with the same id', async () => {
			const id = await create(newKey());
			expect(await update(id)).toBe(200);
			expect(await remove(id)).toBe(200);
			expect(await listed()).not.toContain(id);
			expect(await listed('?deleted=true')).toContain(id);
			expect([await update(id), await remove(id)]).toEqual([404, 404]);
			expect(await detail(id)).toMatchObject({ state: 'deleted', deletedBy: 'user:alice', version: 2 });
			expect(await undelete(id)).toBe(200);
			expect(await listed()).toContain(id);
			expect(await listed('?deleted=true')).not.toContain(id);
			expect(await detail(id)).toMatchObject({ state: 'live', deletedAt: '', deletedBy: '', version: 2 });
			expect(await undelete(id)).toBe(409);
			expect(await update(id)).toBe(200);
		});

		test('the versions are listed with their times, also of a deleted secret', async () => {
			const id = await create(newKey());
			await update(id);
			await remove(id);
			const expected = { createdAt: expect.stringMatching(/^\d{4}-.*Z$/), destroyed: false };
			expect(await versions(id)).toEqual([
				{ ...expected, version: 1, deletedAt: '', current: false, by: 'user:alice' },
				{ ...expected, version: 2, deletedAt: expect.stringMatching(/Z$/), current: true, by: '' },
			]);
		});

		test('a secret that is created over a deleted one continues its numbers, and has none of its versions', async () => {
			const key = newKey();
			const old = await create(key);
			await update(old);
			await remove(old);
			const id = await create(key);
			expect(id).not.toBe(old);
			expect((await versions(id)).map(({ version }) => version)).toEqual([3]);
			expect(await restore(id, 2)).toBe(404);
			for (const outcome of [update(old), remove(old), undelete(old), restore(old, 1), destroy(old, key)])
				expect(await outcome).toBe(404);
			expect((await send('GET', `/versions?id=${old}`)).status).toBe(404);
			expect((await send('GET', `/${old}`)).status).toBe(404);
			expect(await detail(id)).toMatchObject({ state: 'live', version: 3 });
		});

		test('a destroyed secret leaves a tombstone: no value, no description, and its numbers go on', async () => {
			const key = newKey();
			const id = await create(key);
			await update(id);
			expect(await destroy(id, 'ANOTHER')).toBe(400);
			expect((await send('DELETE', '?destroy=true', { id }, admin)).status).toBe(400);
			expect((await send('DELETE', '', { id, confirm: key }, admin)).status).toBe(400);
			expect(await detail(id)).toMatchObject({ state: 'live' });
			expect(await destroy(id, key)).toBe(200);
			expect(await detail(id)).toMatchObject({ state: 'destroyed', deletedBy: 'user:root', description: '' });
			expect((await versions(id)).every(({ destroyed }) => destroyed)).toBe(true);
			expect([...(await listed()), ...(await listed('?deleted=true'))]).not.toContain(id);
			expect([await undelete(id), await restore(id, 1), await update(id)]).toEqual([409, 409, 404]);
			const next = await create(key);
			expect((await versions(next)).map(({ version }) => version)).toEqual([3]);
			expect(await undelete(id)).toBe(404);
		});

		test('a deleted secret can be destroyed, and not twice by mistake undone', async () => {
			const key = newKey();
			const id = await create(key);
			await remove(id);
			expect(await destroy(id, key)).toBe(200);
			expect(await undelete(id)).toBe(409);
		});

		test('an API key destroys nothing, whatever its scopes', async () => {
			const key = newKey();
			const id = await create(key);
			expect(await destroy(id, key, alice)).toBe(403);
			expect(await detail(id)).toMatchObject({ state: 'live' });
		});

		test('a destruction is audited as such', async () => {
			const key = newKey();
			const id = await create(key);
			await destroy(id, key);
			const action = path === '/api/secrets' ? 'secrets.destroy' : 'org.secrets.destroy';
			const lines = on.api.auditLines().filter((line) => line['key'] === key && line['action'] === action);
			expect(lines.map(({ phase, actor }) => [phase, actor])).toEqual([
				['intent', 'user:root'],
				['result', 'user:root'],
			]);
		});

		test('an old value is restored as a new version', async () => {
			const id = await create(newKey(), 'old');
			await update(id, 'new');
			const answer = await send('POST', '/restore', { id, version: 1 });
			expect(answer.json).toEqual({ status: 'restored', version: 3 });
			expect(await versions(id)).toHaveLength(3);
			if (on.bao !== undefined) {
				const place = path === '/api/secrets' ? 'deployments/shop/services/web/secrets' : 'orgs/acme/secrets';
				expect(await readVersion(`${place}/KEY_${counter}`, 3)).toEqual({ value: 'old' });
			}
			expect(await restore(id, 9)).toBe(404);
			await remove(id);
			expect(await restore(id, 1)).toBe(409);
		});

		test('nobody else reaches it', async () => {
			const key = newKey();
			const id = await create(key);
			const denied = path === '/api/secrets' ? 403 : 404;
			for (const [method, below, body] of [
				['GET', `/${id}`],
				['GET', `/versions?id=${id}`],
				['PUT', `/${id}`, { tags: [] }],
				['POST', '/undelete', { id }],
				['POST', '/restore', { id, version: 1 }],
			] as const)
				expect((await send(method, below, body, stranger)).status, `${method} ${below}`).toBe(denied);
		});

		describe('races', () => {
			test('two restores of one secret that expect the same version: one 200, one 409', async () => {
				for (let round = 0; round < 10; round += 1) {
					const id = await create(newKey());
					await update(id);
					const both = await Promise.all([restore(id, 1, 2), restore(id, 1, 2)]);
					expect(both.sort()).toEqual([200, 409]);
					expect(await versions(id)).toHaveLength(3);
				}
			});

			test('an update and a deletion: the secret ends deleted', async () => {
				for (let round = 0; round < 10; round += 1) {
					const id = await create(newKey());
					const [updated, deleted] = await Promise.all([update(id), remove(id)]);
					expect(deleted).toBe(200);
					expect([200, 404]).toContain(updated);
					expect(await detail(id)).toMatchObject({ state: 'deleted', version: updated === 200 ? 2 : 1 });
					// Whatever came first, nothing but the last version is deleted.
					expect(await undelete(id)).toBe(200);
				}
			});

			test('an undelete and a create: never both secrets, and no change of the new one by the old id', async () => {
				for (let round = 0; round < 10; round += 1) {
					const key = newKey();
					const old = await create(key);
					await remove(old);
					const place = path === '/api/secrets' ? { deploymentName: 'shop', serviceName: 'web' } : {};
					const [made, undeleted] = await Promise.all([
						send('POST', '', { key, value: 'second', ...place }),
						undelete(old),
					]);
					const outcome = `${made.status} ${undeleted}`;
					if (made.status === 409) {
						expect(outcome).toBe('409 200');
						expect(await detail(old)).toMatchObject({ state: 'live', version: 1 });
						continue;
					}
					expect([200, 404, 409], outcome).toContain(undeleted);
					const { id } = made.json as { id: string };
					expect(await detail(id)).toMatchObject({ state: 'live', version: 2 });
					expect([await update(old), await remove(old), await undelete(old)]).toEqual([404, 404, 404]);
					expect(await detail(id)).toMatchObject({ state: 'live', version: 2 });
				}
			});

			test('a destruction and a restore: no value survives', async () => {
				for (let round = 0; round < 10; round += 1) {
					const key = newKey();
					const id = await create(key);
					await update(id);
					const [destroyed, restored] = await Promise.all([destroy(id, key), restore(id, 1)]);
					expect(destroyed).toBe(200);
					expect([200, 404, 409]).toContain(restored);
					expect(await detail(id)).toMatchObject({ state: 'destroyed' });
					expect((await versions(id)).every((one) => one.destroyed)).toBe(true);
				}
			});

			test('deletions, undeletes and creates of many callers: at most one secret is there, by one id', async () => {
				const key = newKey();
				const ids = [await create(key)];
				const place = path === '/api/secrets' ? { deploymentName: 'shop', serviceName: 'web' } : {};
				const createAgain = async (): Promise<void> => {
					const made = await send('POST', '', { key, value: 'again', ...place });
					if (made.status === 201) ids.push((made.json as { id: string }).id);
				};
				const actions = [remove, undelete, createAgain];
				const act = (turn: number) => actions[turn % actions.length]?.(ids[turn % ids.length] ?? '');
				for (let turn = 0; turn < 60; turn += 6)
					await Promise.all(Array.from({ length: 6 }, (_, i) => act(turn + i)));
				expect(new Set(ids).size).toBe(ids.length);
				const there = ((await send('GET', '')).json as { key: string; id: string }[]).filter(
					(one) => one.key === key,
				);
				expect(there.length).toBeLessThanOrEqual(1);
				const reachable = await Promise.all(ids.map((id) => send('GET', `/${id}`)));
				expect(reachable.filter(({ status }) => status === 200).length).toBeLessThanOrEqual(1);
			});
		});
	});

	test('template secrets too are deleted and undeleted', async () => {
		const template = { name: 'base', services: [{ name: 'web', secrets: [{ key: 'TOKEN' }] }] };
		expect((await on.api.send('POST', '/api/templates', { as: alice, body: template })).status).toBe(201);
		const body = { key: 'TOKEN', value: 'v', deploymentName: 'template:base', serviceName: 'web' };
		const { id } = (await on.api.send('POST', '/api/secrets', { as: alice, body })).json as { id: string };
		const missing = async () =>
			((await on.api.send('GET', '/api/templates/base', { as: alice })).json as { missing: object[] })
				.missing;
		expect((await on.api.send('DELETE', '/api/secrets', { as: alice, body: { id } })).status).toBe(200);
		expect(await missing()).toHaveLength(1);
		expect((await on.api.send('POST', '/api/secrets/undelete', { as: alice, body: { id } })).status).toBe(
			200,
		);
		expect(await missing()).toHaveLength(0);
	});
});

test('a key takes only so many overwrites in an hour, creations over a deleted secret among them', async () => {
	let time = Date.now();
	const on = await STORES['memory']?.({
		callers: [alice],
		env: { ENVTIER_API_OVERWRITES_PER_HOUR: '3' },
		now: () => new Date(time),
	});
	if (on === undefined) throw new Error('no store');
	await using _ = on;
	const send = (method: string, path: string, body: object) => on.api.send(method, path, { as: alice, body });
	const made = await send('POST', '/api/secrets', { key: 'A', value: 'v' });
	const { id } = made.json as { id: string };
	for (let i = 0; i < 3; i += 1)
		expect((await send('PUT', '/api/secrets', { id, value: `v${i}` })).status).toBe(200);
	const refused = await send('PUT', '/api/secrets', { id, value: 'x' });
	expect(refused).toMatchObject({
		status: 429,
		json: { error: expect.stringContaining('overwritten 3 times within an hour') },
	});
	await send('DELETE', '/api/secrets', { id });
	expect((await send('POST', '/api/secrets', { key: 'A', value: 'v' })).status).toBe(429);
	expect((await send('POST', '/api/secrets', { key: 'B', value: 'v' })).status).toBe(201);
	time += 2 * 3_600_000;
	expect((await send('POST', '/api/secrets', { key: 'A', value: 'v' })).status).toBe(201);
});
