/** Cookies that hold claims: sealing, age, refresh, end. Without a browser. */
import { randomBytes } from 'node:crypto';
import type { Response } from 'express';
import { ResponseBodyError } from 'openid-client';
import pino from 'pino';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { createTokenCheck } from '../../api/auth/oidc.ts';
import type { IssuerAccess, ServerTokens } from '../../api/session/oidc/client.ts';
import { keepRecords } from '../../api/session/oidc/records.ts';
import { parseSealingKeys, type SealingKeys, seal, unseal } from '../../api/session/oidc/sealed.ts';
import { keepSessions, SESSION_COOKIE } from '../../api/session/oidc/sessions.ts';
import { readSettings } from '../../api/settings/settings.ts';
import { createMemoryStore } from '../../api/store/memory.ts';
import { type Issuer, startIssuer } from '../api/support/issuer.ts';

const key = (): Buffer => randomBytes(32);

describe('sealed data', () => {
	test('is opened by the current and the previous key, for its purpose alone', async () => {
		const [one, two, three] = [key(), key(), key()];
		const sealed = await seal([one], 'session', { sid: 'a' }, 60);
		expect(await unseal([one], 'session', sealed)).toMatchObject({ sid: 'a' });
		expect(await unseal([two, one], 'session', sealed)).toMatchObject({ sid: 'a' });
		expect(await unseal([two, three], 'session', sealed)).toBeUndefined();
		expect(await unseal([one], 'login', sealed)).toBeUndefined();
		expect(await unseal([one], 'session', `${sealed.slice(0, -2)}xx`)).toBeUndefined();
		expect(await unseal([one], 'session', 'x.y.z')).toBeUndefined();
		expect(await unseal([one], 'session', await seal([one], 'session', {}, -60))).toBeUndefined();
	});

	test.each([
		['{"current": "short"}', false],
		['[]', false],
		['no JSON', false],
		[JSON.stringify({ current: key().toString('base64') }), true],
		[JSON.stringify({ current: key().toString('base64'), previous: key().toString('base64') }), true],
		[JSON.stringify({ current: key().toString('base64'), other: 'x' }), false],
	])('the key file %.20s… is accepted: %s', (text, accepted) => {
		expect(parseSealingKeys(text).ok).toBe(accepted);
	});
});

describe('sessions', () => {
	let issuer: Issuer;
	beforeAll(async () => {
		issuer = await startIssuer();
	});
	afterAll(() => issuer?.[Symbol.asyncDispose]());

	/** A keeper with a clock, and an issuer whose refreshes are counted. */
	function start() {
		const read = readSettings({
			ENVTIER_API_STORE: 'memory',
			ENVTIER_API_OIDC_ISSUER: issuer.url,
			ENVTIER_API_OIDC_CA: issuer.caPem,
		});
		if (!read.ok || read.value.oidc === undefined) throw new Error('the settings are wrong');
		const { oidc } = read.value;
		let now = Date.now();
		let refreshes = 0;
		let claims: object = {
			sub: 'ada',
			org: ['acme', 'globex'],
			roles: ['acme:org_admin'],
			scope: 'secrets:read',
		};
		let failure: Error | undefined;
		const tokens = async (): Promise<ServerTokens> => ({
			token: await issuer.session(claims as Record<string, unknown>),
			refreshToken: 'refresh',
			idToken: 'id',
		});
		const access = {
			refresh: async () => {
				refreshes += 1;
				if (failure !== undefined) throw failure;
				return await tokens();
			},
		} as unknown as IssuerAccess;
		const keys: SealingKeys = [key()];
		const log = pino({ level: 'silent' });
		const verify = createTokenCheck(oidc);
		const store = createMemoryStore();
		const records = {
			...keepRecords({ store, keys, now: () => new Date(now), onRemoved: () => undefined }),
			store,
		};
		let waited = 0;
		const wait = (ms: number): Promise<void> => {
			waited += ms;
			return Promise.resolve();
		};
		const revoke = () => Promise.resolve();
		const shared = { keys, oidc, issuer: access, revoke, verify, log, now: () => new Date(now), wait };
		const make = (of = records) => keepSessions({ ...shared, records: of });
		const cookies: string[] = [];
		const response = {
			append: (_name: string, cookie: string) => void cookies.push(cookie),
		} as unknown as Response;
		const cookie = () =>
			cookies
				.at(-1)
				?.split(';')[0]
				?.slice(SESSION_COOKIE.length + 1) ?? '';
		return {
			...{ keeper: make(), make, tokens, response, cookie, cookies },
			...{ records, refreshes: () => refreshes, waits: () => waited },
			later: (minutes: number) => {
				now += minutes * 60_000;
			},
			setClaims: (next: object) => {
				claims = next;
			},
			refuse: () => {
				const response = new Response('', { status: 400 });
				failure = new ResponseBodyError('refused', { cause: { error: 'invalid_grant' }, response });
			},
			/** The issuer does not answer, or no longer so. */
			break: (broken: boolean) => {
				failure = broken ? new TypeError('fetch failed') : undefined;
			},
		};
	}

	test('the claims decide, with the organization that the call names', async () => {
		const { keeper, tokens, response, cookie } = start();
		expect((await keeper.begin(response, await tokens())).ok).toBe(true);
		const acme = await keeper.callerOf(response, cookie(), 'acme');
		expect(acme).toMatchObject({ value: { subject: 'user:ada', org: 'acme', adminOrgs: ['acme'] } });
		const none = await keeper.callerOf(response, cookie(), undefined);
		expect(none).toMatchObject({ value: { org: undefined, orgs: ['acme', 'globex'] } });
	});

	test('after 15 minutes the claims are taken again, once for all requests at the same time', async () => {
		const { keeper, tokens, response, cookie, refreshes, later, setClaims, cookies } = start();
		await keeper.begin(response, await tokens());
		const old = cookie();
		later(14);
		await keeper.callerOf(response, old, 'acme');
		expect(refreshes()).toBe(0);
		later(2);
		setClaims({ sub: 'ada', org: 'acme', roles: [], scope: 'secrets:read' });
		const callers = await Promise.all([1, 2, 3].map(() => keeper.callerOf(response, old, 'acme')));
		expect(refreshes()).toBe(1);
		// A role that was taken away is gone.
		for (const caller of callers) expect(caller).toMatchObject({ ok: true, value: { adminOrgs: [] } });
		// Eight hours from the login.
		expect(cookies.at(-1)).toMatch(/SameSite=Strict; Max-Age=27840$/);
		await keeper.callerOf(response, cookie(), 'acme');
		expect(refreshes()).toBe(1);
	});

	test('a session goes on at another replica, and ends everywhere when the issuer refuses', async () => {
		const one = start();
		await one.keeper.begin(one.response, await one.tokens());
		const cookie = one.cookie();
		expect((await one.make().callerOf(one.response, cookie, 'acme')).ok).toBe(true);
		one.later(16);
		expect((await one.make().callerOf(one.response, cookie, 'acme')).ok).toBe(true);
		one.later(16);
		one.refuse();
		expect(await one.make().callerOf(one.response, cookie, 'acme')).toMatchObject({ error: { status: 401 } });
		expect(await one.keeper.callerOf(one.response, cookie, 'acme')).toMatchObject({ error: { status: 401 } });
	});

	test('a call waits ten seconds for the renewal of another replica, then it is to try again', async () => {
		const { keeper, tokens, response, cookie, later, records, refreshes, waits } = start();
		await keeper.begin(response, await tokens());
		later(16);
		const [name = ''] = await records.store.list('registry/sessions');
		const found = await records.read(name);
		if (found === undefined) throw new Error('there is no record');
		const renewal = { by: 'another replica', until: Date.now() + 17 * 60_000 };
		await records.replace(name, { ...found.record, renewal }, found.version);
		const caller = () => keeper.callerOf(response, cookie(), 'acme');
		expect(await caller()).toMatchObject({ error: { status: 503 } });
		expect([waits(), refreshes()]).toEqual([10_000, 0]);
		// That replica has stopped.
		later(2);
		expect((await caller()).ok).toBe(true);
		expect(refreshes()).toBe(1);
	});

	test('a session ends eight hours after its login, however much it is used', async () => {
		const { keeper, tokens, response, cookie, later } = start();
		await keeper.begin(response, await tokens());
		for (let quarter = 1; quarter < 4 * 8; quarter++) {
			later(15);
			expect((await keeper.callerOf(response, cookie(), 'acme')).ok).toBe(true);
		}
		later(16);
		expect(await keeper.callerOf(response, cookie(), 'acme')).toMatchObject({ error: { status: 401 } });
	});

	test('an issuer that does not answer ends no session: it goes on when it answers again', async () => {
		const session = start();
		await session.keeper.begin(session.response, await session.tokens());
		session.later(16);
		session.break(true);
		const caller = () => session.keeper.callerOf(session.response, session.cookie(), 'acme');
		expect(await caller()).toMatchObject({ error: { status: 503 } });
		session.break(false);
		expect((await caller()).ok).toBe(true);
	});

	test('after its end a copied cookie is worth nothing', async () => {
		const { keeper, tokens, response, cookie } = start();
		await keeper.begin(response, await tokens());
		const copied = cookie();
		expect(await keeper.end(copied)).toMatchObject({ refreshToken: 'refresh' });
		expect(await keeper.callerOf(response, copied, 'acme')).toMatchObject({ error: { status: 401 } });
		expect(await keeper.end(copied)).toBeUndefined();
	});

	test('claims that do not fit into a cookie are refused with a sentence', async () => {
		const { keeper, tokens, response, setClaims, cookies } = start();
		const groups = Array.from({ length: 300 }, (_, index) => `group-${index}`);
		setClaims({ sub: 'ada', org: 'acme', groups });
		expect(await keeper.begin(response, await tokens())).toMatchObject({
			error: { status: 403, message: expect.stringContaining('too long') },
		});
		expect(cookies).toEqual([]);
	});

	test('a token for another audience begins no session', async () => {
		const { keeper, tokens, response, setClaims } = start();
		setClaims({ sub: 'ada', aud: 'another', org: 'acme' });
		expect(await keeper.begin(response, await tokens())).toMatchObject({ error: { status: 401 } });
	});
});
