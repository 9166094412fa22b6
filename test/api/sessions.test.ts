import { generateKeyPair, SignJWT, UnsecuredJWT } from 'jose';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { until } from '../support/until.ts';
import { type ApiUnderTest, startApi } from './support/api.ts';
import { type Issuer, startIssuer } from './support/issuer.ts';

let issuer: Issuer;
let api: ApiUnderTest;
const ENV = () => ({
	ENVTIER_API_OIDC_ISSUER: issuer.url,
	ENVTIER_API_OIDC_CA: issuer.caPem,
	ENVTIER_API_OIDC_ROLES_CLAIM: 'realm_access.roles',
	ENVTIER_API_FAILED_LOGINS_PER_MINUTE: '1000',
});
beforeAll(async () => {
	issuer = await startIssuer();
	api = await startApi({ env: ENV() });
});
afterAll(async () => {
	await api?.[Symbol.asyncDispose]();
	await issuer?.[Symbol.asyncDispose]();
});

const GOOD = {
	sub: 'alice',
	org: 'acme',
	realm_access: { roles: ['viewer', 'org_owner'] },
	scope: 'openid secrets:read secrets:write',
};
const list = async (token: string, path = '/api/secrets') =>
	(await api.send('GET', path, { as: token })).status;

test('a session of the issuer is let in, with its organization, roles and scopes', async () => {
	const token = await issuer.session(GOOD);
	expect(await list(token)).toBe(200);
	expect(await list(token, '/api/org/secrets')).toBe(200);
	const body = { key: 'A', value: 'v' };
	expect((await api.send('POST', '/api/secrets', { as: token, body })).status).toBe(201);
	expect(api.audit().at(-1)).toMatchObject({ actor: 'user:alice', via: 'session', action: 'secrets.create' });
});

test('a session without a claim does not have its right', async () => {
	expect(await list(await issuer.session({ ...GOOD, scope: 'openid' }))).toBe(403);
	const plain = await issuer.session({ ...GOOD, realm_access: { roles: ['viewer'] } });
	expect(await list(plain, '/api/org/secrets')).toBe(403);
	const nowhere = await issuer.session({ ...GOOD, org: undefined });
	expect(await list(nowhere, '/api/org/secrets')).toBe(403);
	// A list of texts does as well as one text.
	expect(await list(await issuer.session({ ...GOOD, scope: ['secrets:read'] }))).toBe(200);
});

test('an organization that is no name is none: it could lead out of its folder', async () => {
	const token = await issuer.session({ ...GOOD, org: '../deployments/shop' });
	expect(await list(token, '/api/org/secrets')).toBe(403);
});

test.each<[string, unknown]>([
	['a list', ['acme', 'globex', '../deployments/shop']],
	['an object', { acme: { id: '1' }, globex: {}, '../deployments/shop': {} }],
])('of several organizations, %s in the claim, the header chooses one', async (_form, org) => {
	const token = await issuer.session({ ...GOOD, org });
	const inOrg = (name: string | undefined) =>
		api.send('GET', '/api/org/secrets', {
			as: token,
			headers: name === undefined ? {} : { 'envtier-org': name },
		});
	const body = { key: `OF_${typeof org}_${Array.isArray(org)}`, value: 'v' };
	const headers = { 'envtier-org': 'globex' };
	expect((await api.send('POST', '/api/org/secrets', { as: token, body, headers })).status).toBe(201);
	expect((await inOrg('globex')).text).toContain(body.key);
	expect((await inOrg('acme')).text).not.toContain(body.key);
	expect(await inOrg('initech')).toMatchObject({
		status: 403,
		json: { error: expect.stringContaining('initech') },
	});
	expect((await inOrg('../deployments/shop')).status).toBe(400);
	expect(await inOrg(undefined)).toMatchObject({
		status: 403,
		json: { error: expect.stringContaining('name one with the header Envtier-Org') },
	});
	// What needs no organization needs no header.
	expect(await list(token)).toBe(200);
	const create = (name: string, where: object) =>
		api.send('POST', '/api/deployments', { as: token, body: { name, org: 'globex' }, headers: { ...where } });
	const name = body.key.toLowerCase().replaceAll('_', '-');
	expect((await create(name, { 'envtier-org': 'acme' })).status).toBe(403);
	expect((await create(name, {})).status).toBe(403);
	expect((await create(name, headers)).status).toBe(201);
});

test('a session of one organization need not name it, and may name no other', async () => {
	const token = await issuer.session({ ...GOOD, org: ['acme'] });
	expect(await list(token, '/api/org/secrets')).toBe(200);
	const headers = { 'envtier-org': 'globex' };
	expect((await api.send('GET', '/api/secrets', { as: token, headers })).status).toBe(403);
});

test('a role that names its organization holds there alone', async () => {
	const realm_access = { roles: ['acme:org_admin', 'globex:viewer'] };
	const token = await issuer.session({ ...GOOD, org: ['acme', 'globex'], realm_access });
	const inOrg = async (name: string) =>
		(await api.send('GET', '/api/org/secrets', { as: token, headers: { 'envtier-org': name } })).status;
	expect([await inOrg('acme'), await inOrg('globex')]).toEqual([200, 403]);
	const nowhere = await issuer.session({
		...GOOD,
		org: undefined,
		realm_access: { roles: ['undefined:org_admin'] },
	});
	expect(await list(nowhere, '/api/org/secrets')).toBe(403);
});

const now = () => Math.floor(Date.now() / 1000);
test.each<[string, () => Promise<string>]>([
	['for another audience', () => issuer.session({ ...GOOD, aud: 'other' })],
	['for no audience', () => issuer.session({ ...GOOD, aud: undefined })],
	['of another issuer', () => issuer.session({ ...GOOD, iss: 'https://other.example' })],
	['that has expired', () => issuer.session({ ...GOOD, exp: now() - 60 })],
	['that does not expire', () => issuer.session({ ...GOOD, exp: undefined })],
	['that holds only later', () => issuer.session({ ...GOOD, nbf: now() + 600 })],
	['of nobody', () => issuer.session({ ...GOOD, sub: undefined })],
	['whose subject is not printable', () => issuer.session({ ...GOOD, sub: 'a\nb' })],
	[
		'signed by someone else under the name of the issuer’s key',
		async () => {
			const { privateKey } = await generateKeyPair('ES256');
			return new SignJWT({ ...GOOD, iss: issuer.url, aud: 'envtier-api', exp: now() + 300 })
				.setProtectedHeader({ alg: 'ES256', kid: 'one' })
				.sign(privateKey);
		},
	],
	[
		'signed with a shared secret',
		() =>
			new SignJWT({ ...GOOD, iss: issuer.url, aud: 'envtier-api', exp: now() + 300 })
				.setProtectedHeader({ alg: 'HS256', kid: 'one' })
				.sign(new TextEncoder().encode('a secret that the issuer does not know')),
	],
	[
		'not signed at all',
		() =>
			Promise.resolve(
				new UnsecuredJWT({ ...GOOD })
					.setIssuer(issuer.url)
					.setAudience('envtier-api')
					.setExpirationTime('5m')
					.encode(),
			),
	],
	['that is no JWT', () => Promise.resolve('abc')],
])('a session %s is a 401', async (_what, make) => {
	expect(await list(await make())).toBe(401);
});

test('the key set is not fetched for every call, and a new key of the issuer is noticed', async () => {
	// An API of its own, whose fetches are counted from the first one.
	await using other = await startApi({ env: ENV() });
	const before = issuer.fetches();
	for (let i = 0; i < 20; i += 1)
		expect((await other.send('GET', '/api/secrets', { as: await issuer.session(GOOD) })).status).toBe(200);
	expect(issuer.fetches()).toBe(before + 1);
	await issuer.rotate();
	const rotated = await issuer.session(GOOD);
	await until(
		'a session signed with the new key to be let in',
		async () => (await other.send('GET', '/api/secrets', { as: rotated })).status === 200,
	);
	expect(issuer.fetches()).toBe(before + 2);
});

test('while the issuer is away its sessions are a 503, not a 401; afterwards they are let in', async () => {
	await using other = await startApi({ env: ENV() });
	const token = await issuer.session(GOOD);
	issuer.setBroken(true);
	expect((await other.send('GET', '/api/secrets', { as: token })).status).toBe(503);
	issuer.setBroken(false);
	expect((await other.send('GET', '/api/secrets', { as: token })).status).toBe(200);
});

test('an issuer whose certificate comes from another CA is not believed', async () => {
	const env: Record<string, string> = { ...ENV() };
	delete env['ENVTIER_API_OIDC_CA'];
	await using other = await startApi({ env });
	expect((await other.send('GET', '/api/secrets', { as: await issuer.session(GOOD) })).status).toBe(503);
});

test('a session makes API keys within its own rights, which act for it until they are deleted', async () => {
	const session = await issuer.session(GOOD);
	const make = (body: object, as = session) => api.send('POST', '/api/keys', { as, body });
	const made = await make({ name: 'ci', scopes: ['secrets:read'], expiresInDays: 1 });
	expect(made.status).toBe(201);
	const { key, id } = made.json as { key: string; id: string };
	expect(await list(key)).toBe(200);
	expect((await api.send('POST', '/api/secrets', { as: key, body: { key: 'B', value: 'v' } })).status).toBe(
		403,
	);
	expect(await list(key, '/api/org/secrets')).toBe(403);
	// A key makes no keys.
	expect((await make({ name: 'more', scopes: ['secrets:read'] }, key)).status).toBe(403);
	const weak = await issuer.session({ ...GOOD, scope: 'secrets:read', realm_access: {} });
	expect((await make({ name: 'x', scopes: ['secrets:write'] }, weak)).status).toBe(403);
	expect((await make({ name: 'x', scopes: ['secrets:read'], roles: ['org_admin'] }, weak)).status).toBe(403);
	const listed = await api.send('GET', '/api/keys', { as: session });
	expect(listed.json).toMatchObject([{ id, name: 'ci', scopes: ['secrets:read'] }]);
	expect(listed.text).not.toContain(key);
	const other = await issuer.session({ ...GOOD, sub: 'bob' });
	expect((await api.send('DELETE', '/api/keys', { as: other, body: { id } })).status).toBe(404);
	expect((await api.send('DELETE', '/api/keys', { as: session, body: { id } })).status).toBe(200);
	expect(await list(key)).toBe(401);
});

test('a key expires at its time', async () => {
	let offset = 0;
	await using other = await startApi({ env: ENV(), now: () => new Date(Date.now() + offset) });
	const body = { name: 'short', scopes: ['secrets:read'], expiresInDays: 1 };
	const made = await other.send('POST', '/api/keys', { as: await issuer.session(GOOD), body });
	const { key } = made.json as { key: string };
	expect((await other.send('GET', '/api/secrets', { as: key })).status).toBe(200);
	offset = 86_400_000;
	expect((await other.send('GET', '/api/secrets', { as: key })).status).toBe(401);
});

test('a key with roles of an organization lasts at most 90 days', async () => {
	const admin = await issuer.session({ ...GOOD, sub: 'ada', realm_access: { roles: ['org_admin'] } });
	const make = async (expiresInDays: number, roles: string[]) => {
		const body = { name: 'x', scopes: ['secrets:read'], roles, expiresInDays };
		return (await api.send('POST', '/api/keys', { as: admin, body })).status;
	};
	expect(await make(91, ['org_admin'])).toBe(400);
	expect(await make(90, ['org_admin'])).toBe(201);
	expect(await make(91, [])).toBe(201);
});
