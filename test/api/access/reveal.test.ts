/** The Reveal program beside the secrets API, on a real OpenBao, each with its shipped policy alone. */
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { DeploymentOperation } from '../../../api/access/operations.ts';
import { openStrictAudit } from '../../../api/audit/file.ts';
import { AuditStoreFailure } from '../../../api/audit/store/store.ts';
import { journalId } from '../../../api/typed/journal.ts';
import { must, putSecret } from '../../support/openbao-setup.ts';
import { until } from '../../support/until.ts';
import { startWithReveal, type WithReveal } from '../support/reveal.ts';
import { ATTEMPTS, type Attempt, cellOf, TABLE_ROLES } from '../support/role-table.ts';

const CANARY = 'canary-reveal-7d1f\u0007\u202e';
const KEY = 'TOKEN';
const PATH = 'secret/data/deployments/shop/secrets/TOKEN';
/** How long an elevation lasts. 900 is the shipped value: the test of its end then takes 15 minutes. */
const SECONDS = Number(process.env['ENVTIER_TEST_ELEVATION_SECONDS'] ?? 3);

/** In ms. The wall clock of Vault and the steady one of the test may differ by a thousandth. */
const DRIFT = SECONDS;

let on: WithReveal;
/** Responses of a program that needs approvals. */
const strictlySeen = new Set<string>();
let owner: { api: string; reveal: string };
const ask = { deployment: 'shop', key: KEY, reason: 'incident 42' };

beforeAll(async () => {
	on = await startWithReveal({ ENVTIER_API_ELEVATION_SECONDS: String(SECONDS) });
	owner = await on.session('olga');
	const named = { name: 'shop', org: 'acme' };
	await expectStatus(409, on.api.send('POST', '/api/deployments', { as: owner.api, body: named }));
	await expectStatus(201, on.reveal.send('POST', '/api/access', { as: owner.reveal, body: named }));
	await expectStatus(409, on.reveal.send('POST', '/api/access', { as: owner.reveal, body: named }));
	await expectStatus(201, on.api.send('POST', '/api/deployments', { as: owner.api, body: named }));
	const secret = { key: KEY, value: CANARY, deploymentName: 'shop' };
	await expectStatus(201, on.api.send('POST', '/api/secrets', { as: owner.api, body: secret }));
	const ofOrg = { key: 'LICENSE', value: CANARY };
	const ada = await on.session('ada', { roles: ['org_admin'] });
	await expectStatus(201, on.api.send('POST', '/api/org/secrets', { as: ada.api, body: ofOrg }));
	for (const role of ['viewer', 'developer']) await addMember(`user:${role}`, role);
});
afterAll(() => on?.[Symbol.asyncDispose]());

type Answer = Awaited<ReturnType<WithReveal['reveal']['send']>>;
async function expectStatus(status: number, sent: Promise<Answer>): Promise<Answer> {
	const answer = await sent;
	expect(answer.status, answer.text).toBe(status);
	return answer;
}
const members = '/api/deployments/shop/members';
const addMember = (member: string, role: string) =>
	expectStatus(201, on.reveal.send('POST', members, { as: owner.reveal, body: { member, role } }));
const reveal = (as: string, body: object = ask) => on.reveal.send('POST', '/api/reveal', { as, body });
const elevate = (as: string, body: object = { deployment: 'shop', reason: 'incident 42' }) =>
	on.reveal.send('POST', '/api/elevations', { as, body });
const as = async (sub: string, claims: object = {}) => (await on.session(sub, claims)).reveal;

describe('who sees a value', () => {
	test('developers and managers do; viewers and outsiders do not', async () => {
		const shown = await expectStatus(200, reveal(await as('developer')));
		expect(shown.json).toEqual({ key: KEY, value: CANARY, version: 1, elevation: '' });
		expect(shown.headers['cache-control']).toBe('no-store');
		await expectStatus(200, reveal(owner.reveal));
		const refused = await expectStatus(403, reveal(await as('viewer')));
		const absent = await expectStatus(403, reveal(await as('viewer'), { ...ask, deployment: 'none' }));
		expect(refused.text).toBe(absent.text);
		await expectStatus(403, reveal(await as('outsider')));
		await expectStatus(404, reveal(owner.reveal, { ...ask, key: 'NONE' }));
	});

	test('half a typed secret is told with the value, also while its creation has not finished', async () => {
		const body = { type: 'userpass', name: 'DB', fields: { username: 'shop' }, deploymentName: 'shop' };
		await expectStatus(201, on.api.send('POST', '/api/secrets', { as: owner.api, body }));
		const told = async (key: string) => {
			const shown = await expectStatus(200, reveal(owner.reveal, { ...ask, key }));
			return (shown.json as { incomplete?: object }).incomplete;
		};
		expect(await told('DB_USERNAME')).toBeUndefined();
		await putSecret(on.bao, 'deployments/shop/secrets/DB_PASSWORD', 'by other means');
		for (const key of ['DB_USERNAME', 'DB_PASSWORD']) expect(await told(key)).toEqual({ written: 1, of: 2 });
		// What a process leaves that is killed after its first write.
		const location = { kind: 'deployment', deployment: 'shop' } as const;
		const id = journalId({ location, type: 'userpass', name: 'NEW' });
		const paths = ['USERNAME', 'PASSWORD'].map((suffix) => ({
			...{ path: `deployments/shop/secrets/NEW_${suffix}`, version: 1, before: '' },
		}));
		const journal = { kind: 'create', attempt: 'a', requestId: 'r', request: '', paths };
		const startedAt = new Date().toISOString();
		const stored = { journal: JSON.stringify({ ...journal, startedAt }) };
		await must(on.bao, 'POST', `secret/data/templates/_typed/${id}`, { body: { data: stored } });
		await putSecret(on.bao, 'deployments/shop/secrets/NEW_USERNAME', 'half');
		expect(await told('NEW_USERNAME')).toEqual({ written: 0, of: 2 });
		await must(on.bao, 'DELETE', `secret/metadata/templates/_typed/${id}`);
	});

	test('admins need an elevation, even as members, and when the session selects another organization', async () => {
		const admin = { roles: ['org_admin'] };
		await expectStatus(403, reveal(await as('ada', admin)));
		await addMember('user:adam', 'developer');
		await expectStatus(200, reveal(await as('adam')));
		const refused = await expectStatus(403, reveal(await as('adam', admin)));
		expect(refused.text).toContain('elevation');
		const both = await as('adam', { org: ['acme', 'globex'], roles: ['acme:org_admin'] });
		for (const org of ['acme', 'globex']) {
			const headers = { 'envtier-org': org };
			await expectStatus(403, on.reveal.send('POST', '/api/reveal', { as: both, body: ask, headers }));
		}
		await expectStatus(403, elevate(await as('viewer')));
		await expectStatus(403, elevate(await as('gina', { org: 'globex', ...admin })));
		expect((await expectStatus(409, elevate(await as('developer')))).text).toContain('no elevation');
	});

	test('an API key, a token for the API, for both programs or for nobody is a 401', async () => {
		await expectStatus(401, reveal('envtier_0123456789abcdef_nonsense'));
		await expectStatus(401, reveal(owner.api));
		await expectStatus(401, reveal(await as('olga', { aud: ['envtier-reveal', 'envtier-api'] })));
		await expectStatus(401, reveal(await as('olga', { aud: [] })));
		await expectStatus(200, reveal(await as('olga', { aud: ['envtier-reveal'] })));
		const cookie = { cookie: `token=${owner.reveal}; session=${owner.reveal}` };
		const answer = await on.reveal.send('POST', '/api/reveal', { body: ask, headers: cookie });
		expect(answer.status).toBe(401);
		// And the API does not accept a token for the Reveal program.
		expect((await on.api.send('GET', '/api/secrets', { as: owner.reveal })).status).toBe(401);
	});

	test('a demotion that was answered holds for every later reveal', async () => {
		await addMember('user:dora', 'developer');
		const dora = await as('dora');
		let demoted = false;
		const seen: [boolean, number][] = [];
		const work = Array.from({ length: 6 }, async () => {
			for (let i = 0; i < 6; i += 1) {
				const before = demoted;
				seen.push([before, (await reveal(dora)).status]);
			}
		});
		await until('a value to be shown', () => seen.some(([, status]) => status === 200));
		const body = { member: 'user:dora', role: 'viewer' };
		await expectStatus(200, on.reveal.send('PUT', members, { as: owner.reveal, body }));
		demoted = true;
		await Promise.all(work);
		await expectStatus(403, reveal(dora));
		const after = seen.filter(([was]) => was).map(([, status]) => status);
		expect(new Set(after)).toEqual(new Set(after.length > 0 ? [403] : []));
	});
});

describe('each role, each operation of the Reveal program', () => {
	let id: string;
	beforeAll(async () => {
		await addMember('user:manager', 'manager');
		const body = { key: 'TABLE', value: CANARY, deploymentName: 'shop' };
		const made = await on.api.send('POST', '/api/secrets', { as: owner.api, body });
		id = (made.json as { id: string }).id;
	});
	/** A new member and recipient each time. */
	const attemptAt = (name: string): Partial<Attempt> => {
		const target = { deployment: 'shop', id, unique: () => crypto.randomUUID() };
		const attempt = ATTEMPTS[name as DeploymentOperation]?.(target);
		const reveals = { method: 'POST', path: '/api/reveal', body: ask, allowed: 200 };
		return name === 'reveal' ? reveals : { ...attempt, ...(name === 'restore' ? { allowed: 200 } : {}) };
	};
	const CELLS = ['reveal', 'restore', 'members', 'transfer'].flatMap((name) =>
		TABLE_ROLES.map((role) => ({ name, role, cell: cellOf(role, name as DeploymentOperation) })),
	);

	test.each(CELLS)('$name by $role: $cell', async ({ name, role, cell }) => {
		const { method = '', path = '', body, allowed } = attemptAt(name);
		// Nobody who has an elevation of another test.
		const isAdmin = role.startsWith('org_');
		const session = await as(isAdmin ? `table-${role}` : role, { roles: isAdmin ? [role] : [] });
		const send = (who: string) => on.reveal.send(method, path, { as: who, body });
		const answer = await expectStatus(cell === 'y' ? (allowed ?? 0) : 403, send(session));
		expect((await send(`envtier_0123456789abcdef_${'x'.repeat(43)}`)).status).toBe(401);
		if (cell !== 'e') return;
		expect(answer.text).toContain('elevation');
		await expectStatus(201, elevate(session));
		await expectStatus(200, send(session));
	});
});

describe('a restore', () => {
	const restore = (as: string, body: object) => on.reveal.send('POST', '/api/secrets/restore', { as, body });

	test('writes an old value as a new version; of two at once one is a 409', async () => {
		const secret = { key: 'RESTORED', value: `first ${CANARY}`, deploymentName: 'shop' };
		const made = await expectStatus(
			201,
			on.api.send('POST', '/api/secrets', { as: owner.api, body: secret }),
		);
		const { id } = made.json as { id: string };
		const change = { id, value: 'second' };
		await expectStatus(200, on.api.send('PUT', '/api/secrets', { as: owner.api, body: change }));
		const body = { id, version: 1, expected: 2 };
		// The API itself reads no value.
		await expectStatus(503, on.api.send('POST', '/api/secrets/restore', { as: owner.api, body }));
		await expectStatus(403, restore(await as('viewer'), body));
		const both = await Promise.all([restore(owner.reveal, body), restore(await as('developer'), body)]);
		expect(both.map(({ status }) => status).sort()).toEqual([200, 409]);
		expect(both.map(({ text }) => text).join()).not.toContain('first');
		const shown = await expectStatus(200, reveal(owner.reveal, { ...ask, key: 'RESTORED' }));
		expect(shown.json).toMatchObject({ value: `first ${CANARY}`, version: 3 });
	});

	test('of a deleted secret, of a version that is gone, and of another one is refused', async () => {
		const secret = { key: 'GONE', value: CANARY, deploymentName: 'shop' };
		const made = await expectStatus(
			201,
			on.api.send('POST', '/api/secrets', { as: owner.api, body: secret }),
		);
		const { id } = made.json as { id: string };
		await expectStatus(404, restore(owner.reveal, { id, version: 7 }));
		await expectStatus(200, on.api.send('DELETE', '/api/secrets', { as: owner.api, body: { id } }));
		await expectStatus(409, restore(owner.reveal, { id, version: 1 }));
	});

	test('of a secret of the organization works for its admins', async () => {
		const ada = await on.session('ada', { roles: ['org_admin'] });
		const made = { key: 'ORG_RESTORED', value: 'first' };
		const answer = await expectStatus(
			201,
			on.api.send('POST', '/api/org/secrets', { as: ada.api, body: made }),
		);
		const { id } = answer.json as { id: string };
		const change = { id, value: 'second' };
		await expectStatus(200, on.api.send('PUT', '/api/org/secrets', { as: ada.api, body: change }));
		const body = { id, version: 1 };
		await expectStatus(200, on.reveal.send('POST', '/api/org/secrets/restore', { as: ada.reveal, body }));
		await expectStatus(403, on.reveal.send('POST', '/api/org/secrets/restore', { as: owner.reveal, body }));
	});
});

describe('elevation', () => {
	const timeout = (SECONDS + 90) * 1000;
	test('it is over by the clock of Vault, and every reveal in it carries its id and reason', {
		timeout,
	}, async () => {
		// Sessions last five minutes, as at a provider: whoever waits longer signs in again.
		const signIn = () => as('ada', { roles: ['org_admin'] });
		const ada = await signIn();
		const body = { deployment: 'shop', reason: 'Störung – 42' };
		const before = performance.now();
		const made = (await expectStatus(201, elevate(ada, body))).json as { id: string; state: string };
		const after = performance.now();
		expect(made).toMatchObject({ state: 'active', seconds: SECONDS, subject: 'user:ada' });
		const shown = await expectStatus(200, reveal(ada));
		expect(shown.json).toMatchObject({ elevation: made.id });
		const line = on.reveal
			.auditLines()
			.findLast(({ action, phase }) => action === 'secrets.reveal' && phase === 'intent');
		expect(line).toMatchObject({ elevation: made.id, reason: 'incident 42', actor: 'user:ada', key: KEY });
		// Managers see it, with its reason.
		const listed = await on.reveal.send('GET', '/api/elevations?deployment=shop', { as: owner.reveal });
		expect(listed.json).toContainEqual(
			expect.objectContaining({ id: made.id, reason: 'Störung – 42', state: 'active' }),
		);
		await expectStatus(
			403,
			on.reveal.send('GET', '/api/elevations?deployment=shop', { as: await as('viewer') }),
		);
		const lasts = SECONDS * 1000;
		const wrong: string[] = [];
		await until(
			'Vault to end it',
			async () => {
				const session = await signIn();
				const asked = performance.now();
				const { status } = await reveal(session);
				// Vault counts from a moment between the request for the elevation and its answer.
				const isEarly = performance.now() < before + lasts - DRIFT;
				const isOver = asked > after + lasts + DRIFT;
				if ((isEarly && status !== 200) || (isOver && status !== 403))
					wrong.push(`${Math.round(asked - before)} ms: ${status}`);
				return isOver;
			},
			{ timeoutMs: timeout, everyMs: SECONDS > 60 ? 1000 : 50 },
		);
		expect(wrong).toEqual([]);
		owner = await on.session('olga');
		const later = await on.reveal.send('GET', '/api/elevations?deployment=shop', { as: owner.reveal });
		expect(later.json).toContainEqual(expect.objectContaining({ id: made.id, state: 'ended' }));
	});

	test('the shipped value is 15 minutes, and it is what Vault is told', async () => {
		await using usual = await on.another({});
		const ada = await as('ada', { roles: ['org_admin'] });
		const body = { deployment: 'shop', reason: 'r' };
		const made = await usual.send('POST', '/api/elevations', { as: ada, body });
		expect(made.json).toMatchObject({ seconds: 900 });
		const folder = 'secret/metadata/registry/access/elevations/deployments/shop';
		const { json } = await on.bao.request('GET', `${folder}?list=true`);
		const metadata = await Promise.all(
			(json as { data: { keys: string[] } }).data.keys.map((name) =>
				on.bao.request('GET', `${folder}/${name}`),
			),
		);
		const entry = metadata
			.map((answer) => (answer.json as { data: Metadata }).data)
			.find(({ custom_metadata }) => custom_metadata['subject'] === 'user:ada');
		expect(entry?.delete_version_after).toBe('15m0s');
		const version = Object.values(entry?.versions ?? {}).at(-1);
		const lasts = Date.parse(version?.deletion_time ?? '') - Date.parse(version?.created_time ?? '');
		expect(lasts).toBe(900_000);
		await expectStatus(
			200,
			usual.send('DELETE', '/api/elevations', { as: ada, body: { deployment: 'shop' } }),
		);
		await expectStatus(403, usual.send('POST', '/api/reveal', { as: ada, body: ask }));
	});

	test('it is for one target and one subject; that of an organization covers its deployments', async () => {
		const ada = await as('ada', { roles: ['org_admin'] });
		const license = { org: 'acme', key: 'LICENSE', reason: 'audit' };
		await expectStatus(403, reveal(ada, license));
		await expectStatus(201, elevate(ada));
		await expectStatus(403, reveal(ada, license));
		await expectStatus(403, reveal(await as('adele', { roles: ['org_admin'] })));
		await expectStatus(201, elevate(ada, { org: 'acme', reason: 'audit' }));
		expect((await expectStatus(200, reveal(ada, license))).json).toMatchObject({ value: CANARY });
		await expectStatus(403, elevate(await as('olga'), { org: 'acme', reason: 'audit' }));
		await expectStatus(403, elevate(ada, { org: 'globex', reason: 'audit' }));
	});

	test('a manager ends the elevation of somebody else', async () => {
		const ada = await as('ada', { roles: ['org_admin'] });
		await on.reveal.send('DELETE', '/api/elevations', { as: ada, body: { org: 'acme' } });
		await expectStatus(201, elevate(ada));
		const body = { deployment: 'shop', subject: 'user:ada' };
		const end = (who: string) => on.reveal.send('DELETE', '/api/elevations', { as: who, body });
		await expectStatus(403, end(await as('viewer')));
		await expectStatus(200, end(owner.reveal));
		await expectStatus(403, reveal(ada));
	});

	test('with the setting, a second person must approve it', async () => {
		await using strict = await on.another({ ENVTIER_API_ELEVATION_APPROVAL: 'true' });
		const ada = await as('ada', { roles: ['org_admin'] });
		const send = (method: string, path: string, who: string, body: object) =>
			strict.send(method, path, { as: who, body });
		const target = { deployment: 'shop' };
		const asked = await expectStatus(201, send('POST', '/api/elevations', ada, { ...target, reason: 'r' }));
		const { id, state } = asked.json as { id: string; state: string };
		expect(state).toBe('pending');
		await expectStatus(403, send('POST', '/api/reveal', ada, ask));
		await expectStatus(403, send('PUT', '/api/elevations', ada, { ...target, id }));
		await expectStatus(403, send('PUT', '/api/elevations', await as('viewer'), { ...target, id }));
		await expectStatus(404, send('PUT', '/api/elevations', owner.reveal, { ...target, id: 'other' }));
		const approved = await expectStatus(200, send('PUT', '/api/elevations', owner.reveal, { ...target, id }));
		expect(approved.json).toMatchObject({ state: 'active', approvedBy: 'user:olga' });
		await expectStatus(200, send('POST', '/api/reveal', ada, ask));
		await expectStatus(404, send('PUT', '/api/elevations', owner.reveal, { ...target, id }));
		for (const one of strict.seen.produced()) strictlySeen.add(one);
	});
});

interface Metadata {
	readonly delete_version_after: string;
	readonly custom_metadata: Record<string, string>;
	readonly versions: Record<string, { created_time: string; deletion_time: string }>;
}

describe('what a thief can do', () => {
	const request = (method: string, path: string, token: string, body?: object) =>
		on.bao.request(method, path, {
			token,
			...(body === undefined ? {} : { body }),
			...(method === 'PATCH' ? { headers: { 'content-type': 'application/merge-patch+json' } } : {}),
		});

	test('with the token of the API: read no value, and become nobody who can', async () => {
		const token = on.apiToken;
		const record = 'registry/access/deployments/shop';
		for (const path of [PATH, `${PATH}?version=1`, 'secret/data/orgs/acme/secrets/LICENSE'])
			expect((await request('GET', path, token)).status, path).toBe(403);
		// The record can be read, but neither written nor removed; nor can an elevation be made.
		expect((await request('GET', `secret/data/${record}`, token)).status).toBe(200);
		const mine = [{ member: 'user:mallory', role: 'manager', by: 'x', at: 'x' }];
		const access = JSON.stringify({ createdAt: '', org: 'acme', owner: 'user:mallory', members: mine });
		const elevation = 'registry/access/elevations/deployments/shop/00000000000000000000000000000000';
		const attempts: [string, string, object?][] = [
			['POST', `secret/data/${record}`, { data: { access } }],
			['POST', `secret/data/${record}`, { data: { access }, options: { cas: 1 } }],
			['PATCH', `secret/data/${record}`, { data: { access } }],
			['DELETE', `secret/data/${record}`],
			['DELETE', `secret/metadata/${record}`],
			['POST', `secret/metadata/${record}`, { max_versions: 1 }],
			['POST', `secret/delete/${record}`, { versions: [1] }],
			['POST', `secret/destroy/${record}`, { versions: [1] }],
			['POST', `secret/undelete/${record}`, { versions: [1] }],
			['POST', `secret/data/registry/access/deployments/new`, { data: { access } }],
			['POST', `secret/data/${elevation}`, { data: { elevation: '{}' } }],
			['POST', `secret/metadata/${elevation}`, { max_versions: 1 }],
			['POST', 'auth/token/create', { policies: ['envtier_reveal-value_secret'] }],
			[
				'PUT',
				'sys/policies/acl/envtier_api_secret',
				{ policy: 'path "secret/*" { capabilities = ["read"] }' },
			],
			['POST', 'auth/jwt/role/envtier-reveal-value', { role_type: 'jwt' }],
		];
		for (const [method, path, body] of attempts)
			expect((await request(method, path, token, body)).status, `${method} ${path}`).toBe(403);
		// What the API may write: the registration, which the Reveal program does not trust.
		const marker = 'secret/metadata/registry/deployments/shop';
		const before = (await on.bao.request('GET', marker)).json as { data: Metadata };
		const owned = { custom_metadata: { owner: 'user:mallory' } };
		expect((await request('PATCH', marker, token, owned)).status).toBeLessThan(300);
		const mallory = await as('mallory');
		await expectStatus(403, reveal(mallory));
		await expectStatus(403, on.reveal.send('GET', members, { as: mallory }));
		await expectStatus(200, reveal(owner.reveal));
		const restored = { custom_metadata: { owner: before.data.custom_metadata['owner'] } };
		await request('PATCH', marker, token, restored);
	});

	test('with a token for one value: nothing after its second use', async () => {
		const token = await on.logIn('envtier-reveal-value');
		expect((await request('GET', PATH, token)).status).toBe(200);
		// A refusal is a use as well.
		expect((await request('GET', 'secret/data/users/x/secrets/K', token)).status).toBe(403);
		expect((await request('GET', PATH, token)).status).toBe(403);
	});

	test('with a token for one value: nothing after 60 seconds', { timeout: 150_000 }, async () => {
		const token = await on.logIn('envtier-reveal-value');
		const lookup = await on.bao.request('POST', 'auth/token/lookup', { body: { token } });
		const { ttl, num_uses, explicit_max_ttl } = (
			lookup.json as { data: { ttl: number; num_uses: number; explicit_max_ttl: number } }
		).data;
		expect(ttl).toBeLessThanOrEqual(60);
		expect(num_uses).toBe(2);
		expect(explicit_max_ttl).toBeLessThanOrEqual(60);
		const end = Date.now() + 61_000;
		await until('61 seconds to pass', () => Date.now() > end, { timeoutMs: 90_000, everyMs: 500 });
		expect((await request('GET', PATH, token)).status).toBe(403);
	});

	test('with the own token of the Reveal program: read no value', async () => {
		const token = await on.logIn('envtier-reveal');
		expect((await request('GET', PATH, token)).status).toBe(403);
		expect((await request('PATCH', PATH, token, { data: { value: 'x' } })).status).toBe(403);
	});
});

test('without its audit line no value is shown, no elevation made and no member changed', async () => {
	let broken = false;
	await using strict = await on.another({}, (line) => {
		if (broken && line.includes('"phase":"intent"')) throw new AuditStoreFailure('the disk is full');
	});
	await expectStatus(200, strict.send('POST', '/api/reveal', { as: owner.reveal, body: ask }));
	broken = true;
	const ada = await as('ada', { roles: ['org_admin'] });
	const body = { member: 'user:late', role: 'viewer' };
	for (const [method, path, who, sent] of [
		['POST', '/api/reveal', owner.reveal, ask],
		['POST', '/api/elevations', ada, { deployment: 'shop', reason: 'r' }],
		['POST', members, owner.reveal, body],
	] as const) {
		const refused = await expectStatus(503, strict.send(method, path, { as: who, body: sent }));
		expect(refused.text).not.toContain('canary');
	}
	broken = false;
	const { text } = await strict.send('GET', members, { as: owner.reveal });
	expect(text).not.toContain('user:late');
});

test('Vault records who saw which value, and why, in its own audit', async () => {
	const file = join(on.bao.dir, 'audit.log');
	await on.bao.request('PUT', 'sys/audit/file', { body: { type: 'file', options: { file_path: file } } });
	await expectStatus(200, reveal(await as('developer'), { ...ask, reason: 'Ticket №7, ünïcode' }));
	const entries = (await readFile(file, 'utf8'))
		.split('\n')
		.filter((line) => line !== '')
		.map((line) => JSON.parse(line) as { type: string; request: AuditedRead });
	const read = entries.find(({ type, request: { path } }) => type === 'request' && path === PATH)?.request;
	const header = (name: string) => decodeURIComponent(read?.headers?.[`x-envtier-${name}`]?.[0] ?? '');
	expect(header('actor')).toBe('user:developer');
	expect(header('reason')).toBe('Ticket №7, ünïcode');
	expect(await readFile(file, 'utf8')).not.toContain('canary');
});

interface AuditedRead {
	readonly path: string;
	readonly headers?: Readonly<Record<string, readonly string[] | undefined>>;
}

test.each([
	['no reason', { ...ask, reason: undefined }],
	['a reason of blanks', { ...ask, reason: '  ' }],
	['a reason of two lines', { ...ask, reason: 'a\nb' }],
	['a reason that is too long', { ...ask, reason: 'x'.repeat(257) }],
	['a service without a deployment', { org: 'acme', service: 'web', key: KEY, reason: 'r' }],
	['a deployment and an organization', { ...ask, org: 'acme' }],
	['a path instead of a name', { ...ask, deployment: '../x' }],
])('%s is a 400', async (_what, body) => {
	await expectStatus(400, reveal(owner.reveal, body));
});

test('a role whose tokens are worth more than they should be is refused', async () => {
	await using loose = await on.another({ ENVTIER_API_REVEAL_ROLE: 'envtier-reveal-restore' });
	const refused = await loose.send('POST', '/api/reveal', { as: owner.reveal, body: ask });
	expect(refused.status).toBe(500);
	expect(loose.output()).toContain('token_num_uses=2');
});

test('developers, who need no elevation, do not watch over those of others', async () => {
	const developer = await as('developer');
	const target = { deployment: 'shop' };
	const other = { ...target, subject: 'user:ada' };
	await expectStatus(409, on.reveal.send('GET', '/api/elevations?deployment=shop', { as: developer }));
	for (const [method, body] of [
		['PUT', { ...target, id: 'x' }],
		['DELETE', other],
	] as const)
		await expectStatus(409, on.reveal.send(method, '/api/elevations', { as: developer, body }));
	const foreign = { name: 'shop-2', org: 'globex' };
	await expectStatus(403, on.reveal.send('POST', '/api/access', { as: owner.reveal, body: foreign }));
});

test('a name with anything below it in Vault cannot be registered', async () => {
	await on.bao.request('POST', 'secret/data/deployments/squatted/secrets/K', {
		body: { data: { value: 'v' } },
	});
	const body = { name: 'squatted', org: 'acme' };
	await expectStatus(409, on.reveal.send('POST', '/api/access', { as: owner.reveal, body }));
	// Only who may adopt it gets it, and takes it from nobody.
	const adopt = { ...body, adopt: true };
	const admin = await as('ada', { roles: ['org_admin'] });
	for (const who of [owner.reveal, admin])
		await expectStatus(403, on.reveal.send('POST', '/api/access', { as: who, body: adopt }));
	const platform = await on.session('paul', { roles: ['platform_admin'] });
	await expectStatus(201, on.reveal.send('POST', '/api/access', { as: platform.reveal, body: adopt }));
	await expectStatus(409, on.reveal.send('POST', '/api/access', { as: platform.reveal, body: adopt }));
	await expectStatus(201, on.api.send('POST', '/api/deployments', { as: platform.api, body: adopt }));
});

test('the tests produced each documented response of these operations', () => {
	const produced = new Set([...on.reveal.seen.produced(), ...strictlySeen]);
	const own = /^(?:secrets\.reveal|elevations\.\w+|access\.register) (?:20[01]|403|404|409)$/;
	const promised = on.reveal.seen.promised().filter((one) => own.test(one));
	expect(promised.length).toBeGreaterThan(15);
	expect(promised.filter((one) => !produced.has(one))).toEqual([]);
});

// The last one: it looks back at all output.
test('no value and no token is in any log, error or metric of either program', async () => {
	for (const program of [on.api, on.reveal]) {
		const metrics = await program.send('GET', '/metrics');
		const all = program.output() + metrics.text;
		expect(all).not.toContain('canary');
		expect(all).not.toContain(owner.reveal);
		expect(all).not.toContain(on.apiToken);
		expect(all).not.toMatch(/"?(?:hvs|s)\.[A-Za-z0-9]{20}/);
	}
});

test('an audit file on a full disk is an error, so that nothing is shown', () => {
	expect(() => openStrictAudit('/dev/full')('a line\n')).toThrow(AuditStoreFailure);
});
