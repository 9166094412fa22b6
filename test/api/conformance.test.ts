/** Every status that the OpenAPI document promises is produced by the running routes, for every operation. */
import { afterAll, beforeAll, expect, test } from 'vitest';
import { z } from 'zod';
import { SCOPES } from '../../api/auth/caller.ts';
import { OPERATIONS } from '../../api/routes/all.ts';
import { name } from '../../api/schemas/common.ts';
import { folderOf, userSegment } from '../../api/secrets/secret-location.ts';
import { openApiOf } from '../../api/server/openapi.ts';
import { journalId } from '../../api/typed/journal.ts';
import type { OpenBao } from '../support/openbao.ts';
import { must } from '../support/openbao-setup.ts';
import { scratch } from '../support/scratch.ts';
import { type ApiUnderTest, caller, type Sent, startApi } from './support/api.ts';
import { onVault } from './support/both.ts';
import { conformance } from './support/conformance.ts';
import { type Issuer, startIssuer } from './support/issuer.ts';

const alice = caller('user:alice');
const bob = caller('user:bob', { roles: [] });
const powerless = caller('user:carol', { scopes: [], roles: [], org: undefined });

let issuer: Issuer;
let session: string;
let usual: ApiUnderTest;
/** Another API, by what is wrong with it. */
let sealed: ApiUnderTest & { bao?: OpenBao };
let storeless: ApiUnderTest;
let strict: ApiUnderTest;
let besideReveal: ApiUnderTest;
let revealing: ApiUnderTest;
const all: ApiUnderTest[] = [];
const endings: (() => PromiseLike<void>)[] = [];

beforeAll(async () => {
	issuer = await startIssuer();
	endings.push(() => issuer[Symbol.asyncDispose]());
	const rights = { scope: SCOPES.join(' '), roles: ['org_admin', 'platform_admin'], org: 'acme' };
	session = await issuer.session({ sub: 'alice', ...rights });
	const callers = [alice, bob, powerless];
	const env = { ENVTIER_API_OIDC_ISSUER: issuer.url, ENVTIER_API_OIDC_CA: issuer.caPem };
	const started = async (extra: Record<string, string>, none = false) => {
		const settings = none ? { store: { kind: 'none' as const } } : {};
		const api = await startApi({ env: { ...env, ...extra }, callers, settings });
		endings.push(() => api[Symbol.asyncDispose]());
		all.push(api);
		return api;
	};
	const place = await scratch('conformance');
	endings.push(() => place[Symbol.asyncDispose]());
	const auditStore = { ENVTIER_API_AUDIT_STORE: `sqlite:${place.dir}/audit.db` };
	usual = await started({ ENVTIER_API_FAILED_LOGINS_PER_MINUTE: '100000', ...auditStore });
	storeless = await started({}, true);
	strict = await started({ ENVTIER_API_CALLS_PER_MINUTE: '1' });
	besideReveal = await started({ ENVTIER_API_REVEAL_URL: 'https://reveal.example' });
	const readVersion = () => Promise.resolve({ value: 'old' });
	revealing = await startApi({ callers, readVersion });
	endings.push(() => revealing[Symbol.asyncDispose]());
	all.push(revealing);
	const on = await onVault({ env, callers, readVersion });
	endings.push(() => on[Symbol.asyncDispose]());
	if (on.bao !== undefined) await changeWhileCreated(on.api, on.bao);
	await on.bao?.seal();
	sealed = on.api;
	all.push(sealed);
});
afterAll(async () => {
	for (const end of endings.reverse()) await end();
});

/** Deletes and describes a key that a creation of a typed secret has written and not yet described. */
async function changeWhileCreated(api: ApiUnderTest, bao: OpenBao): Promise<void> {
	const key = 'HALF_USERNAME';
	const places = [
		['/api/secrets', { kind: 'user', user: userSegment('user:alice') }],
		['/api/org/secrets', { kind: 'org', org: 'acme' }],
	] as const;
	for (const [path, location] of places) {
		const folder = folderOf(location);
		const journal = {
			...{ kind: 'create', attempt: 'a', requestId: 'r', startedAt: new Date().toISOString(), request: '' },
			paths: [{ path: `${folder}/${key}`, version: 1, before: '' }],
		};
		const stored = { data: { journal: JSON.stringify(journal) } };
		const id = journalId({ location, type: 'userpass', name: 'HALF' });
		await must(bao, 'POST', `secret/data/templates/_typed/${id}`, { body: stored });
		await changeHalf(path, folder);
	}

	async function changeHalf(path: string, folder: string): Promise<void> {
		await must(bao, 'POST', `secret/data/${folder}/${key}`, { body: { data: { value: 'half' } } });
		const listed = await api.send('GET', path, { as: alice });
		const id = (listed.json as { id: string; key: string }[]).find((one) => one.key === key)?.id;
		expect((await api.send('DELETE', path, { as: alice, body: { id } })).status).toBe(409);
		expect((await api.send('PUT', `${path}/${id}`, { as: alice, body: { tags: ['a'] } })).status).toBe(409);
	}
}

const LINE = {
	...{ time: '2026-05-04T10:00:00Z', phase: 'result', actor: 'user:alice', via: 'session' },
	...{ action: 'secrets.create', eventId: 'e1', scope: 'orgs/acme/secrets', key: 'A', requestId: 'r' },
	...{ ip: '192.0.2.1', replica: 'pod/1', sequence: 1, result: 'done', status: 201 },
};
/** A body with which an operation gets as far as its store. */
const BODIES: Record<string, object | undefined> = {
	'secrets.create': { key: 'A', value: 'v' },
	'secrets.update': { id: 's1_', value: 'v' },
	'secrets.delete': { id: 's1_' },
	'secrets.undelete': { id: 's1_' },
	'secrets.restore': { id: 's1_', version: 1 },
	'secrets.describe': { tags: ['a'] },
	'org.secrets.create': { key: 'A', value: 'v' },
	'org.secrets.update': { id: 's1_', value: 'v' },
	'org.secrets.delete': { id: 's1_' },
	'org.secrets.undelete': { id: 's1_' },
	'org.secrets.restore': { id: 's1_', version: 1 },
	'org.secrets.describe': { tags: ['a'] },
	'templates.create': { name: 'base', services: [] },
	'templates.update': { name: 'base', services: [] },
	'templates.share': { shared: true },
	'templates.delete': { name: 'base' },
	'deployments.create': { name: 'shop', org: 'acme' },
	'deployments.delete': { confirm: 'shop' },
	'members.add': { member: 'user:carol', role: 'viewer' },
	'members.update': { member: 'user:carol', role: 'viewer' },
	'members.remove': { member: 'user:carol' },
	'deployments.transfer': { to: 'user:carol' },
	'invitations.accept': { deployment: 'shop' },
	'keys.create': { name: 'ci', scopes: ['secrets:read'] },
	'keys.delete': { id: '0123456789abcdef' },
	'org.keys.delete': { id: '0123456789abcdef' },
	'audit.load': { lines: [LINE] },
	'changes.save': {
		deployment: 'shop',
		changes: [{ change: 'create', tier: 'deployment', key: 'A', value: 'v' }],
	},
};

/** A query with which an operation gets as far as its store. */
const QUERIES: Record<string, (secretId: string) => string> = {
	'audit.list': () => '?deployment=shop',
	'secrets.versions': (id) => `?id=${id}`,
	'org.secrets.versions': (id) => `?id=${id}`,
	'effective.get': () => '?deployment=shop',
	'difference.get': () => '?deployment=shop&with=store',
};

test('what may happen to every operation', { timeout: 300_000 }, async () => {
	// An id that leads to a secret of alice's and of her organization, valid wherever nothing can be looked up.
	const own = await usual.send('POST', '/api/secrets', { as: alice, body: { key: 'OWN', value: 'v' } });
	const org = await usual.send('POST', '/api/org/secrets', { as: alice, body: { key: 'OURS', value: 'v' } });
	const idFor = (operation: string): object => {
		if (!/secrets\.(update|delete|undelete|restore)$/.test(operation)) return {};
		return { id: idOf(operation) };
	};
	const idOf = (operation: string): string =>
		((operation.startsWith('org') ? org : own).json as { id: string }).id;
	for (const { id, method, path: template, body: takesBody, never = [] } of OPERATIONS) {
		const name = /secrets\.(get|describe)$/.test(id) ? idOf(id) : 'shop';
		const path = template.replace('{name}', name) + (QUERIES[id]?.(idOf(id)) ?? '');
		const body = takesBody === undefined ? undefined : { ...BODIES[id], ...idFor(id) };
		const expectStatus = async (api: ApiUnderTest, status: number, sent: Sent, at = path) => {
			const answer = await api.send(method.toUpperCase(), at, sent);
			expect(answer.status, `${id}: ${answer.text}`).toBe(status);
			expect((answer.json as { error: string }).error).toMatch(/^[^{}]{10,}$/);
			return answer;
		};
		await expectStatus(usual, 401, { body });
		await expectStatus(usual, 401, { as: 'envtier_0123456789abcdef_nonsense', body });
		await expectStatus(usual, 403, { as: session, body, headers: { 'envtier-org': 'globex' } });
		await expectStatus(usual, 400, { as: session, body, headers: { 'envtier-org': '../x' } });
		await expectStatus(storeless, 503, { as: session, body });
		// Whatever happens first: the second call is one too many.
		await strict.send(method.toUpperCase(), path, { as: session, body });
		const limited = await expectStatus(strict, 429, { as: session, body });
		expect(Number(limited.headers['retry-after'])).toBeGreaterThan(0);
		if (!never.includes(500)) await expectStatus(sealed, 500, { as: session, body });
		if (takesBody === undefined) {
			await expectStatus(usual, 400, { as: session }, `${path}${path.includes('?') ? '&' : '?'}unknown=1`);
			continue;
		}
		await expectStatus(usual, 400, { as: session, body: '{"key":' });
		await expectStatus(usual, 400, { as: session, body: '[]' });
		await expectStatus(usual, 400, { as: session, body: { ...body, unknown: 1 } });
		await expectStatus(usual, 415, { as: session, body: 'a=b', headers: { 'content-type': 'text/plain' } });
		await expectStatus(usual, 413, { as: session, body: { ...body, x: 'x'.repeat(1024 * 1024) } });
	}
});

type Send = (status: number, method: string, path: string, sent: Sent) => Promise<Record<string, string>>;

/** The operations on members and transfers. */
async function members(send: Send): Promise<void> {
	const path = '/api/deployments/store/members';
	const erin = (role: string) => ({ member: 'user:erin', role });
	await send(200, 'GET', path, { as: alice });
	await send(403, 'GET', path, { as: bob });
	await send(201, 'POST', path, { as: session, body: { member: 'user:olga', role: 'manager' } });
	const manager = await issuer.session({ sub: 'olga', org: 'acme', scope: SCOPES.join(' ') });
	await send(201, 'POST', path, { as: manager, body: erin('viewer') });
	await send(409, 'POST', path, { as: manager, body: erin('viewer') });
	await send(403, 'POST', path, { as: bob, body: erin('viewer') });
	await send(200, 'PUT', path, { as: manager, body: erin('developer') });
	await send(403, 'PUT', path, { as: bob, body: erin('viewer') });
	await send(404, 'PUT', path, { as: manager, body: { member: 'user:none', role: 'viewer' } });
	await send(200, 'DELETE', path, { as: manager, body: { member: 'user:alice' } });
	await send(403, 'DELETE', path, { as: bob, body: { member: 'user:alice' } });
	await send(404, 'DELETE', path, { as: manager, body: { member: 'user:alice' } });
	await send(409, 'DELETE', path, { as: manager, body: { member: 'user:olga' } });
	await send(409, 'PUT', path, { as: session, body: { member: 'user:olga', role: 'viewer' } });
	await send(201, 'POST', path, { as: manager, body: { member: 'email:eve@acme.example', role: 'viewer' } });
	const eve = { sub: 'eve', org: 'acme', scope: SCOPES.join(' '), email: 'eve@acme.example' };
	const invited = await issuer.session({ ...eve, email_verified: true });
	await send(200, 'GET', '/api/invitations', { as: invited });
	await send(200, 'POST', '/api/invitations', { as: invited, body: { deployment: 'store' } });
	await send(403, 'POST', '/api/invitations', { as: invited, body: { deployment: 'store' } });
	const transfer = '/api/deployments/store/transfer';
	await send(201, 'POST', transfer, { as: manager, body: { to: 'user:alice' } });
	await send(403, 'POST', transfer, { as: bob, body: { to: 'user:bob' } });
	await send(403, 'PUT', transfer, { as: bob });
	await send(403, 'DELETE', transfer, { as: bob });
	await send(200, 'DELETE', transfer, { as: manager });
	await send(404, 'DELETE', transfer, { as: manager });
	await send(201, 'POST', transfer, { as: manager, body: { to: 'user:alice' } });
	await send(200, 'PUT', transfer, { as: session });
	await membersBesideReveal();
	await send(201, 'POST', '/api/deployments', { as: alice, body: { name: 'brief', org: 'acme' } });
	await send(403, 'DELETE', '/api/deployments/brief', { as: bob, body: { confirm: 'brief' } });
	await send(200, 'DELETE', '/api/deployments/brief', { as: alice, body: { confirm: 'brief' } });
}

/** The Reveal program changes members where it is installed. */
async function membersBesideReveal(): Promise<void> {
	for (const [method, path, body] of [
		['POST', '/api/deployments/store/members', { member: 'user:carol', role: 'viewer' }],
		['PUT', '/api/deployments/store/members', { member: 'user:carol', role: 'viewer' }],
		['DELETE', '/api/deployments/store/members', { member: 'user:carol' }],
		['POST', '/api/deployments/store/transfer', { to: 'user:carol' }],
		['PUT', '/api/deployments/store/transfer', undefined],
		['DELETE', '/api/deployments/store/transfer', undefined],
		['POST', '/api/invitations', { deployment: 'store' }],
		['POST', '/api/deployments', { name: 'other', org: 'acme' }],
	] as const) {
		const answer = await besideReveal.send(method, path, { as: session, body });
		expect(answer, `${method} ${path}`).toMatchObject({
			status: 409,
			text: expect.stringContaining('https://reveal.example'),
		});
	}
}

test('what each operation is for, and what it refuses', async () => {
	const send: Send = async (status, method, path, sent) => {
		const answer = await usual.send(method, path, sent);
		expect(answer.status, `${method} ${path}: ${answer.text}`).toBe(status);
		return answer.json as Record<string, string>;
	};
	const deployment = { name: 'store', org: 'acme' };
	await send(201, 'POST', '/api/deployments', { as: alice, body: deployment });
	await send(409, 'POST', '/api/deployments', { as: bob, body: deployment });
	await send(200, 'GET', '/api/deployments', { as: alice });
	await send(200, 'GET', '/api/deployments/store', { as: alice });
	await send(403, 'GET', '/api/deployments/store', { as: bob });
	await members(send);
	for (const [path, extra] of [
		['/api/secrets', { deploymentName: 'store' }],
		['/api/org/secrets', {}],
	] as const) {
		const body = { key: 'K', value: 'v', ...extra };
		const { id } = await send(201, 'POST', path, { as: alice, body });
		await send(409, 'POST', path, { as: alice, body });
		await send(200, 'GET', path, { as: alice });
		for (const [method, at, sent] of [
			['GET', path],
			['GET', `${path}/${id}`],
			['PUT', `${path}/${id}`, { tags: ['a'] }],
			['GET', `${path}/versions?id=${id}`],
			['POST', `${path}/undelete`, { id }],
			['POST', `${path}/restore`, { id, version: 1 }],
		] as const)
			await send(403, method, at, { as: powerless, body: sent });
		await send(200, 'PUT', path, { as: alice, body: { id, value: 'w' } });
		await send(200, 'PUT', `${path}/${id}`, { as: alice, body: { tags: ['a'] } });
		await send(200, 'GET', `${path}/${id}`, { as: alice });
		await send(200, 'GET', `${path}/versions?id=${id}`, { as: alice });
		await send(200, 'GET', `${path}?page=`, { as: alice });
		await send(409, 'POST', `${path}/undelete`, { as: alice, body: { id } });
		await send(503, 'POST', `${path}/restore`, { as: alice, body: { id, version: 1 } });
		await send(200, 'DELETE', path, { as: alice, body: { id } });
		await send(404, 'PUT', path, { as: alice, body: { id, value: 'w' } });
		const typed = { type: 'ssh', name: 'GIT', ...extra };
		const made = (await send(201, 'POST', path, { as: alice, body: typed })) as unknown as {
			secrets: readonly { id: string }[];
		};
		await send(409, 'PUT', path, { as: alice, body: { id: made.secrets[0]?.id, value: 'w' } });
		await send(404, 'DELETE', path, { as: alice, body: { id } });
		await send(404, 'PUT', `${path}/${id}`, { as: alice, body: { tags: ['a'] } });
		await send(200, 'POST', `${path}/undelete`, { as: alice, body: { id } });
		for (const [method, at, body] of [
			['GET', `${path}/s1_x`],
			['GET', `${path}/versions?id=s1_x`],
			['POST', `${path}/undelete`, { id: 's1_x' }],
			['POST', `${path}/restore`, { id: 's1_x', version: 1 }],
		] as const)
			await send(404, method, at, { as: alice, body });
	}
	await send(200, 'GET', '/api/effective?deployment=store', { as: alice });
	await send(403, 'GET', '/api/effective?deployment=store', { as: bob });
	await send(200, 'GET', '/api/difference?deployment=store&with=store', { as: alice });
	await send(403, 'GET', '/api/difference?deployment=store&with=none', { as: alice });
	// With values readable, as in the Reveal program.
	for (const path of ['/api/secrets', '/api/org/secrets']) {
		const body = { key: 'RESTORED', value: 'old' };
		const reveal = async (status: number, method: string, at: string, sent: object) => {
			const answer = await revealing.send(method, at, { as: alice, body: sent });
			expect(answer.status, `${method} ${at}: ${answer.text}`).toBe(status);
			return answer.json as Record<string, string>;
		};
		const { id } = await reveal(201, 'POST', path, body);
		await reveal(200, 'PUT', path, { id, value: 'new' });
		await reveal(200, 'POST', `${path}/restore`, { id, version: 1, expected: 2 });
		await reveal(409, 'POST', `${path}/restore`, { id, version: 1, expected: 2 });
	}
	await send(200, 'GET', '/api/deployments/store/grid', { as: alice });
	await send(403, 'GET', '/api/deployments/store/grid', { as: bob });
	await send(200, 'GET', '/api/deployments/store/summary', { as: alice });
	await send(403, 'GET', '/api/deployments/store/summary', { as: bob });
	const changes = [{ change: 'create', tier: 'deployment', key: 'SAVED', value: 'v' }];
	await send(403, 'POST', '/api/changes', { as: bob, body: { deployment: 'store', changes } });
	await send(200, 'POST', '/api/changes', { as: alice, body: { deployment: 'store', changes } });
	await send(409, 'POST', '/api/changes', { as: alice, body: { deployment: 'store', changes } });
	const strange = [{ change: 'delete', id: 's1_x', version: 1 }];
	await send(404, 'POST', '/api/changes', { as: alice, body: { deployment: 'store', changes: strange } });
	const template = { name: 'fresh', services: [] };
	await send(201, 'POST', '/api/templates', { as: alice, body: template });
	await send(409, 'POST', '/api/templates', { as: alice, body: template });
	await send(200, 'GET', '/api/templates', { as: alice });
	await send(200, 'GET', '/api/templates/fresh', { as: alice });
	await send(200, 'PUT', '/api/templates', { as: alice, body: template });
	await send(403, 'PUT', '/api/templates', { as: bob, body: template });
	await send(200, 'PUT', '/api/templates/fresh', { as: alice, body: { shared: true } });
	await send(403, 'PUT', '/api/templates/fresh', { as: bob, body: { shared: true } });
	await send(200, 'DELETE', '/api/templates', { as: alice, body: { name: 'fresh' } });
	await send(201, 'POST', '/api/keys', { as: session, body: { name: 'ci', scopes: ['secrets:read'] } });
	const keys = (await send(200, 'GET', '/api/keys', { as: session })) as unknown as { id: string }[];
	await send(200, 'DELETE', '/api/keys', { as: session, body: { id: keys[0]?.id } });
	await send(404, 'DELETE', '/api/keys', { as: session, body: { id: keys[0]?.id } });
	await send(201, 'POST', '/api/keys', { as: session, body: { name: 'ci', scopes: ['secrets:read'] } });
	const ofOrg = (await send(200, 'GET', '/api/org/keys', { as: session })) as unknown as { id: string }[];
	await send(200, 'DELETE', '/api/org/keys', { as: session, body: { id: ofOrg[0]?.id } });
	await send(404, 'DELETE', '/api/org/keys', { as: session, body: { id: ofOrg[0]?.id } });
	await send(200, 'GET', '/api/whoami', { as: powerless });
	await send(403, 'GET', '/api/audit?deployment=store', { as: bob });
	await send(200, 'GET', '/api/audit?deployment=store', { as: session });
	await send(403, 'GET', '/api/audit?deployment=none', { as: session });
	await send(200, 'GET', '/api/audit', { as: session });
	await send(200, 'POST', '/api/audit', { as: session, body: { lines: [LINE] } });
});

// The last one: it looks back at the others.
test('the tests produced every documented response', () => {
	const produced = new Set(all.flatMap((api) => [...api.seen.produced()]));
	expect(usual.seen.promised().filter((promise) => !produced.has(promise))).toEqual([]);
	expect(usual.seen.promised().length).toBeGreaterThan(100);
});

test('the document that is served is the one that answers were checked against', async () => {
	const served = await usual.send('GET', '/openapi.json');
	expect(served.json).toEqual(JSON.parse(JSON.stringify(openApiOf(OPERATIONS, 'test'))));
	expect(served.json).toMatchObject({ openapi: '3.1.0' });
});

test('the check itself notices an undocumented status and a body of another shape', () => {
	const check = conformance(openApiOf(OPERATIONS, 'test'));
	const answer = { headers: {}, text: '', json: { status: 'updated' } };
	check.check('PUT', '/api/secrets', { ...answer, status: 200 });
	expect(() => check.check('PUT', '/api/secrets', { ...answer, status: 418 })).toThrow('not documented');
	const wrong = { ...answer, status: 200, json: { status: 'updated', value: 'x' } };
	expect(() => check.check('PUT', '/api/secrets', wrong)).toThrow('additional properties');
});

test('a method that a path does not list is answered as the document says: 405, with the methods in Allow', async () => {
	const document = openApiOf(OPERATIONS, 'test');
	const { paths, components } = document as {
		paths: Record<string, object>;
		components: { responses: Record<string, { description: string }> };
	};
	expect(components.responses['MethodNotAllowed']?.description).toMatch(/^405/);
	for (const [path, operations] of Object.entries(paths)) {
		const { status, headers, json } = await usual.send('PATCH', path.replace('{name}', 'base'), {
			as: alice,
		});
		expect([path, status]).toEqual([path, 405]);
		const methods = Object.keys(operations).map((method) => method.toUpperCase());
		expect(String(headers['allow']).split(', ').sort(), path).toEqual(methods.sort());
		expect(json).toEqual({ error: expect.stringContaining('this path takes') });
	}
});

test.each(['a..b', '-a', 'a-', 'A', '.a', 'a.', 'a.-b', '', 'a_b'])(
	'the document’s pattern for names refuses "%s", as the routes do',
	(bad) => {
		const { pattern } = z.toJSONSchema(name);
		expect(pattern).toBeDefined();
		expect(new RegExp(pattern ?? '').test(bad)).toBe(false);
		expect(new RegExp(pattern ?? '').test('shop.example-1')).toBe(true);
	},
);
