import { expect, test } from 'vitest';
import type { Caller } from '../../api/auth/caller.ts';
import { atMostEvery } from '../../api/concurrency.ts';
import { refuse } from '../../api/problem.ts';
import { createLoginLimit } from '../../api/server/login-limit.ts';
import { ok } from '../../contract/result.ts';
import { until } from '../support/until.ts';
import { caller, startApi } from './support/api.ts';

const alice = caller('user:alice');
const wrongKey = (i: number): string => `envtier_${String(i).padStart(16, '0')}_${'x'.repeat(43)}`;

const started = () =>
	startApi({
		callers: [alice],
		env: { ENVTIER_API_FAILED_LOGINS_PER_MINUTE: '3', ENVTIER_API_TRUST_PROXY: 'true' },
	});

test('failed logins block an address for a while; valid credentials, other addresses and calls without credentials go on', async () => {
	await using api = await started();
	const from = (ip: string, as?: string) =>
		api.send('GET', '/api/secrets', { as, headers: { 'x-forwarded-for': ip } });
	for (let i = 0; i < 10; i += 1) expect((await from('192.0.2.1')).status).toBe(401);
	for (let i = 0; i < 3; i += 1) expect((await from('192.0.2.1', wrongKey(i))).status).toBe(401);
	const blocked = await from('192.0.2.1', wrongKey(9));
	expect(blocked.status).toBe(429);
	expect(Number(blocked.headers['retry-after'])).toBeGreaterThan(0);
	expect((await from('192.0.2.1', alice.key)).status).toBe(200);
	expect((await from('192.0.2.2', wrongKey(9))).status).toBe(401);
	const metrics = (await api.send('GET', '/metrics')).text;
	expect(metrics).toContain('envtier_api_failed_logins_total 5');
	expect(metrics).toContain('envtier_api_calls_total{operation="secrets.list",status="200"} 1');
	expect(metrics).toContain('envtier_api_call_duration_seconds_bucket');
	expect(api.output()).toContain('authentication failed');
});

test('300 wrong keys at the same time: as many as are allowed get 401, the others 429, and every valid key passes', async () => {
	await using api = await started();
	const wrong = Array.from({ length: 300 }, (_, i) => api.send('GET', '/api/secrets', { as: wrongKey(i) }));
	const right = Array.from({ length: 30 }, () => api.send('GET', '/api/secrets', { as: alice }));
	const statuses = (await Promise.all(wrong)).map((answer) => answer.status);
	expect(statuses.filter((status) => status === 401)).toHaveLength(3);
	expect(statuses.filter((status) => status === 429)).toHaveLength(297);
	expect(new Set((await Promise.all(right)).map((answer) => answer.status))).toEqual(new Set([200]));
});

test.for<readonly [string, readonly string[], number]>([
	[
		'addresses of one IPv6 network count as one',
		['2001:db8:0:1::1', '2001:db8:0:1:ffff::2', '2001:db8::1:0:0:0:3', '2001:db8:0:1::4'],
		3,
	],
	[
		'those of different networks do not',
		['2001:db8:0:1::1', '2001:db8:0:2::1', '2001:db8:0:3::1', '2001:db8:0:4::1'],
		4,
	],
])('%s', async ([, addresses, refused]) => {
	await using api = await started();
	const statuses: number[] = [];
	for (const ip of addresses)
		statuses.push(
			(await api.send('GET', '/api/secrets', { as: wrongKey(1), headers: { 'x-forwarded-for': ip } })).status,
		);
	expect(statuses.filter((status) => status === 401)).toHaveLength(refused);
});

const CALLER = { kind: 'api-key', subject: 'user:alice' } as unknown as Caller;

/** A check that ends when it is told to, as one of Vault does. */
function slowCheck() {
	const ends: (() => void)[] = [];
	return {
		ends,
		check: (valid: boolean) => async () => {
			await new Promise<void>((resolve) => ends.push(resolve));
			return valid ? ok(CALLER) : refuse(401, 'no');
		},
	};
}

test('beyond the limit four checks are under way at a time, others wait, and more than a thousand are refused', async () => {
	const login = createLoginLimit(2);
	const { ends, check } = slowCheck();
	const kinds: string[] = [];
	const calls = Array.from({ length: 1_100 }, async (_, i) => {
		kinds.push((await login('192.0.2.1', `wrong ${i}`, check(false))).kind);
	});
	await until('the calls beyond all limits to be refused', () => kinds.length === 1_100 - 1_000 - 4 - 2);
	expect(ends).toHaveLength(2 + 4);
	expect(new Set(kinds)).toEqual(new Set(['too-many']));
	// One after the other, four at a time.
	while (kinds.length < 1_100) {
		const under = ends.splice(0);
		expect(under.length).toBeLessThanOrEqual(6);
		for (const end of under) end();
		await new Promise((resolve) => setImmediate(resolve));
	}
	await Promise.all(calls);
	expect(kinds.filter((kind) => kind === 'checked')).toHaveLength(2);
});

test('beyond the limit valid credentials wait for their turn, and are remembered then', async () => {
	const login = createLoginLimit(1);
	const { ends, check } = slowCheck();
	const wrong = Array.from({ length: 20 }, (_, i) => login('192.0.2.1', `wrong ${i}`, check(false)));
	const valid = login('192.0.2.1', 'valid', check(true));
	const outcome: string[] = [];
	void valid.then(({ kind }) => outcome.push(kind));
	while (outcome.length === 0) {
		for (const end of ends.splice(0)) end();
		await new Promise((resolve) => setImmediate(resolve));
	}
	expect(await valid).toMatchObject({ kind: 'checked', authenticated: { ok: true } });
	await Promise.all(wrong);
	const more = Array.from({ length: 20 }, (_, i) => login('192.0.2.1', `more ${i}`, check(false)));
	// While others hold all places it is checked at once.
	await until('all places to be taken', () => ends.length === 4);
	const again = login('192.0.2.1', 'valid', async () => ok(CALLER));
	expect(await again).toMatchObject({ kind: 'checked', authenticated: { ok: true } });
	const done = Promise.all(more);
	let over = false;
	void done.then(() => {
		over = true;
	});
	while (!over) {
		for (const end of ends.splice(0)) end();
		await new Promise((resolve) => setImmediate(resolve));
	}
});

test('credentials that nobody could check do not count', async () => {
	const login = createLoginLimit(1);
	for (let i = 0; i < 5; i += 1)
		await expect(login('192.0.2.1', 'a', () => Promise.reject(new Error('Vault is away')))).rejects.toThrow(
			'away',
		);
	for (let i = 0; i < 5; i += 1)
		expect(await login('192.0.2.1', 'a', async () => refuse(503, 'away'))).toMatchObject({ kind: 'checked' });
	expect(await login('192.0.2.1', 'a', async () => refuse(401, 'no'))).toMatchObject({ kind: 'checked' });
	expect(await login('192.0.2.1', 'a', async () => refuse(401, 'no'))).toMatchObject({ kind: 'too-many' });
});

test('a question is asked once for parallel calls, and not again before its interval is over', async () => {
	let asked = 0;
	let answer: (value: number) => void = () => undefined;
	const ask = atMostEvery(50, () => {
		asked += 1;
		return new Promise<number>((resolve) => {
			answer = resolve;
		});
	});
	const calls = Array.from({ length: 10 }, () => ask());
	answer(1);
	expect(await Promise.all(calls)).toEqual(Array(10).fill(1));
	expect(asked).toBe(1);
	await until('it to be asked again', () => {
		void ask();
		return asked === 2;
	});
	answer(2);
});

test('a question that has no answer yet is not asked again, even when its interval is over', async () => {
	let asked = 0;
	const ask = atMostEvery(0, () => {
		asked += 1;
		return Promise.resolve();
	});
	await Promise.all(Array.from({ length: 10 }, () => ask()));
	expect(asked).toBe(1);
	await ask();
	expect(asked).toBe(2);
});
