/**
 * Intent lines come before effects, result lines after. Work on many keys writes a pair of lines for each.
 */
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { call } from '../support/http.ts';
import { type OpenBao, startOpenBao } from '../support/openbao.ts';
import { scratch } from '../support/scratch.ts';
import { until } from '../support/until.ts';
import { type ApiUnderTest, type Caller, caller, startApi } from './support/api.ts';
import { vaultEnv } from './support/both.ts';
import { startIssuer } from './support/issuer.ts';
import { startApiProcess } from './support/process.ts';
import { type StepFault, startStepProxy } from './support/step-proxy.ts';

type Line = Readonly<Record<string, unknown>>;
const alice = caller('user:alice');
const bob = caller('user:bob');
const TEMPLATE = {
	name: 'base',
	services: [{ name: 'web', secrets: [{ key: 'TOKEN' }, { key: 'QUEUE' }] }],
};
const KEYS = [
	['templates/base/secrets', 'SHARED'],
	['templates/base/services/web/secrets', 'TOKEN'],
	['templates/base/services/web/secrets', 'QUEUE'],
] as const;

const placed = (lines: readonly Line[]): readonly string[] =>
	lines.map(({ scope, key }) => `${String(scope)} ${String(key)}`).sort();
const ofPhase = (lines: readonly Line[], phase: string): readonly Line[] =>
	lines.filter((line) => line['phase'] === phase);

const eventOf = (line: Line): unknown => line['eventId'];
/** A line as the store takes it: the mark is for logs alone. */
const withoutType = ({ type: _, ...line }: Line = {}): Line => line;

/** Creates the template with its three secrets. */
async function makeTemplate(api: ApiUnderTest): Promise<void> {
	expect((await api.send('POST', '/api/templates', { as: alice, body: TEMPLATE })).status).toBe(201);
	for (const [scope, key] of KEYS) {
		const serviceName = /services\/([^/]+)/.exec(scope)?.[1] ?? '';
		const body = { key, value: 'v', deploymentName: 'template:base', serviceName };
		expect((await api.send('POST', '/api/secrets', { as: alice, body })).status).toBe(201);
	}
}

/** Sends one call; gives the lines of its request id once its result is there. */
async function linesOf(
	api: ApiUnderTest,
	method: string,
	path: string,
	sent: { as?: Caller | string; body?: unknown },
): Promise<{ status: number; json: unknown; lines: readonly Line[] }> {
	const answer = await api.send(method, path, sent);
	const id = answer.headers['x-request-id'];
	const own = () => api.auditLines().filter(({ requestId }) => requestId === id);
	await until('the result line', () =>
		own().some((line) => line['phase'] === 'result' && line['status'] === answer.status),
	);
	return { status: answer.status, json: answer.json, lines: own() };
}

test('each operation that is done leaves intent lines first, then result lines of the same places', async () => {
	await using issuer = await startIssuer();
	await using place = await scratch('audited');
	const env = {
		...{ ENVTIER_API_OIDC_ISSUER: issuer.url, ENVTIER_API_OIDC_CA: issuer.caPem },
		ENVTIER_API_AUDIT_STORE: `sqlite:${place.dir}/audit.db`,
	};
	const readVersion = () => Promise.resolve({ value: 'old' });
	await using api = await startApi({ callers: [alice], env, readVersion });
	const rights = { org: 'acme', roles: ['org_admin', 'platform_admin'] };
	const scope = 'secrets:read secrets:write audit';
	const session = await issuer.session({
		sub: 'alice',
		email: 'alice@example.com',
		email_verified: true,
		scope,
		...rights,
	});
	const done = new Set<unknown>();
	const check = async (method: string, path: string, sent: { as?: Caller | string; body?: unknown }) => {
		const { status, json, lines } = await linesOf(api, method, path, { as: alice, ...sent });
		expect(status, `${method} ${path}`).toBeLessThan(300);
		const intents = ofPhase(lines, 'intent');
		const results = ofPhase(lines, 'result');
		expect(lines[0]).toMatchObject({ phase: 'intent', actor: 'user:alice' });
		expect(lines.at(-1)).toMatchObject({ phase: 'result', result: 'done' });
		expect(placed(intents)).toEqual(placed(results));
		expect(lines.map(({ scope }) => scope)).not.toContain('');
		for (const line of intents) expect(Object.keys(line)).not.toContain('status');
		// An event has one intent line and one result line, and its id joins them.
		expect(intents.map(eventOf).sort()).toEqual(results.map(eventOf).sort());
		expect(new Set(intents.map(eventOf)).size).toBe(intents.length);
		if (sent.as === session) for (const line of lines) expect(line['email']).toBe('alice@example.com');
		done.add(lines[0]?.['action']);
		return json as { id: string; key: string };
	};
	const lifecycle = async (at: string, secret: string): Promise<void> => {
		await check('GET', `${at}/${secret}`, {});
		await check('PUT', `${at}/${secret}`, { body: { tags: ['a'] } });
		await check('GET', `${at}/versions?id=${secret}`, {});
		await check('POST', `${at}/restore`, { body: { id: secret, version: 1 } });
		await check('DELETE', at, { body: { id: secret } });
		await check('POST', `${at}/undelete`, { body: { id: secret } });
	};
	await check('POST', '/api/templates', { body: TEMPLATE });
	const body = { key: 'TOKEN', value: 'v', deploymentName: 'template:base', serviceName: 'web' };
	await check('POST', '/api/secrets', { body });
	await check('PUT', '/api/templates', { body: TEMPLATE });
	await check('PUT', '/api/templates/base', { body: { shared: true } });
	await check('GET', '/api/templates', {});
	await check('GET', '/api/templates/base', {});
	await check('POST', '/api/deployments', { body: { name: 'shop', org: 'acme', template: 'base' } });
	await check('GET', '/api/deployments', {});
	await check('GET', '/api/deployments/shop', {});
	const { id } = await check('POST', '/api/secrets', {
		body: { key: 'A', value: 'v', deploymentName: 'shop' },
	});
	await check('GET', '/api/secrets?deployment=shop', {});
	await check('PUT', '/api/secrets', { body: { id, value: 'w' } });
	await check('GET', '/api/effective?deployment=shop', {});
	await check('GET', '/api/deployments/shop/grid', {});
	await check('GET', '/api/deployments/shop/summary', {});
	const changes = [{ change: 'create', tier: 'deployment', key: 'SAVED', value: 'v' }];
	await check('POST', '/api/changes', { body: { deployment: 'shop', changes } });
	await check('GET', '/api/difference?deployment=shop&with=shop', {});
	await lifecycle('/api/secrets', id);
	await check('DELETE', '/api/secrets', { body: { id } });
	const members = '/api/deployments/shop/members';
	const bob = { member: 'user:bob', role: 'viewer' };
	await check('GET', members, {});
	await check('POST', members, { as: session, body: bob });
	await check('PUT', members, { as: session, body: { ...bob, role: 'developer' } });
	await check('DELETE', members, { as: session, body: { member: bob.member } });
	const other = await issuer.session({ sub: 'ada', scope, ...rights });
	const invited = { member: 'email:alice@example.com', role: 'viewer' };
	await api.send('POST', members, { as: other, body: invited });
	await check('GET', '/api/invitations', { as: session });
	await check('POST', '/api/invitations', { as: session, body: { deployment: 'shop' } });
	await check('POST', '/api/deployments/shop/transfer', { as: session, body: { to: 'user:alice' } });
	await check('PUT', '/api/deployments/shop/transfer', { as: session });
	await check('POST', '/api/deployments/shop/transfer', { as: session, body: { to: 'user:bob' } });
	await check('DELETE', '/api/deployments/shop/transfer', { as: session });
	await check('DELETE', '/api/deployments/shop', { body: { confirm: 'shop' } });
	const org = await check('POST', '/api/org/secrets', { body: { key: 'O', value: 'v' } });
	await check('GET', '/api/org/secrets', {});
	await check('PUT', '/api/org/secrets', { body: { id: org.id, value: 'w' } });
	await lifecycle('/api/org/secrets', org.id);
	await check('DELETE', '/api/templates', { body: { name: 'base' } });
	const made = await check('POST', '/api/keys', {
		as: session,
		body: { name: 'ci', scopes: ['secrets:read'] },
	});
	await check('GET', '/api/keys', { as: session });
	await check('DELETE', '/api/keys', { as: session, body: { id: made.id } });
	const ofOrg = await check('POST', '/api/keys', {
		as: session,
		body: { name: 'leaked', scopes: ['secrets:read'] },
	});
	await check('GET', '/api/org/keys', { as: session });
	await check('DELETE', '/api/org/keys', { as: session, body: { id: ofOrg.id } });
	await check('GET', '/api/whoami', {});
	await check('GET', '/api/audit', { as: session });
	await check('POST', '/api/audit', { as: session, body: { lines: [api.auditLines()[0]].map(withoutType) } });
	const { OPERATIONS } = await import('../../api/routes/all.ts');
	expect([...done].sort()).toEqual(OPERATIONS.map((operation) => operation.id).sort());
});

test('a list without a filter is audited as everything that it shows', async () => {
	await using api = await startApi({ callers: [alice, bob] });
	await makeTemplate(api);
	for (const name of ['shop', 'other'])
		await api.send('POST', '/api/deployments', { as: alice, body: { name, org: 'acme' } });
	const web = { key: 'A', value: 'v', deploymentName: 'shop', serviceName: 'web' };
	await api.send('POST', '/api/secrets', { as: alice, body: web });
	// Not hers, though she may use it: nothing of it is shown.
	const theirs = { name: 'theirs', services: [] };
	await api.send('POST', '/api/templates', { as: bob, body: theirs });
	const { json, lines } = await linesOf(api, 'GET', '/api/secrets', { as: alice });
	const user = expect.stringMatching(/^users\/[0-9a-f]{32}\/secrets $/);
	const shown = [
		'deployments/other/secrets ',
		'deployments/shop/secrets ',
		'deployments/shop/services/web/secrets ',
		'templates/base/secrets ',
		'templates/base/services/web/secrets ',
		user,
	];
	expect(placed(ofPhase(lines, 'intent'))).toEqual(shown);
	expect(placed(ofPhase(lines, 'result'))).toEqual(shown);
	// The template's secrets are listed as well.
	expect(
		(json as { deploymentName: string; key: string }[]).map((one) => `${one.deploymentName} ${one.key}`),
	).toEqual(
		expect.arrayContaining(['shop A', 'template:base SHARED', 'template:base TOKEN', 'template:base QUEUE']),
	);
});

test('a copy leaves both lines for the call and for each key', async () => {
	await using api = await startApi({ callers: [alice] });
	await makeTemplate(api);
	const body = { name: 'shop', org: 'acme', template: 'base' };
	const { lines } = await linesOf(api, 'POST', '/api/deployments', { as: alice, body });
	expect(lines[0]).toMatchObject({ phase: 'intent', scope: 'deployments/shop', key: '' });
	const results = ofPhase(lines, 'result');
	expect(
		results.map(({ scope, key, status }) => `${String(scope)} ${String(key)} ${String(status)}`).sort(),
	).toEqual([
		'deployments/shop  201',
		'deployments/shop/secrets SHARED 201',
		'deployments/shop/services/web/secrets QUEUE 201',
		'deployments/shop/services/web/secrets TOKEN 201',
	]);
});

describe('on a real OpenBao', () => {
	let bao: OpenBao;
	let env: Record<string, string>;
	beforeAll(async () => {
		bao = await startOpenBao();
		env = await vaultEnv(bao);
		await using api = await startApi({ env, callers: [alice] });
		await makeTemplate(api);
	});
	afterAll(() => bao?.stop());

	const parsed = async (file: string): Promise<readonly Line[]> =>
		(await readFile(file, 'utf8'))
			.split('\n')
			.filter((line) => line !== '')
			.map((line) => JSON.parse(line) as Line);

	test('SIGKILL between the intent and the effect leaves the intent line', { timeout: 120_000 }, async () => {
		await using proxy = await startStepProxy(bao);
		await using api = await startApiProcess(
			{ ...env, ENVTIER_VAULT_ADDR: proxy.addr, ENVTIER_API_AUDIT_FILE: join(bao.dir, 'killed.log') },
			[alice],
		);
		const isWrite = (step: string): boolean => step.startsWith('POST /v1/secret/data/');
		proxy.setFault((_, step) => (isWrite(step) ? 'hold' : 'pass'));
		const sent = call({
			url: `${api.url}/api/secrets`,
			method: 'POST',
			caPem: api.authority.certPem,
			headers: { authorization: `Bearer ${alice.key}`, 'x-request-id': 'killed-1' },
			body: { key: 'A', value: 'canary-of-the-killed' },
		}).catch((error: unknown) => error);
		await until('the write to reach Vault', () => proxy.steps().some(isWrite));
		api.process.signal('SIGKILL');
		expect(await api.process.exited).toMatchObject({ signal: 'SIGKILL' });
		await sent;
		const lines = await parsed(join(bao.dir, 'killed.log'));
		expect(lines).toMatchObject([
			{ phase: 'intent', action: 'secrets.create', key: 'A', actor: 'user:alice', requestId: 'killed-1' },
		]);
		expect(JSON.stringify(lines)).not.toContain('canary-of-the-killed');
	});

	/** Copies under a fault that strikes the steps that `hit` picks. */
	const copyWith = async (name: string, fault: (step: string) => StepFault) => {
		const proxy = await startStepProxy(bao);
		const api = await startApi({ env: { ...env, ENVTIER_VAULT_ADDR: proxy.addr }, callers: [alice] });
		await until('the first sweep', () => proxy.steps().some((step) => step.includes('_journal')));
		proxy.setFault((_, step) => fault(step));
		const body = { name, org: 'acme', template: 'base' };
		const answer = await linesOf(api, 'POST', '/api/deployments', { as: alice, body });
		return {
			...answer,
			api,
			proxy,
			[Symbol.asyncDispose]: async () => {
				await api[Symbol.asyncDispose]();
				await proxy[Symbol.asyncDispose]();
			},
		};
	};
	const COPIED = [
		'deployments/NAME/secrets SHARED',
		'deployments/NAME/services/web/secrets QUEUE',
		'deployments/NAME/services/web/secrets TOKEN',
	];
	const named = (name: string) => COPIED.map((line) => line.replace('NAME', name));
	const undone = (lines: readonly Line[], phase: string) =>
		ofPhase(lines, phase).filter(({ action, key }) => action === 'deployments.undo' && key !== '');

	test('a copy that fails and is undone at once leaves a pair of lines for each key that is removed', async () => {
		// The last step fails: everything was copied.
		await using failed = await copyWith('undone', (step) =>
			step.startsWith('PATCH') && step.endsWith('registry/deployments/undone') ? 'error' : 'pass',
		);
		expect(failed.status).toBe(500);
		expect(placed(undone(failed.lines, 'intent'))).toEqual(named('undone'));
		expect(placed(undone(failed.lines, 'result'))).toEqual(named('undone'));
		expect(failed.lines).toContainEqual(
			expect.objectContaining({ phase: 'result', key: 'TOKEN', action: 'deployments.create', status: 201 }),
		);
		expect(failed.lines.at(-1)).toMatchObject({ phase: 'result', status: 500, scope: 'deployments/undone' });
	});

	test('a key whose copy fails is told as failed', async () => {
		await using failed = await copyWith('failing', (step) =>
			step.startsWith('POST') && step.endsWith('deployments/failing/secrets/SHARED') ? 'error' : 'pass',
		);
		expect(failed.lines).toContainEqual(
			expect.objectContaining({ phase: 'result', key: 'SHARED', result: 'failed', status: 500 }),
		);
	});

	test('what a later process takes back is told for each key, with the request id that began it', async () => {
		let broken = false;
		await using failed = await copyWith('later', (step) => {
			broken ||= step.startsWith('PATCH') && step.endsWith('registry/deployments/later');
			return broken ? 'error' : 'pass';
		});
		expect(failed.status).toBe(500);
		// Its process is gone; the next one looks when the attempt is old.
		await failed.api[Symbol.asyncDispose]();
		await using next = await startApi({ env, now: () => new Date(Date.now() + 600_000) });
		await until('the keys to be taken back', () => undone(next.auditLines(), 'result').length === 3);
		expect(placed(undone(next.auditLines(), 'intent'))).toEqual(named('later'));
		expect(placed(undone(next.auditLines(), 'result'))).toEqual(named('later'));
		const began = failed.lines[0]?.['requestId'];
		for (const line of next.auditLines())
			expect(line).toMatchObject({ actor: 'envtier-api', via: 'system', requestId: began });
	});
});
