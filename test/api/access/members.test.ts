import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { addMember } from '../../../api/access/members.ts';
import { SCOPES } from '../../../api/auth/caller.ts';
import { caller } from '../support/api.ts';
import { type OnStore, STORES } from '../support/both.ts';
import { type Issuer, startIssuer } from '../support/issuer.ts';

const alice = caller('user:alice', { roles: [] });

describe.each(Object.entries(STORES))('members on %s', (_name, open) => {
	let on: OnStore;
	let issuer: Issuer;
	let counter = 0;

	beforeAll(async () => {
		issuer = await startIssuer();
		const env = { ENVTIER_API_OIDC_ISSUER: issuer.url, ENVTIER_API_OIDC_CA: issuer.caPem };
		on = await open({ callers: [alice], env });
	});
	afterAll(async () => {
		await on?.[Symbol.asyncDispose]();
		await issuer?.[Symbol.asyncDispose]();
	});

	const session = (sub: string, claims: object = {}) =>
		issuer.session({ sub, org: 'acme', scope: SCOPES.join(' '), ...claims });
	const send = (method: string, path: string, as: string, body?: object) =>
		on.api.send(method, path, { as, body });
	/** A deployment of alice's, and a session of hers. */
	const deployment = async () => {
		const name = `d${++counter}`;
		const as = await session('alice');
		const made = await send('POST', '/api/deployments', as, { name, org: 'acme' });
		expect(made.status, made.text).toBe(201);
		return { name, as, members: `/api/deployments/${name}/members`, at: `/api/deployments/${name}` };
	};
	const membersOf = async (path: string, as: string): Promise<Record<string, string>> => {
		const { json } = await send('GET', path, as);
		const { members } = json as { members: { member: string; role: string }[] };
		return Object.fromEntries(members.map(({ member, role }) => [member, role]));
	};

	test('nobody changes their own membership, under the subject or a group', async () => {
		const { members, as } = await deployment();
		const refused = await send('PUT', members, as, { member: 'user:alice', role: 'viewer' });
		expect(refused).toMatchObject({ status: 403, text: expect.stringContaining('their own membership') });
		const admin = await session('ada', { roles: ['org_admin'], groups: ['leads'] });
		expect((await send('POST', members, admin, { member: 'user:ada', role: 'manager' })).status).toBe(403);
		expect((await send('POST', members, admin, { member: 'group:leads', role: 'manager' })).status).toBe(403);
		expect((await send('POST', members, as, { member: 'group:leads', role: 'viewer' })).status).toBe(201);
		expect((await send('PUT', members, admin, { member: 'group:leads', role: 'manager' })).status).toBe(403);
		expect(await membersOf(members, as)).toEqual({ 'user:alice': 'manager', 'group:leads': 'viewer' });
	});

	test('the last manager cannot leave or be removed; others can leave', async () => {
		const { members, as } = await deployment();
		expect((await send('DELETE', members, as, { member: 'user:alice' })).status).toBe(409);
		await send('POST', members, as, { member: 'email:new@acme.example', role: 'manager' });
		// An invitation is no manager yet.
		expect((await send('DELETE', members, as, { member: 'user:alice' })).status).toBe(409);
		await send('POST', members, as, { member: 'user:vera', role: 'viewer' });
		const vera = await session('vera');
		expect((await send('DELETE', members, vera, { member: 'user:alice' })).status).toBe(403);
		expect((await send('DELETE', members, vera, { member: 'user:vera' })).status).toBe(200);
		expect((await send('GET', members, vera)).status).toBe(403);
		await send('POST', members, as, { member: 'user:bob', role: 'manager' });
		expect((await send('DELETE', members, as, { member: 'user:alice' })).status).toBe(200);
		expect((await send('GET', members, as)).status).toBe(403);
	});

	test('a group claim makes a member; a group of another name does not', async () => {
		const { members, as, at } = await deployment();
		await send('POST', members, as, { member: 'group:team one', role: 'developer' });
		const inGroup = await session('gil', { groups: ['other', 'team one'] });
		expect((await send('GET', at, inGroup)).json).toMatchObject({ role: 'developer' });
		const listed = (await send('GET', '/api/deployments', inGroup)).json as { name: string }[];
		expect(listed.map(({ name }) => name)).toContain(at.replace(/.*\//, ''));
		for (const groups of [['team'], 'team one', undefined, [['team one']]])
			expect((await send('GET', at, await session('gil', { groups }))).status).toBe(403);
	});

	test('an invitation binds to the subject whose e-mail address is verified, once', async () => {
		const { members, as, at, name } = await deployment();
		await send('POST', members, as, { member: 'email:Eve@Acme.example', role: 'developer' });
		const eve = { email: 'eve@acme.EXAMPLE', email_verified: true };
		const accept = async (sub: string, claims: object) =>
			(await send('POST', '/api/invitations', await session(sub, claims), { deployment: name })).status;
		expect(await accept('mallory', { email: 'eve@acme.example' })).toBe(403);
		expect(await accept('mallory', { email: 'eve@acme.example', email_verified: 'true' })).toBe(403);
		expect(await accept('mallory', { email: 'mallory@acme.example', email_verified: true })).toBe(403);
		// Not before it is accepted.
		expect((await send('GET', at, await session('eve', eve))).status).toBe(403);
		const invitations = (await send('GET', '/api/invitations', await session('eve', eve))).json;
		expect(invitations).toEqual([
			expect.objectContaining({ deployment: name, kind: 'member', role: 'developer' }),
		]);
		expect(await accept('eve', eve)).toBe(200);
		expect(await membersOf(members, as)).toEqual({ 'user:alice': 'manager', 'user:eve': 'developer' });
		// The address belongs to somebody else later.
		expect(await accept('later', eve)).toBe(403);
		expect((await send('GET', at, await session('later', eve))).status).toBe(403);
	});

	test('a role of a member follows the last change, and concurrent changes are all kept', async () => {
		const { members, as } = await deployment();
		const names = Array.from({ length: 12 }, (_, i) => `user:m${i}`);
		const added = await Promise.all(
			names.map((member) => send('POST', members, as, { member, role: 'viewer' })),
		);
		expect(added.map(({ status }) => status)).toEqual(names.map(() => 201));
		const changes = names.map((member, i) =>
			i % 2 === 0
				? send('PUT', members, as, { member, role: 'developer' })
				: send('DELETE', members, as, { member }),
		);
		await Promise.all(changes);
		const expected = names.flatMap((member, i) => (i % 2 === 0 ? [[member, 'developer']] : []));
		expect(await membersOf(members, as)).toEqual({
			'user:alice': 'manager',
			...Object.fromEntries(expected),
		});
	});

	test('two managers who remove each other at the same time: one stays', async () => {
		const { members, as } = await deployment();
		await send('POST', members, as, { member: 'user:bob', role: 'manager' });
		const bob = await session('bob');
		const both = await Promise.all([
			send('DELETE', members, as, { member: 'user:bob' }),
			send('DELETE', members, bob, { member: 'user:alice' }),
		]);
		expect(both.map(({ status }) => status).sort()).toEqual([200, 403]);
	});

	test.each([
		['a group of everybody', { member: 'kubernetes-group:system:authenticated', role: 'viewer' }],
		['a member without a kind', { member: 'bob', role: 'viewer' }],
		['no e-mail address', { member: 'email:bob', role: 'viewer' }],
		['a role of the organization', { member: 'user:bob', role: 'org_admin' }],
		['a line break', { member: 'user:bob\n', role: 'viewer' }],
		['a subject that is too long', { member: `user:${'x'.repeat(600)}`, role: 'viewer' }],
	])('%s is refused', async (_what, body) => {
		const { members, as } = await deployment();
		expect((await send('POST', members, as, body)).status).toBe(400);
	});

	describe('transfer', () => {
		test('nothing changes until the recipient accepts; then the recipient is owner and manager', async () => {
			const { at, as, members } = await deployment();
			expect((await send('POST', `${at}/transfer`, as, { to: 'user:bob' })).status).toBe(201);
			const bob = await session('bob');
			expect((await send('GET', at, bob)).status).toBe(403);
			expect((await send('PUT', `${at}/transfer`, as)).status).toBe(403);
			expect((await send('PUT', `${at}/transfer`, await session('eve'))).status).toBe(403);
			expect((await send('PUT', `${at}/transfer`, bob)).status).toBe(200);
			expect((await send('GET', at, bob)).json).toMatchObject({ owner: 'user:bob', role: 'manager' });
			expect(await membersOf(members, bob)).toEqual({ 'user:alice': 'manager', 'user:bob': 'manager' });
			expect((await send('PUT', `${at}/transfer`, bob)).status).toBe(403);
		});

		test('the recipient can decline, and a manager can withdraw', async () => {
			const { at, as } = await deployment();
			const bob = await session('bob');
			await send('POST', `${at}/transfer`, as, { to: 'user:bob' });
			expect((await send('DELETE', `${at}/transfer`, bob)).status).toBe(200);
			expect((await send('PUT', `${at}/transfer`, bob)).status).toBe(403);
			await send('POST', `${at}/transfer`, as, { to: 'user:bob' });
			expect((await send('DELETE', `${at}/transfer`, as)).status).toBe(200);
			expect((await send('PUT', `${at}/transfer`, bob)).status).toBe(403);
		});

		test('to another organization it needs admins of both, and ends the membership of all others', async () => {
			const { at, as, members } = await deployment();
			const offer = { to: 'user:gina', org: 'globex' };
			expect((await send('POST', `${at}/transfer`, as, offer)).status).toBe(403);
			const ada = await session('ada', { roles: ['org_admin'] });
			expect((await send('POST', `${at}/transfer`, ada, offer)).status).toBe(201);
			const gina = (roles: string[]) => session('gina', { org: 'globex', roles });
			expect((await send('PUT', `${at}/transfer`, await gina([]))).status).toBe(403);
			const admin = await gina(['org_admin']);
			expect((await send('PUT', `${at}/transfer`, admin)).status).toBe(200);
			expect((await send('GET', at, as)).status).toBe(403);
			expect((await send('GET', at, ada)).status).toBe(403);
			expect(await membersOf(members, admin)).toEqual({ 'user:gina': 'manager' });
			const ofGlobex = (await send('GET', '/api/deployments', admin)).json as { org: string }[];
			expect(ofGlobex).toContainEqual(expect.objectContaining({ org: 'globex', role: 'org_admin' }));
		});
	});
});

test('a deployment has at most 200 members and invitations', () => {
	const at = new Date('2026-01-01T00:00:00Z');
	const context = { caller: { subject: 'user:alice' }, at };
	const member = (i: number) => ({ member: `user:${i}`, role: 'viewer', by: 'user:alice', at: '' }) as const;
	const withMembers = (count: number) => ({
		...{ createdAt: '', org: 'acme', owner: 'user:alice' },
		members: Array.from({ length: count }, (_, i) => member(i)),
	});
	const add = (count: number) =>
		addMember(withMembers(count), { member: 'user:new', role: 'viewer' }, context);
	expect(add(199).ok).toBe(true);
	expect(add(200)).toMatchObject({
		ok: false,
		error: { status: 400, message: expect.stringContaining('200') },
	});
});
