/** Who may read the audit store, and what happens while it is away. On both databases. */
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { SCOPES } from '../../../api/auth/caller.ts';
import { call } from '../../support/http.ts';
import { scratch } from '../../support/scratch.ts';
import { until } from '../../support/until.ts';
import { type ApiUnderTest, type Caller, caller, startApi } from '../support/api.ts';
import { startIssuer } from '../support/issuer.ts';
import { startApiProcess } from '../support/process.ts';
import { AUDIT_DATABASES, type AuditDatabaseUnderTest, startAuditPostgres } from './databases.ts';

const scopes = ['secrets:read', 'secrets:write', 'audit'] as const;
const owner = caller('user:owner', { scopes, roles: [] });
const admin = caller('user:admin', { scopes });
const stranger = caller('user:stranger', { scopes, roles: [] });
const otherAdmin = caller('user:other-admin', { scopes, org: 'globex' });
const old = caller('user:old-key', { roles: ['org_admin'], scopes: ['secrets:read', 'secrets:write'] });
const platform = caller('user:platform', { scopes, roles: ['platform_admin'], org: undefined });
const callers = [owner, admin, stranger, otherAdmin, old, platform];

type Entry = Readonly<Record<string, unknown>>;
const withoutMark = ({ type: _, ...line }: Entry): Entry => line;
const read = async (api: ApiUnderTest, as: Caller, query: string): Promise<readonly Entry[]> => {
	const answer = await api.send('GET', `/api/audit${query}`, { as });
	expect(answer.status, answer.text).toBe(200);
	return (answer.json as { entries: Entry[] }).entries;
};
const makeDeployment = async (api: ApiUnderTest, name: string): Promise<void> => {
	const made = await api.send('POST', '/api/deployments', { as: owner, body: { name, org: 'acme' } });
	expect(made.status).toBe(201);
};
const makeSecret = (api: ApiUnderTest, deploymentName: string, key: string) =>
	api.send('POST', '/api/secrets', { as: owner, body: { key, value: 'canary-value', deploymentName } });

describe.each(Object.entries(AUDIT_DATABASES))('on %s', (_name, start) => {
	let database: AuditDatabaseUnderTest;
	let api: ApiUnderTest;
	beforeAll(async () => {
		database = await start();
		api = await startApi({ callers, env: { ENVTIER_API_AUDIT_STORE: database.address } });
		await makeDeployment(api, 'shop');
		for (const key of ['A', 'B', 'C']) expect((await makeSecret(api, 'shop', key)).status).toBe(201);
		await api.send('GET', '/api/secrets?deployment=shop', { as: stranger });
		await api.send('POST', '/api/org/secrets', { as: admin, body: { key: 'O', value: 'canary-value' } });
	});
	afterAll(async () => {
		await api?.[Symbol.asyncDispose]();
		await database?.[Symbol.asyncDispose]();
	});

	test('the entries of a deployment are what the log has, attempts of others included', async () => {
		const stored = await until('all lines', async () => {
			const entries = await read(api, owner, '?deployment=shop&limit=1000');
			return entries.some(({ actor }) => actor === 'user:stranger') ? entries : undefined;
		});
		const creates = stored.filter(({ action }) => action === 'secrets.create');
		expect(creates.map(({ phase, key }) => `${String(phase)} ${String(key)}`)).toEqual(
			['A', 'B', 'C'].flatMap((key) => [`intent ${key}`, `result ${key}`]),
		);
		const logged = api.auditLines().map(withoutMark);
		for (const entry of stored) expect(logged).toContainEqual(entry);
		expect(stored).toContainEqual(
			expect.objectContaining({ actor: 'user:stranger', result: 'refused', status: 403 }),
		);
		expect(JSON.stringify(stored)).not.toContain('canary-value');
	});

	test.each<[string, Caller, string, number]>([
		['the owner of a deployment reads its entries', owner, '?deployment=shop', 200],
		['an administrator of its organization, too', admin, '?deployment=shop', 200],
		['somebody else does not', stranger, '?deployment=shop', 403],
		['an administrator of another organization does not', otherAdmin, '?deployment=shop', 403],
		['a deployment that does not exist is refused alike', stranger, '?deployment=none', 403],
		['a key without the scope does not, whatever its role', old, '?deployment=shop', 403],
		['an administrator reads the organization', admin, '', 200],
		['somebody without a role does not', owner, '', 403],
		['an administrator does not read everything', admin, '?all=true', 403],
		['the platform does', platform, '?all=true', 200],
		['a platform administrator reads no deployment by that', platform, '?deployment=shop', 403],
		['no page is too large', owner, '?deployment=shop&limit=1001', 400],
		['no page is empty', owner, '?deployment=shop&limit=0', 400],
		['no range is too long', owner, '?deployment=shop&since=2001-01-01T00:00:00Z', 400],
		['a range is not backwards', owner, '?deployment=shop&since=2100-01-01T00:00:00Z', 400],
		['a time has a zone', owner, '?deployment=shop&since=2026-01-01T00:00:00', 400],
		['an order is one of two', owner, '?deployment=shop&order=random', 400],
		['a key is not empty', owner, '?deployment=shop&key=', 400],
		['a page is one of ours', owner, '?deployment=shop&page=WzEsMiwzXQ', 400],
		['a filter is not SQL', owner, "?deployment=shop' or 1=1 --", 400],
	])('%s', async (_sentence, as, query, status) => {
		const answer = await api.send('GET', `/api/audit${encodeURI(query)}`, { as });
		expect(answer.status, answer.text).toBe(status);
	});

	test('the newest entries of one key come first, and its first ones last', async () => {
		const entries = await until('both lines', async () => {
			const found = await read(api, owner, '?deployment=shop&key=B&order=newest');
			return found.length === 2 ? found : undefined;
		});
		expect(entries.map(({ phase, key }) => `${String(phase)} ${String(key)}`)).toEqual([
			'result B',
			'intent B',
		]);
	});

	test('an organization sees what its people did and what was done to it, and nothing of others', async () => {
		await api.send('GET', '/api/org/secrets', { as: otherAdmin });
		const ours = await until('the entry', async () => {
			const entries = await read(api, admin, '?limit=1000');
			return entries.some(({ scope }) => scope === 'orgs/acme/secrets') ? entries : undefined;
		});
		expect(new Set(ours.map(({ org }) => org))).toEqual(new Set(['acme']));
		const theirs = await until('their entry', async () => {
			const entries = await read(api, otherAdmin, '?limit=1000');
			return entries.length > 0 ? entries : undefined;
		});
		expect(new Set(theirs.map(({ org }) => org))).toEqual(new Set(['globex']));
	});

	test('pages hold every entry once, and a reader is an entry itself', async () => {
		const all = await read(api, owner, '?deployment=shop&limit=1000');
		const last = all.at(-1)?.['time'];
		let query = `?deployment=shop&limit=2&until=${String(last)}`;
		const seen: unknown[] = [];
		for (;;) {
			const answer = await api.send('GET', `/api/audit${query}`, { as: owner });
			const { entries, next } = answer.json as { entries: Entry[]; next?: string };
			seen.push(...entries);
			if (next === undefined) break;
			query = `${query.replace(/&page=.*$/, '')}&page=${next}`;
		}
		expect(seen).toEqual(all.filter(({ time }) => String(time) < String(last)));
		await until('its own entry', async () =>
			(await read(api, owner, '?deployment=shop&action=audit.list')).some(({ phase }) => phase === 'result'),
		);
	});

	test('a later deployment of the same name does not show what was before it', async () => {
		const lines = [line({ scope: 'deployments/late/secrets', sequence: 900, time: '2026-05-20T10:00:00Z' })];
		expect((await api.send('POST', '/api/audit', { as: platform, body: { lines } })).status).toBe(200);
		await makeDeployment(api, 'late');
		const entries = await read(
			api,
			owner,
			'?deployment=late&limit=1000&since=2026-01-01T00:00:00Z&until=2026-12-31T00:00:00Z',
		);
		expect(entries.map(({ actor }) => actor)).not.toContain('user:alice');
	});

	test('a load stores each line once, says who loaded it, and replaces nothing', async () => {
		const lines = [line({ sequence: 1, key: 'ONE' }), line({ sequence: 2, key: 'TWO' })];
		const load = async (body: object, as = platform) => await api.send('POST', '/api/audit', { as, body });
		expect((await load({ lines })).json).toEqual({ loaded: 2, present: 0 });
		expect((await load({ lines })).json).toEqual({ loaded: 0, present: 2 });
		const forged = lines.map((one) => ({ ...one, actor: 'user:somebody-else' }));
		expect((await load({ lines: forged })).json).toEqual({ loaded: 0, present: 2 });
		const query = '?all=true&since=2026-05-04T00:00:00Z&until=2026-05-05T00:00:00Z';
		expect(await read(api, platform, query)).toMatchObject(
			lines.map((one) => ({ ...one, loadedBy: 'user:platform' })),
		);
		expect((await load({ lines }, admin)).status).toBe(403);
		expect((await load({ lines: Array.from({ length: 501 }, () => lines[0]) })).status).toBe(400);
		expect((await load({ lines: [{ ...lines[0], value: 'x' }] })).status).toBe(400);
	});
});

function line(fields: Entry): Entry {
	return {
		...{ time: '2026-05-04T10:00:00.000Z', phase: 'result', actor: 'user:alice', via: 'session' },
		...{ action: 'secrets.create', eventId: 'e', scope: 'users/1/secrets', key: 'A', requestId: 'r' },
		...{ ip: '192.0.2.1', replica: 'pod/loaded', result: 'done', status: 201 },
		...fields,
	};
}

describe('while PostgreSQL is away', () => {
	let database: AuditDatabaseUnderTest;
	beforeAll(async () => {
		database = await startAuditPostgres();
	});
	afterAll(() => database?.[Symbol.asyncDispose]());

	test('changes go on, queries and loads answer 503, and what waits is stored later, each once, in order', async () => {
		const env = { ENVTIER_API_AUDIT_STORE: database.address };
		await using api = await startApi({ callers, env });
		await makeDeployment(api, 'shop');
		await until('the first lines', async () => (await read(api, owner, '?deployment=shop')).length >= 2);
		await database.postgres?.kill();
		for (let i = 0; i < 30; i += 1) expect((await makeSecret(api, 'shop', `K${i}`)).status).toBe(201);
		const query = await api.send('GET', '/api/audit?deployment=shop', { as: owner });
		expect(query.status).toBe(503);
		expect(query.text).not.toContain('postgres');
		const body = { lines: [line({ sequence: 1 })] };
		await until('the outage to be noticed', () => api.output().includes('the audit store is away'));
		expect((await api.send('POST', '/api/audit', { as: platform, body })).status).toBe(503);
		expect(await (await fetch(`${api.url}/metrics`)).text()).toMatch(/audit_lines_waiting [1-9]/);
		await database.postgres?.start();
		const entries = await until('what waited', async () => {
			const all = await read(api, owner, '?deployment=shop&limit=1000');
			return all.some(({ phase, key }) => phase === 'result' && key === 'K29') ? all : undefined;
		});
		const logged = api.auditLines().filter(({ scope }) => String(scope).startsWith('deployments/shop'));
		const until29 = logged.filter(({ action }) => action !== 'audit.list').map(withoutMark);
		// The creation's own intent line is before the deployment's creation time or at it.
		expect(entries.filter(({ action }) => action !== 'audit.list')).toEqual(
			until29.slice(until29.length - entries.filter(({ action }) => action !== 'audit.list').length),
		);
		expect(new Set(entries.map(({ sequence }) => sequence)).size).toBe(entries.length);
		expect(entries.filter(({ key }) => /^K/.test(String(key)))).toHaveLength(60);
		// Without a result, no call of that time is lost: its line waited.
		expect(entries).toContainEqual(expect.objectContaining({ action: 'audit.list', status: 503 }));
	});

	test('the entries of a killed replica survive; what only its log has is loaded, each once', async () => {
		await using place = await scratch('audit-killed');
		const file = join(place.dir, 'audit.log');
		const env = {
			...{ ENVTIER_API_STORE: 'memory', ENVTIER_API_AUDIT_FILE: file },
			ENVTIER_API_AUDIT_STORE: database.address,
		};
		await using killed = await startApiProcess(env, callers);
		const send = (method: string, path: string, as: Caller, body?: object) =>
			call({
				...{ url: `${killed.url}${path}`, method, body, caPem: killed.authority.certPem },
				headers: { authorization: `Bearer ${as.key}` },
			});
		await send('POST', '/api/deployments', owner, { name: 'dying', org: 'acme' });
		const stored = () =>
			database.postgres?.sql("select sequence from audit_entries where deployment = 'dying'", 'audit');
		await until('the first lines', async () => ((await stored())?.length ?? 0) > 0);
		await database.postgres?.kill();
		const body = { key: 'LAST', value: 'v', deploymentName: 'dying' };
		expect((await send('POST', '/api/secrets', owner, body)).status).toBe(201);
		killed.process.signal('SIGKILL');
		await killed.process.exited;
		await database.postgres?.start();
		const logged = (await readFile(file, 'utf8'))
			.split('\n')
			.filter((text) => text !== '')
			.map((text) => JSON.parse(text) as Entry);
		await using next = await startApi({ callers, env: { ENVTIER_API_AUDIT_STORE: database.address } });
		const lines = logged.map(withoutMark);
		const load = async () => (await next.send('POST', '/api/audit', { as: platform, body: { lines } })).json;
		const first = (await load()) as { loaded: number; present: number };
		// The line of the result may be missing: the process was killed right after its answer.
		expect(lines).toContainEqual(expect.objectContaining({ phase: 'intent', key: 'LAST' }));
		expect(first.loaded).toBeGreaterThanOrEqual(1);
		expect(first.present).toBeGreaterThan(0);
		expect(await load()).toEqual({ loaded: 0, present: logged.length });
		const replica = logged[0]?.['replica'];
		const entries = (await read(next, platform, '?all=true&limit=1000')).filter(
			(entry) => entry['replica'] === replica,
		);
		expect(entries.map(({ loadedBy: _, ...entry }) => entry)).toEqual(lines);
	});

	test('members do not change without an entry: 503, and nothing happens', async () => {
		await using issuer = await startIssuer();
		const env = {
			...{ ENVTIER_API_AUDIT_STORE: database.address, ENVTIER_API_OIDC_CA: issuer.caPem },
			ENVTIER_API_OIDC_ISSUER: issuer.url,
		};
		await using api = await startApi({ env });
		const as = await issuer.session({ sub: 'alice', org: 'acme', scope: SCOPES.join(' ') });
		const body = { name: 'guarded', org: 'acme' };
		expect((await api.send('POST', '/api/deployments', { as, body })).status).toBe(201);
		const path = '/api/deployments/guarded/members';
		const add = async (member: string) =>
			await api.send('POST', path, { as, body: { member, role: 'developer' } });
		expect((await add('user:bob')).status).toBe(201);
		await database.postgres?.kill();
		const refused = await add('user:eve');
		expect([refused.status, refused.text]).toEqual([503, expect.stringContaining('audit store')]);
		expect((await api.send('DELETE', path, { as, body: { member: 'user:bob' } })).status).toBe(503);
		await database.postgres?.start();
		await until('the store to be back', async () => (await add('user:carol')).status === 201);
		const { members } = (await api.send('GET', path, { as })).json as { members: { member: string }[] };
		expect(members.map(({ member }) => member).sort()).toEqual(['user:alice', 'user:bob', 'user:carol']);
	});

	test('a process that ends by SIGTERM has stored its last lines', async () => {
		const env = { ENVTIER_API_STORE: 'memory', ENVTIER_API_AUDIT_STORE: database.address };
		await using api = await startApiProcess(env, callers);
		const answer = await call({
			...{ url: `${api.url}/api/whoami`, method: 'GET', caPem: api.authority.certPem },
			headers: { authorization: `Bearer ${owner.key}`, 'x-request-id': 'the-last-one' },
		});
		expect(answer.status).toBe(200);
		await api.process.stop(15_000);
		const rows = await database.postgres?.sql(
			"select phase from audit_entries where request_id = 'the-last-one' order by sequence",
			'audit',
		);
		expect(rows).toEqual([{ phase: 'intent' }, { phase: 'result' }]);
	});

	test('the tasks of the tables’ owner run from the command line', async () => {
		const { bundleOf } = await import('../../support/bundles.ts');
		const { runProcess } = await import('../../support/process.ts');
		const run = async (...args: string[]) =>
			await runProcess({
				...{ command: process.execPath, args: [await bundleOf('api'), ...args] },
				env: { ENVTIER_API_AUDIT_STORE: database.ownerAddress, ENVTIER_API_STORE: 'memory' },
			});
		expect(await run('--migrate-audit', '--grant-to', 'envtier_api')).toMatchObject({
			...{ code: 0, stdout: 'the tables of the audit store are up to date\n' },
		});
		expect(await run('--purge-audit')).toMatchObject({ code: 0, stdout: '0 lines were purged\n' });
		expect((await run('--erase-email', 'user:none')).stdout).toBe('0 e-mail addresses were erased\n');
		const runTime = await runProcess({
			...{ command: process.execPath, args: [await bundleOf('api'), '--purge-audit'] },
			env: { ENVTIER_API_AUDIT_STORE: database.address, ENVTIER_API_STORE: 'memory' },
		});
		expect(runTime).toMatchObject({ code: 1, stderr: expect.stringContaining('permission denied') });
	});
});

test.each<[string, string]>([
	['another scheme', 'mysql://u:canary-pw@h/d'],
	['a path that is not absolute', 'sqlite:audit.db'],
	['no database', 'postgres://u:canary-pw@h'],
	['no user', 'postgres://h/d'],
	['an option, such as one that switches TLS off', 'postgres://u:canary-pw@h/d?sslmode=disable'],
])('an address with %s is refused without being repeated', async (_what, address) => {
	await expect(startApi({ env: { ENVTIER_API_AUDIT_STORE: address } })).rejects.toThrow(
		/^ENVTIER_API_AUDIT_STORE must be sqlite:(?!.*canary-pw)/,
	);
});
