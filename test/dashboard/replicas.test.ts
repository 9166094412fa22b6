/**
 * Sessions of the dashboard at two processes of the API, on one OpenBao and with a real provider whose
 * refresh tokens rotate: a token that is used twice ends the session there.
 */
import { randomBytes } from 'node:crypto';
import { rename, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { vaultEnv } from '../api/support/both.ts';
import { type ApiProcess, startApiProcess } from '../api/support/process.ts';
import { type StepProxy, startStepProxy } from '../api/support/step-proxy.ts';
import { type Answer, call } from '../support/http.ts';
import { type OpenBao, startOpenBao } from '../support/openbao.ts';
import { scratch } from '../support/scratch.ts';
import { until } from '../support/until.ts';
import { cookiesOf, logInByHttp } from './support/http-login.ts';
import { type LoginIssuer, startLoginIssuer } from './support/issuer.ts';

/** The address that browsers know. A load balancer without affinity is behind it. */
const ORIGIN = 'https://secrets.example.test';
const MINUTE = 60_000;
const CLOCK = import.meta.resolve('./support/shifted-clock.ts');

/** A replica, and the proxy through which it reaches OpenBao. */
interface Replica extends AsyncDisposable {
	readonly api: ApiProcess;
	readonly vault: StepProxy;
}

describe('two replicas', () => {
	const ending = new AsyncDisposableStack();
	let bao: OpenBao;
	let issuer: LoginIssuer;
	let a: Replica;
	let b: Replica;
	let start: () => Promise<Replica>;
	let clock: string;
	let shift = 0;
	beforeAll(async () => {
		bao = await startOpenBao();
		ending.defer(() => bao.stop());
		issuer = ending.use(await startLoginIssuer(() => ORIGIN));
		const place = ending.use(await scratch('replicas'));
		clock = join(place.dir, 'clock');
		await setClock(0);
		const keysFile = join(place.dir, 'keys.json');
		await writeFile(keysFile, JSON.stringify({ current: randomBytes(32).toString('base64') }));
		const env = await vaultEnv(bao);
		start = async () => {
			const vault = await startStepProxy(bao);
			const api = await startApiProcess(
				{
					...env,
					ENVTIER_VAULT_ADDR: vault.addr,
					ENVTIER_API_OIDC_ISSUER: issuer.url,
					ENVTIER_API_OIDC_CA: issuer.caPem,
					ENVTIER_API_OIDC_AUDIENCE: issuer.audience,
					ENVTIER_API_OIDC_LOGIN_SCOPES: 'openid offline_access secrets:read',
					ENVTIER_API_DASHBOARD: 'true',
					ENVTIER_API_DASHBOARD_ORIGIN: ORIGIN,
					ENVTIER_API_DASHBOARD_CLIENT_ID: issuer.clientId,
					ENVTIER_API_DASHBOARD_KEYS_FILE: keysFile,
					ENVTIER_LOG_LEVEL: 'debug',
					ENVTIER_TEST_CLOCK: clock,
					NODE_OPTIONS: `--import=${CLOCK}`,
				},
				[],
			);
			const dispose = async (): Promise<void> => {
				await api[Symbol.asyncDispose]();
				await vault[Symbol.asyncDispose]();
			};
			return { api, vault, [Symbol.asyncDispose]: dispose };
		};
		[a, b] = await Promise.all([start(), start()]);
		ending.use(a);
		ending.use(b);
	});
	afterAll(() => ending.disposeAsync());
	/** Renamed into place: a replica must not read half of it. */
	async function setClock(ms: number): Promise<void> {
		shift = ms;
		await writeFile(`${clock}.new`, String(ms));
		await rename(`${clock}.new`, clock);
	}
	beforeEach(async () => {
		await setClock(0);
		issuer.holdTokens({});
	});

	/** Moves the clocks of all replicas. Each looks at the file every 20 ms. */
	async function later(ms: number): Promise<void> {
		await setClock(shift + ms);
		const seen = performance.now() + 40;
		await until('the clocks to be read', () => performance.now() > seen, { everyMs: 10 });
	}
	const signIn = async (person: string, from = a, to = b): Promise<string> =>
		(await logInByHttp({ origin: ORIGIN, from: from.api.url, to: to.api.url, issuer: issuer.url }, person))
			.cookie;
	const OWN = { 'sec-fetch-site': 'same-origin', 'envtier-client': 'dashboard' };
	const whoAmI = ({ api }: Replica, cookie: string): Promise<Answer> =>
		call({ url: `${api.url}/api/whoami`, anyCertificate: true, headers: { ...OWN, cookie } });
	const signOut = ({ api }: Replica, cookie: string): Promise<Answer> =>
		call({
			...{ url: `${api.url}/ui/session/logout`, method: 'POST', anyCertificate: true, body: {} },
			headers: { ...OWN, cookie, origin: ORIGIN },
		});
	const requests = (what: string): number => issuer.requests().filter((one) => one === what).length;
	const refreshes = (): number => requests('token refresh_token');
	const names = async (): Promise<readonly string[]> => {
		const listed = await bao.request('LIST', 'secret/metadata/registry/sessions');
		return (listed.json as { data?: { keys?: string[] } } | undefined)?.data?.keys ?? [];
	};
	const statusOf = async (replica: Replica, cookie: string): Promise<number> =>
		(await whoAmI(replica, cookie)).status;

	test('a login that begins at one replica ends at the other, and counts at both', async () => {
		const cookie = await signIn('ada');
		expect(await whoAmI(a, cookie)).toMatchObject({ status: 200, json: { subject: 'user:ada' } });
		expect(await whoAmI(b, cookie)).toMatchObject({ status: 200, json: { subject: 'user:ada' } });
	});

	test('claims are taken again at one replica, then at the other, each time once for both', async () => {
		const cookie = await signIn('bob');
		const before = refreshes();
		await later(16 * MINUTE);
		const first = await whoAmI(a, cookie);
		expect(first.status, first.text).toBe(200);
		expect(cookiesOf(first)).toHaveLength(1);
		expect(refreshes()).toBe(before + 1);
		// The cookie is still the old one: the other replica takes what the first one wrote.
		expect(await statusOf(b, cookie)).toBe(200);
		expect(refreshes()).toBe(before + 1);
		await later(16 * MINUTE);
		expect(await statusOf(b, cookie)).toBe(200);
		expect(refreshes()).toBe(before + 2);
		// A role that was taken away is gone at both.
		await later(16 * MINUTE);
		issuer.setClaims('bob', { org: 'acme', roles: [] });
		for (const replica of [a, b])
			expect(await whoAmI(replica, cookie)).toMatchObject({ status: 200, json: { roles: [] } });
		issuer.setClaims('bob', { org: 'acme', roles: ['org_admin'] });
		expect(refreshes()).toBe(before + 3);
	});

	test('many calls at both replicas at once refresh once, and nobody is signed out', async () => {
		const cookie = await signIn('carol');
		const before = refreshes();
		for (let round = 1; round <= 3; round++) {
			await later(16 * MINUTE);
			const calls = [a, b, a, b, a, b].map((replica) => statusOf(replica, cookie));
			expect(await Promise.all(calls)).toEqual(Array.from(calls, () => 200));
			expect(refreshes()).toBe(before + round);
		}
	});

	test('signing out at one replica ends the session at the other, and at the issuer', async () => {
		const cookie = await signIn('dora');
		const revoked = requests('revocation');
		const held = (await names()).length;
		expect(await statusOf(b, cookie)).toBe(200);
		const out = await signOut(a, cookie);
		expect(out).toMatchObject({ status: 200, json: { location: expect.stringContaining('/session/end') } });
		expect(requests('revocation')).toBe(revoked + 1);
		expect(await statusOf(a, cookie)).toBe(401);
		await until('the other replica to know', async () => (await statusOf(b, cookie)) === 401, {
			timeoutMs: 5_000,
		});
		expect((await names()).length).toBe(held - 1);
	});

	test('an eleventh session ends the first one, here and at the issuer', async () => {
		const first = await signIn('ivy');
		// Their ends are compared by the second.
		await later(2_000);
		const revoked = requests('revocation');
		for (let count = 2; count <= 10; count++) await signIn('ivy');
		expect(await statusOf(a, first)).toBe(200);
		expect(requests('revocation')).toBe(revoked);
		const last = await signIn('ivy');
		await until('the token to be revoked', () => requests('revocation') === revoked + 1);
		await until('the replicas to know', async () => (await statusOf(a, first)) === 401);
		expect(await statusOf(b, last)).toBe(200);
	});

	test('signing out at one replica while the other refreshes ends the session, and revokes the new token', async () => {
		const cookie = await signIn('eve');
		const [before, revoked] = [refreshes(), requests('revocation')];
		await later(16 * MINUTE);
		const { promise: go, resolve } = Promise.withResolvers<void>();
		issuer.holdTokens({ after: () => go });
		const waiting = whoAmI(b, cookie);
		await until('the refresh', () => refreshes() === before + 1);
		expect((await signOut(a, cookie)).status).toBe(200);
		resolve();
		expect(await waiting).toMatchObject({ status: 401 });
		expect(cookiesOf(await waiting)).toEqual([]);
		await until('both tokens to be revoked', () => requests('revocation') === revoked + 2);
		expect(await statusOf(a, cookie)).toBe(401);
	});

	test('a replica that is killed before the issuer has used the token: another one goes on', async () => {
		const killed = ending.use(await start());
		const cookie = await signIn('fay');
		const before = refreshes();
		await later(16 * MINUTE);
		let asked = 0;
		issuer.holdTokens({
			before: () => {
				asked += 1;
				return asked === 1 ? new Promise(() => undefined) : Promise.resolve();
			},
		});
		void whoAmI(killed, cookie).catch(() => undefined);
		await until('the refresh to begin', () => asked === 1);
		await killed.api.process.stop(0);
		// The others wait as long as the killed one could still be at it.
		const waiting = whoAmI(b, cookie);
		await later(46_000);
		expect(await waiting).toMatchObject({ status: 200 });
		expect([asked, refreshes()]).toEqual([2, before + 1]);
		expect(await statusOf(a, cookie)).toBe(200);
	});

	test('a replica that is killed after the issuer has used the token: the person signs in again', async () => {
		const killed = ending.use(await start());
		const cookie = await signIn('gil');
		const before = refreshes();
		await later(16 * MINUTE);
		issuer.holdTokens({ after: () => new Promise(() => undefined) });
		void whoAmI(killed, cookie).catch(() => undefined);
		await until('the refresh', () => refreshes() === before + 1);
		await killed.api.process.stop(0);
		issuer.holdTokens({});
		await later(46_000);
		const after = await whoAmI(b, cookie);
		expect(after).toMatchObject({ status: 401, json: { error: expect.stringContaining('sign in again') } });
		expect(await statusOf(a, cookie)).toBe(401);
		expect(await statusOf(a, await signIn('gil'))).toBe(200);
	});

	test('while OpenBao is away a session goes on until its claims are old, and goes on when it is back', async () => {
		const cookie = await signIn('hal');
		await later(14 * MINUTE);
		a.vault.setFault(() => 'cut-before');
		expect(await statusOf(a, cookie)).toBe(200);
		await later(2 * MINUTE);
		const away = await whoAmI(a, cookie);
		expect(away).toMatchObject({ status: 503, json: { error: expect.stringContaining('secret store') } });
		a.vault.setFault(() => 'pass');
		expect(await statusOf(a, cookie)).toBe(200);
	});

	test('signing out while OpenBao is away ends the session there, and on the others when it is back', async () => {
		const cookie = await signIn('ida');
		a.vault.setFault(() => 'cut-before');
		expect((await signOut(a, cookie)).status).toBe(200);
		expect(await statusOf(a, cookie)).toBe(401);
		expect(await statusOf(b, cookie)).toBe(200);
		a.vault.setFault(() => 'pass');
		await until('the other replica to know', async () => (await statusOf(b, cookie)) === 401);
	});

	test('a write of the new token whose answer is lost ends no session', async () => {
		const cookie = await signIn('joe');
		const before = refreshes();
		await later(16 * MINUTE);
		let writes = 0;
		a.vault.setFault((_number, step) => {
			if (!/^(?:POST|PUT) .*data\/registry\/sessions/.test(step)) return 'pass';
			writes += 1;
			return writes === 2 ? 'cut-after' : 'pass';
		});
		expect(await statusOf(a, cookie)).toBe(200);
		expect(writes).toBeGreaterThan(1);
		a.vault.setFault(() => 'pass');
		await later(16 * MINUTE);
		expect(await statusOf(b, cookie)).toBe(200);
		expect(refreshes()).toBe(before + 2);
	});

	test('what OpenBao holds is sealed, and no log has a cookie or a record', async () => {
		const cookie = await signIn('kim');
		const all = await names();
		for (const name of all) {
			const stored = await bao.request('GET', `secret/data/registry/sessions/${name}`);
			const { data } = (stored.json as { data: { data: Record<string, string> } }).data;
			expect(Object.keys(data)).toEqual(['sealed']);
			expect(data['sealed']?.split('.')).toHaveLength(5);
			// The header alone is readable.
			const [header = ''] = data['sealed']?.split('.') ?? [];
			expect(JSON.parse(Buffer.from(header, 'base64url').toString())).toEqual({ alg: 'dir', enc: 'A256GCM' });
			for (const { api } of [a, b]) expect(api.process.output()).not.toContain(data['sealed']);
		}
		for (const { api } of [a, b]) expect(api.process.output()).not.toContain(cookie.split('=')[1]);
	});
});
