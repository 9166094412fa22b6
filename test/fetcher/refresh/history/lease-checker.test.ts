import { expect, test } from 'vitest';
import type { Sample } from './checker.ts';
import { type LeaseHistory, type LeaseViolation, leaseViolationsOf } from './lease-checker.ts';

const secrets = (
	user: string,
	password = `password of ${user}`,
	url = `${user}:${encodeURIComponent(password)}@`,
) => ({
	DB_USERNAME: user,
	DB_PASSWORD: password,
	DATABASE_URL: `postgres://${url}db`,
});

const look = (from: number, user: string, ...more: readonly string[]): Sample => ({
	...{ from, to: from + 1, generation: `g${from}` },
	files: { env: secrets(user, ...more), 'env.json': secrets(user, ...more) },
});

const issue = (user: string, at: number) => ({
	user,
	password: `password of ${user}`,
	token: `token of ${user}`,
	at,
});

/** Three users, one after another; the answer with the second was lost, and its token revoked. */
const GOOD: LeaseHistory = {
	samples: [look(1_000, 'a'), look(71_500, 'c'), look(150_000, 'c')],
	issues: [issue('a', 500), issue('b', 70_000), issue('c', 71_000)],
	revocations: [{ token: 'token of b', at: 70_500 }],
	created: [
		{ user: 'a', at: 450 },
		{ user: 'b', at: 69_900 },
		{ user: 'c', at: 70_900 },
	],
	dropped: [
		{ user: 'b', at: 70_600 },
		{ user: 'a', at: 90_000 },
	],
	sessions: [
		{ user: 'a', from: 2_000, to: 2_010 },
		{ user: 'a', from: 71_400, to: 80_000 },
		{ user: 'c', from: 140_000, to: undefined },
	],
	refusals: [],
	bound: 10_000,
};

test('finds nothing in a good history', () => expect(leaseViolationsOf(GOOD)).toEqual([]));

test.each<[string, Partial<LeaseHistory>, LeaseViolation['rule']]>([
	[
		'a user with the password of another one',
		{ samples: [look(1_000, 'a', 'password of c'), ...GOOD.samples.slice(1)] },
		'mixed-lease',
	],
	[
		'a URL of another user',
		{ samples: [look(1_000, 'a', 'password of a', 'c:password%20of%20c@'), ...GOOD.samples.slice(1)] },
		'mixed-lease',
	],
	[
		'two files with different users',
		{
			samples: [
				{ ...look(1_000, 'a'), files: { env: secrets('a'), 'env.json': secrets('c', 'password of a') } },
				...GOOD.samples.slice(1),
			],
		},
		'mixed-lease',
	],
	[
		'a user in the files that nobody issued',
		{ samples: [look(1_000, 'x'), ...GOOD.samples.slice(1)] },
		'unknown-role',
	],
	[
		'a role in PostgreSQL that Vault’s audit log does not have',
		{ created: [...GOOD.created, { user: 'x', at: 149_000 }] },
		'unknown-role',
	],
	[
		'a user in Vault’s audit log that PostgreSQL does not have',
		{ issues: [...GOOD.issues, issue('x', 149_000)] },
		'unknown-role',
	],
	[
		'files that go back to an earlier user',
		{ samples: [...GOOD.samples.slice(0, 2), look(72_000, 'a'), look(73_000, 'c')] },
		'went-back',
	],
	[
		'a user that is in the files after PostgreSQL has dropped it',
		{ dropped: [{ user: 'a', at: 60_000 }] },
		'file-after-end',
	],
	[
		'a user that is in the files after Vault has revoked its token',
		{ revocations: [{ token: 'token of a', at: 60_000 }] },
		'file-after-end',
	],
	[
		'a session that begins after its user was dropped',
		{ sessions: [{ user: 'a', from: 90_001, to: 90_002 }] },
		'session-after-end',
	],
	[
		'a session that begins after its token was revoked',
		{ sessions: [{ user: 'b', from: 70_550, to: 70_560 }] },
		'session-after-end',
	],
	[
		'a session that is open when its user ends',
		{ sessions: [{ user: 'a', from: 80_000, to: 90_500 }] },
		'session-after-end',
	],
	[
		'a session that never ends although its user has',
		{ sessions: [{ user: 'a', from: 80_000, to: undefined }] },
		'session-after-end',
	],
	[
		'a connection that PostgreSQL refused',
		{ refusals: [{ user: 'a', at: 91_000, message: 'password authentication failed for user "a"' }] },
		'refused-connection',
	],
	[
		'a user that never comes into the files, and lives on',
		{ samples: [look(1_000, 'a'), look(85_000, 'a')] },
		'lost-lease',
	],
	[
		'three users within a minute',
		{ created: GOOD.created.map(({ user }, i) => ({ user, at: 60_000 + i })) },
		'too-many-roles',
	],
])('finds %s', (_what, planted, rule) => {
	expect(leaseViolationsOf({ ...GOOD, ...planted }).map((one) => one.rule)).toContain(rule);
});
