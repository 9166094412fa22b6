import { createServer } from 'node:net';
import { expect } from 'vitest';
import { enableAuth, must, writeRole } from '../../support/openbao-setup.ts';
import { json, type ScriptedAnswer } from '../../support/scripted-vault.ts';
import { type Backend, startReal } from '../support/backends.ts';
import {
	type Case,
	type FaultFixture,
	type FaultTarget,
	failsAtDeadline,
	failsAtOnce,
	fillTiers,
	HARMLESS,
	SUCCEEDS_ON_RETRY,
	scripted,
} from './fault.ts';
import { STAGES } from './responses.ts';

/** Each request gets this answer first, and Vault's own from then on. */
function once(fixture: FaultFixture, answer: () => ScriptedAnswer): Promise<FaultTarget> {
	const seen = new Set<string>();
	let again = false;
	return scripted(fixture, ({ path }) => {
		if (path.includes('revoke')) return undefined;
		again ||= seen.has(path);
		if (seen.has(path)) return undefined;
		seen.add(path);
		return answer();
	}).then((target) => ({ ...target, tries: () => (again ? 2 : 1) }));
}

const inSeconds = (clock: number, seconds: number): Record<string, string> => ({
	date: new Date(clock).toUTCString(),
	'retry-after': new Date(clock + seconds * 1_000).toUTCString(),
});

const YEAR_2001 = Date.UTC(2001, 0, 1);

const FIRST: readonly (readonly [string, () => ScriptedAnswer])[] = [
	['412', () => json(412, {})],
	['429', () => json(429, { errors: [] })],
	['503', () => json(503, { errors: [] })],
	[
		'400 while a KV mount becomes version 2',
		() => json(400, { errors: ['Upgrading from non-versioned to versioned data.'] }),
	],
	['502 in HTML', () => ({ status: 502, headers: { 'content-type': 'text/html' }, body: '<h1>' })],
	[
		'JSON that is cut off',
		() => ({ status: 200, headers: { 'content-type': 'application/json' }, body: '{' }),
	],
];

/** Answers the login once with this; `waited` gives the pause before the next try. */
async function quietFor(
	fixture: FaultFixture,
	answer: ScriptedAnswer,
): Promise<FaultTarget & { waited(): number }> {
	const times: number[] = [];
	const target = await scripted(fixture, ({ path }) => {
		if (!STAGES.login(path)) return undefined;
		times.push(performance.now());
		return times.length === 1 ? answer : undefined;
	});
	return { ...target, tries: () => times.length, waited: () => (times[1] ?? 0) - (times[0] ?? 0) };
}

const RETRY_AFTER: readonly Case[] = [
	['429 with Retry-After: 1', json(429, { errors: [] }, { 'retry-after': '1' })] as const,
	['503 with Retry-After: 1', json(503, { errors: [] }, { 'retry-after': '1' })] as const,
	[
		'Retry-After as a date, where the clocks differ by years',
		json(429, { errors: [] }, inSeconds(YEAR_2001, 1)),
	] as const,
].map(([what, answer]) => ({
	what: `${what}, as the first answer`,
	expected: SUCCEEDS_ON_RETRY,
	target: async (fixture) => {
		const target = await quietFor(fixture, answer);
		const dispose = async (): Promise<void> => {
			await target[Symbol.asyncDispose]();
			// Up to as long again, so that pods that were told so together don't come back together.
			expect(target.waited()).toBeGreaterThanOrEqual(995);
			expect(target.waited()).toBeLessThan(10_000);
		};
		return { ...target, [Symbol.asyncDispose]: dispose };
	},
}));

/** The Vault of a test's own, in front of which `when` is told of the first list. */
export async function atTheFirstList(
	fixture: FaultFixture,
	vault: Backend,
	when: (token: string) => Promise<void>,
	stage: 'list' | 'read' = 'list',
): Promise<FaultTarget> {
	const seen = new Map<string, number>();
	let told: Promise<void> | undefined;
	const target = await scripted({ vault, authority: fixture.authority }, async ({ path, headers }) => {
		if (!STAGES[stage](path)) return undefined;
		seen.set(path, (seen.get(path) ?? 0) + 1);
		told ??= when(String(headers['x-vault-token']));
		await told;
		return undefined;
	});
	return { ...target, tries: () => Math.max(0, ...seen.values()) };
}

const revokedAt = (stage: 'list' | 'read'): Case => ({
	what: 'the token is revoked midway',
	at: stage,
	expected: failsAtOnce(
		22,
		/it does not know the token any more that it gave at the login: the token was revoked/,
	),
	target: (fixture) =>
		atTheFirstList(
			fixture,
			fixture.vault,
			async (token) => void (await must(fixture.vault, 'POST', 'auth/token/revoke-self', { token })),
			stage,
		),
});

/** Vault is killed at the first list and starts again, sealed at first. */
async function restarted(fixture: FaultFixture): Promise<FaultTarget> {
	const vault = await startReal({ durable: true });
	await fillTiers(vault);
	let back: Promise<void> | undefined;
	const target = await atTheFirstList(fixture, vault, async () => {
		await vault.kill();
		back = vault.start();
	});
	return {
		...target,
		vault,
		[Symbol.asyncDispose]: async () => {
			await back;
			await target[Symbol.asyncDispose]();
			await vault[Symbol.asyncDispose]();
		},
	};
}

/** Vault's own limit on logins: one in four seconds, and none left. */
async function limited({ vault }: FaultFixture): Promise<FaultTarget> {
	const mount = 'limited';
	await enableAuth(vault, 'jwt', { at: mount });
	const config = await must(vault, 'GET', 'auth/jwt/config');
	const { jwt_validation_pubkeys } = (config as { data: { jwt_validation_pubkeys: string[] } }).data;
	await must(vault, 'POST', `auth/${mount}/config`, { body: { jwt_validation_pubkeys } });
	await writeRole(vault, mount, 'web', {
		...{ role_type: 'jwt', user_claim: 'sub', bound_audiences: ['vault'], token_policies: ['web'] },
		bound_subject: 'system:serviceaccount:shop:web',
	});
	const path = `auth/${mount}/`;
	await must(vault, 'POST', 'sys/quotas/rate-limit/logins', { body: { path, rate: 1, interval: '4s' } });
	const logIn = () =>
		vault.request('POST', `auth/${mount}/login`, { token: '', body: { role: 'web', jwt: vault.jwt() } });
	while ((await logIn()).status !== 429);
	let tries = 0;
	return {
		env: { ENVTIER_VAULT_AUTH_MOUNT: mount },
		tries: () => tries,
		[Symbol.asyncDispose]: async () => {
			tries = 2;
			await must(vault, 'DELETE', 'sys/quotas/rate-limit/logins');
			await must(vault, 'DELETE', `sys/auth/${mount}`);
		},
	};
}

/**
 * A redirect to another host, which must get no request; to the same path there, as from a standby, or to
 * another path.
 */
async function redirecting(
	fixture: FaultFixture,
	status: number,
	at: 'login' | 'list' | 'read',
	to: 'the same' | 'another' = 'another',
): Promise<FaultTarget> {
	let heard = 0;
	const other = createServer(() => {
		heard += 1;
	});
	await new Promise<void>((resolve) => other.listen(0, '127.0.0.2', resolve));
	const address = other.address();
	const port = typeof address === 'object' ? address?.port : 0;
	const location = (path: string) =>
		`https://127.0.0.2:${port}/v1/${to === 'the same' ? path : 'sys/health'}`;
	const target = await scripted(fixture, ({ path }) =>
		STAGES[at](path) ? { status, headers: { location: location(path) }, body: '' } : undefined,
	);
	return {
		...target,
		[Symbol.asyncDispose]: async () => {
			await target[Symbol.asyncDispose]();
			await new Promise((resolve) => other.close(resolve));
			expect(heard).toBe(0);
		},
	};
}

/** Secrets that change during the fetch, and redirects. */
export const CHANGES: readonly Case[] = [
	...FIRST.map(
		([what, answer]): Case => ({
			what: `${what}, as the first answer to every request`,
			expected: SUCCEEDS_ON_RETRY,
			target: (fixture) => once(fixture, answer),
		}),
	),
	...RETRY_AFTER,
	{
		what: 'Retry-After beyond the deadline',
		expected: failsAtOnce(24, /it asks for a pause of 3600 s, longer than the \d+(\.\d)? s left/),
		target: async (fixture) => {
			const answer = json(429, { errors: [] }, { 'retry-after': '3600' });
			return await scripted(fixture, ({ path }) => (STAGES.login(path) ? answer : undefined));
		},
		also: ({ ms }) => expect(ms).toBeLessThan(30_000),
	},
	{
		what: 'a rate limit of Vault’s own (429)',
		expected: SUCCEEDS_ON_RETRY,
		target: limited,
		also: ({ log }) => expect(log[0]?.msg).toMatch(/asks for fewer requests \(429/),
	},
	...[301, 302, 303, 307, 308].flatMap((status) =>
		(['login', 'list', 'read'] as const).map(
			(at): Case => ({
				what: `a redirect to another host (${status})`,
				at,
				expected: failsAtOnce(
					28,
					new RegExp(`a redirect \\(${status}\\) to https://127.0.0.2:\\d+; Envtier follows none`),
				),
				target: (fixture) => redirecting(fixture, status, at),
			}),
		),
	),
	...(['login', 'list', 'read'] as const).map(
		(at): Case => ({
			what: 'a redirect to the same path of another host (307), as standbys give it',
			at,
			expected: failsAtDeadline(
				24,
				/is a standby that cannot pass requests on now but redirects them to https:\/\/127.0.0.2:\d+; Envtier follows none/,
			),
			target: (fixture) => redirecting(fixture, 307, at, 'the same'),
		}),
	),
	revokedAt('list'),
	revokedAt('read'),
	{
		what: 'Vault is restarted between login and list, and keeps its data',
		expected: SUCCEEDS_ON_RETRY,
		target: restarted,
	},
	{
		what: 'Vault’s clock is ahead: the pod’s token has expired',
		expected: failsAtOnce(21, /the pod’s token has expired .* by Vault’s clock/),
		target: () => skewed({ exp: 1_700_000_000, iat: 1_699_999_000, nbf: 1_699_999_000 }),
	},
	{
		what: 'Vault’s clock is behind: the pod’s token is not valid yet',
		expected: failsAtOnce(21, /the pod’s token is not valid yet by Vault’s clock/),
		target: () => skewed({ nbf: 4_000_000_000, exp: 4_000_001_000 }),
	},
	{
		what: 'Vault’s clock is behind by less than a minute',
		expected: HARMLESS,
		target: () => skewed({ nbf: Math.floor(Date.now() / 1000) + 45 }),
	},
];

/** The pod's token says this. */
function skewed(claims: Readonly<Record<string, unknown>>): Promise<FaultTarget> {
	const nothing = () => Promise.resolve();
	return Promise.resolve({ env: {}, claims, tries: () => 1, [Symbol.asyncDispose]: nothing });
}
