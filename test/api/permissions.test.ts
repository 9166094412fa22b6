/** Each cell of scope × role × operation, for keys and for sessions. */
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { ApiScope, CallerRole } from '../../api/auth/caller.ts';
import { OPERATIONS } from '../../api/routes/all.ts';
import { type ApiUnderTest, caller, startApi } from './support/api.ts';
import { type Issuer, startIssuer } from './support/issuer.ts';

const READ = 'secrets:read';
const WRITE = 'secrets:write';
const DELETE = 'secrets:delete';
const AUDIT = 'audit';
const ABSENT = { id: 's1_none' };
const MEMBER = { member: 'user:bob', role: 'viewer' };
const KEY = { key: 'A', value: 'v' };
const LINE = {
	...{ time: '2026-05-04T10:00:00Z', phase: 'result', actor: 'user:alice', via: 'session' },
	...{ action: 'secrets.create', eventId: 'e1', scope: 'orgs/acme/secrets', key: 'A', requestId: 'r' },
	...{ ip: '192.0.2.1', replica: 'pod/1', sequence: 1, result: 'done', status: 201 },
};
const TEMPLATE = { name: 'base', services: [] };
const CHANGES = { deployment: 'none', changes: [{ change: 'create', tier: 'deployment', ...KEY }] };

/** What each operation needs, and a body for it. */
const NEEDS: Readonly<
	Record<
		string,
		{
			scope?: ApiScope;
			besides?: 'role' | 'platform-role' | 'session' | 'person' | 'person-with-role';
			body?: object;
			query?: string;
		}
	>
> = {
	'secrets.list': { scope: READ },
	'secrets.create': { scope: WRITE, body: KEY },
	'secrets.update': { scope: WRITE, body: { ...ABSENT, value: 'v' } },
	'secrets.delete': { scope: DELETE, body: ABSENT },
	'secrets.versions': { scope: READ, query: '?id=s1_none' },
	'secrets.undelete': { scope: WRITE, body: ABSENT },
	'secrets.restore': { scope: WRITE, body: { ...ABSENT, version: 1 } },
	'secrets.get': { scope: READ },
	'secrets.describe': { scope: WRITE, body: { tags: ['a'] } },
	'org.secrets.list': { scope: READ, besides: 'role' },
	'org.secrets.create': { scope: WRITE, besides: 'role', body: KEY },
	'org.secrets.update': { scope: WRITE, besides: 'role', body: { ...ABSENT, value: 'v' } },
	'org.secrets.delete': { scope: DELETE, besides: 'role', body: ABSENT },
	'org.secrets.versions': { scope: READ, besides: 'role', query: '?id=s1_none' },
	'org.secrets.undelete': { scope: WRITE, besides: 'role', body: ABSENT },
	'org.secrets.restore': { scope: WRITE, besides: 'role', body: { ...ABSENT, version: 1 } },
	'org.secrets.get': { scope: READ, besides: 'role' },
	'org.secrets.describe': { scope: WRITE, besides: 'role', body: { tags: ['a'] } },
	'templates.list': { scope: READ },
	'templates.get': { scope: READ },
	'templates.create': { scope: WRITE, body: TEMPLATE },
	'templates.update': { scope: WRITE, body: TEMPLATE },
	'templates.share': { scope: WRITE, body: { shared: true } },
	'templates.delete': { scope: DELETE, body: { name: 'none' } },
	'deployments.list': { scope: READ },
	'deployments.get': { scope: READ },
	'deployments.create': { scope: WRITE, body: { name: 'shop', org: 'acme' } },
	'deployments.delete': { scope: DELETE, body: { confirm: 'none' } },
	'members.list': { scope: READ },
	'members.add': { scope: WRITE, besides: 'person', body: MEMBER },
	'members.update': { scope: WRITE, besides: 'person', body: MEMBER },
	'members.remove': { scope: WRITE, besides: 'person', body: { member: MEMBER.member } },
	'deployments.transfer': { scope: WRITE, besides: 'person', body: { to: 'user:bob' } },
	'deployments.acceptTransfer': { scope: WRITE, besides: 'person' },
	'deployments.endTransfer': { scope: WRITE, besides: 'person' },
	'invitations.list': { scope: READ },
	'invitations.accept': { scope: WRITE, besides: 'session', body: { deployment: 'none' } },
	'audit.list': { scope: AUDIT, besides: 'role' },
	'audit.load': { scope: AUDIT, besides: 'platform-role', body: { lines: [LINE] } },
	'whoami.get': {},
	'effective.get': { scope: READ, query: '?deployment=none' },
	'difference.get': { scope: READ, query: '?deployment=none&with=none' },
	'grid.get': { scope: READ },
	'grid.summary': { scope: READ },
	'changes.save': { scope: WRITE, body: CHANGES },
	'keys.list': { scope: READ, besides: 'session' },
	'keys.create': { scope: WRITE, besides: 'session', body: { name: 'k', scopes: [WRITE] } },
	'keys.delete': { scope: WRITE, besides: 'session', body: { id: '0'.repeat(16) } },
	'org.keys.list': { scope: READ, besides: 'person-with-role' },
	'org.keys.delete': { scope: WRITE, besides: 'person-with-role', body: { id: '0'.repeat(16) } },
};
const SCOPES: readonly (readonly ApiScope[])[] = [[], [READ], [WRITE], [READ, WRITE], [DELETE], [AUDIT]];
const ROLES: readonly (readonly CallerRole[])[] = [
	[],
	['org_admin'],
	['org_owner'],
	['org_owner', 'org_admin'],
];
const KINDS = ['api-key', 'session'] as const;

/** One caller for each combination of kind, scopes and roles. */
const callers = SCOPES.flatMap((scopes) =>
	ROLES.map((roles) => ({ scopes, roles, key: caller('user:alice', { scopes, roles }) })),
);
const cells = callers.flatMap((who) =>
	KINDS.flatMap((kind) =>
		Object.entries(NEEDS).map(([id, needs]) => {
			const allowed =
				(needs.scope === undefined || who.scopes.includes(needs.scope)) &&
				needs.besides !== 'platform-role' &&
				(needs.besides !== 'role' || who.roles.length > 0) &&
				(needs.besides !== 'session' || kind === 'session') &&
				(needs.besides !== 'person' || kind === 'session') &&
				(needs.besides !== 'person-with-role' || (kind === 'session' && who.roles.length > 0));
			return { ...who, ...needs, id, kind, allowed };
		}),
	),
);

let issuer: Issuer;
let api: ApiUnderTest;
beforeAll(async () => {
	issuer = await startIssuer();
	const env = { ENVTIER_API_OIDC_ISSUER: issuer.url, ENVTIER_API_OIDC_CA: issuer.caPem };
	api = await startApi({ callers: callers.map(({ key }) => key), env });
});
afterAll(async () => {
	await api?.[Symbol.asyncDispose]();
	await issuer?.[Symbol.asyncDispose]();
});

test('the table has a row for each operation', () => {
	expect(Object.keys(NEEDS).sort()).toEqual(OPERATIONS.map(({ id }) => id).sort());
});

describe.each(KINDS)('by %s', (kind) => {
	test.each(Object.keys(NEEDS))('%s: each combination of scopes and roles', async (operation) => {
		const described = OPERATIONS.find(({ id }) => id === operation);
		const path = described?.path.replace('{name}', 'none') ?? '';
		const row = cells.filter((cell) => cell.id === operation && cell.kind === kind);
		expect(row).toHaveLength(24);
		for (const { scopes, roles, key, body, query = '', allowed } of row) {
			const claims = { sub: 'alice', org: 'acme', roles, scope: scopes.join(' ') };
			const as = kind === 'session' ? await issuer.session(claims) : key;
			const answer = await api.send(described?.method.toUpperCase() ?? '', path + query, { as, body });
			const cell = `scopes [${scopes.join()}], roles [${roles.join()}]: ${answer.status} ${answer.text}`;
			const lacks = answer.status === 403 && answer.text.includes('this needs the ');
			expect(lacks, cell).toBe(!allowed);
			expect([200, 201, 403, 404, 409, 503], cell).toContain(answer.status);
		}
	});
});

test('a key that may only read changes no secret of its organization, whatever its roles', async () => {
	const reader = callers.find(({ scopes, roles }) => scopes.join() === READ && roles.length === 2)?.key;
	const before = await api.send('GET', '/api/org/secrets', { as: reader });
	expect(before.status).toBe(200);
	const body = { key: 'PLANTED', value: 'v' };
	const refused = await api.send('POST', '/api/org/secrets', { as: reader, body });
	expect(refused).toMatchObject({ status: 403, json: { error: expect.stringContaining(WRITE) } });
	expect((await api.send('GET', '/api/org/secrets', { as: reader })).json).toEqual(before.json);
});
