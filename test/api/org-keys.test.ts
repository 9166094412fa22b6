/** Admins list and revoke all API keys of their organization. */
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { SCOPES } from '../../api/auth/caller.ts';
import { indexKeys } from '../../api/auth/key-store.ts';
import { type Caller, caller } from './support/api.ts';
import { type OnStore, STORES } from './support/both.ts';
import { type Issuer, startIssuer } from './support/issuer.ts';
import { BACKENDS } from './support/stores.ts';

const PATH = '/api/org/keys';
const adminKey = caller('user:ada', { roles: ['org_admin'] });

interface Key {
	readonly id: string;
	readonly key: string;
	readonly owner: string;
	readonly name: string;
}

describe.each(Object.entries(STORES))('on %s', (_name, open) => {
	let on: OnStore;
	let issuer: Issuer;
	const send = (method: string, path: string, as: Caller | string, body?: object) =>
		on.api.send(method, path, { as, body });
	const session = (sub: string, org = 'acme', roles: readonly string[] = []) =>
		issuer.session({ sub, org, roles, scope: SCOPES.join(' ') });
	const make = async (sub: string, org = 'acme'): Promise<Key> => {
		const body = { name: `of ${sub}`, scopes: ['secrets:read'] };
		const made = await send('POST', '/api/keys', await session(sub, org), body);
		expect(made.status, made.text).toBe(201);
		return made.json as Key;
	};

	beforeAll(async () => {
		issuer = await startIssuer();
		const env = { ENVTIER_API_OIDC_ISSUER: issuer.url, ENVTIER_API_OIDC_CA: issuer.caPem };
		on = await open({ callers: [adminKey], env });
	});
	afterAll(async () => {
		await on?.[Symbol.asyncDispose]();
		await issuer?.[Symbol.asyncDispose]();
	});

	test('an admin sees the keys of everybody in the organization, and no other; never the keys themselves', async () => {
		const [bob, carol, gina] = [await make('bob'), await make('carol'), await make('gina', 'globex')];
		const listed = await send('GET', PATH, await session('ada', 'acme', ['org_admin']));
		const keys = listed.json as readonly Key[];
		expect(keys.map(({ owner, name }) => [owner, name]).sort()).toEqual([
			['user:bob', 'of bob'],
			['user:carol', 'of carol'],
		]);
		for (const { key } of [bob, carol]) expect(listed.text).not.toContain(key);
		expect(listed.text).not.toContain(gina.id);
		const own = await send('GET', PATH, await session('gerd', 'globex', ['org_owner']));
		expect((own.json as readonly Key[]).map(({ id }) => id)).toEqual([gina.id]);
	});

	test('a key that an admin revokes is refused from then on, and is in no list any more', async () => {
		const ada = await session('ada', 'acme', ['org_admin']);
		const dora = await make('dora');
		expect((await send('GET', '/api/whoami', dora.key)).status).toBe(200);
		expect((await send('DELETE', PATH, ada, { id: dora.id })).json).toEqual({ status: 'deleted' });
		expect((await send('GET', '/api/whoami', dora.key)).status).toBe(401);
		expect((await send('GET', PATH, ada)).text).not.toContain(dora.id);
		expect((await send('GET', '/api/keys', await session('dora'))).json).toEqual([]);
		const line = on.api.audit().findLast(({ action }) => action === 'org.keys.delete');
		expect(line).toMatchObject({ actor: 'user:ada', scope: `keys/${dora.id}`, result: 'done' });
	});

	test('a key of another organization, an unknown and a malformed id give one answer', async () => {
		const ada = await session('ada', 'acme', ['org_admin']);
		const gina = await make('gina-2', 'globex');
		const answers = await Promise.all(
			[gina.id, '0123456789abcdef', '../keys'].map((id) => send('DELETE', PATH, ada, { id })),
		);
		expect(new Set(answers.map(({ status }) => status))).toEqual(new Set([404]));
		expect(new Set(answers.map(({ text }) => text)).size).toBe(1);
		expect((await send('GET', '/api/whoami', gina.key)).status).toBe(200);
	});

	test('neither a member nor an API key of an admin may, so that a leaked key revokes nothing', async () => {
		const eve = await make('eve');
		for (const as of [await session('bob'), adminKey, eve.key]) {
			expect((await send('GET', PATH, as)).status).toBe(403);
			expect((await send('DELETE', PATH, as, { id: eve.id })).status).toBe(403);
		}
		// With a role in one of two organizations the session must be about that one.
		const claims = { sub: 'two', org: ['acme', 'globex'], roles: ['globex:org_admin'] };
		const two = await issuer.session({ ...claims, scope: SCOPES.join(' ') });
		const headers = { 'envtier-org': 'acme' };
		expect((await on.api.send('GET', PATH, { as: two, headers })).status).toBe(403);
		expect((await send('GET', '/api/whoami', eve.key)).status).toBe(200);
	});

	test('a key that its owner deletes leaves the list of the organization', async () => {
		const fred = await make('fred');
		const deleted = await send('DELETE', '/api/keys', await session('fred'), { id: fred.id });
		expect(deleted.status).toBe(200);
		const listed = await send('GET', PATH, await session('ada', 'acme', ['org_admin']));
		expect(listed.text).not.toContain(fred.id);
	});
});

describe.each(Object.entries(BACKENDS))('keys from before there was an index, on %s', (_name, open) => {
	test('are added to the index of their organization once', async () => {
		await using under = await open();
		const { store } = under;
		const earlier = async (id: string, org: string | null) => {
			await store.put(`registry/keys/${id}`, { marker: 'envtier' }, 0);
			await store.describe(`registry/keys/${id}`, {
				...{ hash: '0'.repeat(64), owner: 'user:olga', org, scopes: 'secrets:read', label: 'old' },
				...{ created_at: '2026-01-01T00:00:00.000Z', expires_at: '2027-01-01T00:00:00.000Z' },
			});
		};
		await earlier('00000000000000aa', 'acme');
		await earlier('00000000000000bb', 'globex');
		await earlier('00000000000000cc', null);
		expect(await indexKeys(store)).toBe(2);
		expect(await indexKeys(store)).toBe(0);
		expect(await store.list('registry/orgs/acme/keys')).toEqual(['00000000000000aa']);
		expect(await store.list('registry/orgs/globex/keys')).toEqual(['00000000000000bb']);
	});
});
