/**
 * Puts values and credentials wherever a caller can put them, and searches for them in everything that the
 * API writes.
 */
import { connect } from 'node:net';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { until } from '../support/until.ts';
import { type ApiUnderTest, type Caller, caller, startApi } from './support/api.ts';
import { type OnStore, STORES } from './support/both.ts';

const CANARY = 'canary-5f1d7c';
const alice = caller('user:alice');
const bob = caller('user:bob', { roles: [] });
const opened: OnStore[] = [];
afterAll(async () => {
	for (const one of opened) await one[Symbol.asyncDispose]();
});

test.each(Object.entries(STORES))(
	'no value in any answer, log, metric or audit line (%s)',
	async (_name, open) => {
		const on = await open({
			callers: [alice, bob],
			env: { ENVTIER_LOG_LEVEL: 'trace', ENVTIER_API_FAILED_LOGINS_PER_MINUTE: '100000' },
		});
		opened.push(on);
		const texts: string[] = [];
		const send: ApiUnderTest['send'] = async (...args) => {
			const answer = await on.api.send(...args);
			texts.push(answer.text, JSON.stringify(answer.headers));
			return answer;
		};
		await send('POST', '/api/deployments', { as: alice, body: { name: 'shop', org: 'acme' } });
		await send('POST', '/api/templates', { as: alice, body: { name: 'base' } });
		const bodies: unknown[] = [
			{ key: 'A', value: CANARY },
			{ key: 'A', value: CANARY },
			{ key: 'B', value: CANARY, deploymentName: 'shop' },
			{ key: 'B', value: CANARY, deploymentName: 'template:base' },
			{ key: 'B', value: CANARY, deploymentName: 'not-there' },
			// Where people put it by mistake.
			{ key: `${CANARY}!`, value: CANARY },
			{ key: 'C', values: CANARY },
			{ key: 'C', value: { nested: CANARY } },
			{ key: 'C', value: [CANARY] },
			{ key: 'C', value: 'v', deploymentName: `${CANARY}/` },
			{ key: 'C', value: `${CANARY}\0` },
			`{"key":"A","value":"${CANARY}`,
			`${CANARY}`,
			`"${CANARY}"`,
		];
		for (const as of [alice, bob, undefined, 'envtier_0123456789abcdef_x'])
			for (const path of ['/api/secrets', '/api/org/secrets', '/api/templates', '/api/keys'])
				for (const method of ['POST', 'PUT', 'DELETE'])
					for (const body of bodies) await send(method, path, { as, body });
		const listed = (await send('GET', '/api/secrets?deployment=shop', { as: alice })).json as {
			id: string;
		}[];
		await send('PUT', '/api/secrets', { as: alice, body: { id: listed[0]?.id, value: `${CANARY}-2` } });
		await send('POST', '/api/deployments', {
			as: alice,
			body: { name: 'copy', org: 'acme', template: 'base' },
		});
		await send('GET', `/api/secrets?deployment=${CANARY}!`, { as: alice });
		if (on.bao !== undefined) {
			await on.bao.kill();
			const body = { key: 'D', value: CANARY, deploymentName: 'shop' };
			expect((await send('POST', '/api/secrets', { as: alice, body })).status).toBe(500);
		}
		await send('GET', '/metrics');
		const output = on.api.output();
		// The search would find something: these are there.
		expect(output).toContain('"action":"secrets.create"');
		expect(texts.join('')).toContain('deploymentName');
		expect(texts.join('')).toContain('envtier_api_calls_total');
		for (const secret of [CANARY, Buffer.from(CANARY).toString('base64').slice(0, 12), alice.key, bob.key]) {
			expect(output).not.toContain(secret);
			expect(texts.join('\n')).not.toContain(secret);
		}
	},
);

test('every call leaves one result line in the audit, refused ones too', async () => {
	await using api = await startApi({ callers: [alice, bob] });
	const body = { key: 'A', value: 'v' };
	const headers = { 'x-request-id': 'my-id.1' };
	await api.send('POST', '/api/secrets', { as: alice, body, headers });
	await api.send('POST', '/api/secrets', { as: alice, body });
	await api.send('POST', '/api/secrets', { body });
	await api.send('POST', '/api/secrets', { as: bob, body: { ...body, deploymentName: 'shop' } });
	await api.send('POST', '/api/secrets', { as: alice, body: { key: '-', value: 'v' } });
	await api.send('PATCH', '/api/secrets', { as: alice, body });
	await api.send('GET', '/api/nowhere', { as: alice });
	const user = expect.stringMatching(/^users\/[0-9a-f]{32}\/secrets$/);
	const common = {
		type: 'audit',
		ip: '127.0.0.1',
		via: 'api-key',
		actor: 'user:alice',
		action: 'secrets.create',
	};
	expect(api.audit()).toMatchObject([
		{ ...common, scope: user, key: 'A', result: 'done', status: 201, requestId: 'my-id.1' },
		{ ...common, scope: user, key: 'A', result: 'refused', status: 409 },
		{ ...common, actor: 'anonymous', via: 'none', scope: '', key: '', result: 'refused', status: 401 },
		{
			...common,
			actor: 'user:bob',
			scope: 'deployments/shop/secrets',
			key: 'A',
			result: 'refused',
			status: 403,
		},
		{ ...common, scope: '', key: '', result: 'refused', status: 400 },
		{ action: 'unknown', status: 405 },
		{ action: 'unknown', status: 404 },
	]);
	for (const line of api.audit()) {
		expect(Date.parse(String(line['time']))).toBeGreaterThan(Date.now() - 60_000);
		expect(String(line['requestId'])).toMatch(/^[\w.-]{5,64}$/);
	}
});

test('an audit line has these fields and no others, whatever the answer', async () => {
	await using usual = await startApi({ callers: [alice] });
	await using strict = await startApi({ callers: [alice], env: { ENVTIER_API_CALLS_PER_MINUTE: '1' } });
	await using storeless = await startApi({ callers: [alice], settings: { store: { kind: 'none' } } });
	const body = { key: 'A', value: 'v' };
	const known = { actor: 'user:alice', via: 'api-key' };
	const nobody = { actor: 'anonymous', via: 'none' };
	const cases: [ApiUnderTest, string, string, object, object][] = [
		[usual, 'POST', '/api/secrets', { as: alice, body }, { ...known, status: 201, result: 'done', key: 'A' }],
		[usual, 'POST', '/api/secrets', { body }, { ...nobody, status: 401 }],
		[usual, 'GET', '/api/keys', { as: alice }, { ...known, status: 403, action: 'keys.list' }],
		[usual, 'GET', '/api/nowhere', { as: alice }, { ...nobody, status: 404, action: 'unknown' }],
		[usual, 'GET', '/api/deployments/%zz', { as: alice }, { ...nobody, status: 400, action: 'unknown' }],
		[usual, 'PATCH', '/api/secrets', { as: alice, body }, { ...nobody, status: 405, action: 'unknown' }],
		[
			usual,
			'POST',
			'/api/secrets',
			{ as: alice, body: 'x'.repeat(1024 * 1024 + 1) },
			{ ...known, status: 413 },
		],
		[
			usual,
			'POST',
			'/api/secrets',
			{ as: alice, body: 'a=b', headers: { 'content-type': 'text/plain' } },
			{ ...known, status: 415 },
		],
		[strict, 'GET', '/api/secrets', { as: alice }, { ...known, status: 200, result: 'done' }],
		[strict, 'GET', '/api/secrets', { as: alice }, { ...known, status: 429 }],
		[storeless, 'POST', '/api/secrets', { as: alice, body }, { ...nobody, status: 503, result: 'failed' }],
	];
	for (const [api, method, path, sent, expected] of cases) {
		const before = api.audit().length;
		await api.send(method, path, sent);
		const [line, ...more] = await until('the line', () => {
			const lines = api.audit().slice(before);
			return lines.length > 0 ? lines : undefined;
		});
		expect(more).toEqual([]);
		expect(line).toMatchObject({ result: 'refused', ...expected });
		const fields = [
			...['action', 'actor', 'eventId', 'ip', 'key', 'phase', 'replica', 'requestId', 'result', 'scope'],
			...['sequence', 'status', 'time', 'type', 'via'],
			// The organization of a caller that was authenticated.
			...('actor' in expected && expected.actor !== 'anonymous' ? ['org'] : []),
			// A new secret.
			...('status' in expected && expected.status === 201 ? ['version'] : []),
		].sort();
		expect(Object.keys(line ?? {}).sort()).toEqual(fields);
	}
});

test('a request for another caller’s secret is audited with its location and key', async () => {
	const globex = caller('user:hank', { org: 'globex' });
	await using api = await startApi({ callers: [alice, bob, globex] });
	const send = async (method: string, path: string, as: Caller, body?: object) => {
		const answer = await api.send(method, path, { as, body });
		return answer.json as { id: string };
	};
	await send('POST', '/api/deployments', alice, { name: 'shop', org: 'acme' });
	const where = { deploymentName: 'shop', serviceName: 'web' };
	const { id } = await send('POST', '/api/secrets', alice, { key: 'A', value: 'v', ...where });
	const { id: orgId } = await send('POST', '/api/org/secrets', alice, { key: 'O', value: 'v' });
	const before = api.audit().length;
	await send('POST', '/api/secrets', bob, { key: 'B', value: 'v', ...where });
	await send('PUT', '/api/secrets', bob, { id, value: 'v' });
	await send('DELETE', '/api/secrets', bob, { id });
	await send('GET', '/api/secrets?deployment=shop', bob);
	await send('GET', '/api/secrets?deployment=template:base', bob);
	await send('PUT', '/api/org/secrets', globex, { id: orgId, value: 'v' });
	await send('DELETE', '/api/org/secrets', globex, { id: orgId });
	await send('DELETE', '/api/secrets', globex, { id: orgId });
	const lines = await until('the lines', () => {
		const found = api.audit().slice(before);
		return found.length === 8 ? found : undefined;
	});
	const service = 'deployments/shop/services/web/secrets';
	const org = 'orgs/acme/secrets';
	expect(lines.map(({ scope, key, result }) => [scope, key, result])).toEqual([
		[service, 'B', 'refused'],
		[service, 'A', 'refused'],
		[service, 'A', 'refused'],
		['deployments/shop/secrets', '', 'refused'],
		['templates/base/secrets', '', 'refused'],
		[org, 'O', 'refused'],
		[org, 'O', 'refused'],
		[org, 'O', 'refused'],
	]);
});

test('what is no HTTP request is refused in the same form as everything else', async () => {
	await using api = await startApi({ callers: [alice] });
	const raw = (text: string): Promise<string> =>
		new Promise((resolve, reject) => {
			const socket = connect(Number(new URL(api.url).port), '127.0.0.1', () => socket.write(text));
			const chunks: Buffer[] = [];
			socket.on('data', (chunk: Buffer) => void chunks.push(chunk));
			socket.on('error', reject);
			socket.on('close', () => resolve(Buffer.concat(chunks).toString('utf8')));
		});
	expect(await raw(`this is ${CANARY}\r\n\r\n`)).toMatch(
		/^HTTP\/1.1 400 [^{]*\r\n\r\n\{"error":"this is not an HTTP request"\}$/,
	);
	const headers = `GET /api/secrets HTTP/1.1\r\nhost: a\r\nx: ${CANARY.repeat(2_000)}\r\n\r\n`;
	expect(await raw(headers)).toMatch(/^HTTP\/1.1 431 [^{]*\r\n\r\n\{"error":"the headers are too large"\}$/);
	expect(api.output()).not.toContain(CANARY);
});

let forwarded: ApiUnderTest;
beforeAll(async () => {
	forwarded = await startApi({ callers: [alice] });
});
afterAll(() => forwarded?.[Symbol.asyncDispose]());

test('an address in X-Forwarded-For is believed only when a proxy is trusted', async () => {
	await forwarded.send('GET', '/api/secrets', { as: alice, headers: { 'x-forwarded-for': '192.0.2.9' } });
	expect(forwarded.audit().at(-1)).toMatchObject({ ip: '127.0.0.1' });
});

test('what is not UTF-8 is refused rather than changed, and compression is refused', async () => {
	const response = await fetch(`${forwarded.url}/api/secrets`, {
		method: 'POST',
		headers: { authorization: `Bearer ${alice.key}`, 'content-type': 'application/json' },
		body: Buffer.from('{"key":"A","value":"\xff"}', 'latin1'),
	});
	expect(response.status).toBe(400);
	const packed = await forwarded.send('POST', '/api/secrets', {
		as: alice,
		body: '{}',
		headers: { 'content-encoding': 'gzip' },
	});
	expect(packed.status).toBe(415);
});
