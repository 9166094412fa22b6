import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import {
	abandoned,
	filesWritten,
	type Grant,
	type LeaseState,
	minted,
	mintFailed,
	mintStarted,
	NO_LEASE,
	nextStep,
	renewalFailed,
	renewalRefused,
	renewed,
	resumed,
	revocationFailed,
	type Step,
	tokenIssued,
	tokenRevoked,
	tokensOf,
	writeFailed,
} from '../../../fetcher/refresh/lease-state.ts';
import type { SavedToken } from '../../../fetcher/vault.ts';

const MINUTE = 60_000;
const token = (value: string, expires = 1e12): SavedToken => ({ value, expires, revocable: true });

/** A secret that was issued at a time and is valid for `ttl` ms. */
function grant(since: number, more: Partial<Grant> = {}): Grant {
	const ttl = more.ttl ?? MINUTE;
	return {
		token: token(`token-${since}`),
		leaseId: `lease-${since}`,
		continuation: 'renew',
		...{ ttl, tokenTtl: 10 * MINUTE, since, expires: since + ttl },
		values: new Map([
			['DB_USERNAME', `user-${since}`],
			['DB_PASSWORD', `password-${since}`],
		]),
		...more,
	};
}

/** The state after a mint at this time and the write of its files. */
function held(
	since: number,
	more: Partial<Grant> = {},
	before: LeaseState = NO_LEASE,
	random = 0.5,
): LeaseState {
	const one = grant(since, more);
	const loggedIn = one.token === undefined ? before : tokenIssued(before, one.token);
	const started = mintStarted(loggedIn, since);
	return filesWritten(minted(started, one, since), random);
}

describe('the next step of a lease', () => {
	test('is a mint before the first secret', () => expect(nextStep(NO_LEASE, 0)).toEqual({ kind: 'mint' }));

	test('is the write of the files after a mint', () => {
		const state = minted(mintStarted(tokenIssued(NO_LEASE, token('token-0')), 0), grant(0), 0);
		expect(nextStep(state, 0)).toEqual({ kind: 'write' });
		expect(state.discarded).toEqual([]);
	});

	test.for([0, 0.999])('is a renewal after 60 % to two thirds of the life (random %s)', (random) => {
		const state = held(0, {}, NO_LEASE, random);
		const step = nextStep(state, 1);
		expect(step.kind).toBe('wait');
		const until = step.kind === 'wait' ? step.until : 0;
		expect(until).toBeGreaterThanOrEqual(36_000);
		expect(until).toBeLessThanOrEqual(40_000);
		expect(nextStep(state, until).kind).toBe('renew');
	});

	test('depends on the token when that ends before the lease', () => {
		const state = held(0, { tokenTtl: 4_000, expires: 4_000 });
		expect(nextStep(state, 2_700).kind).toBe('renew');
	});

	test('is another renewal after a full one', () => {
		const state = renewed(held(0), { ttl: MINUTE, tokenTtl: 10 * MINUTE }, 40_000, 0.5);
		expect(state.replace).toBe(false);
		expect(state.current?.expires).toBe(100_000);
		expect(nextStep(state, 70_000).kind).toBe('wait');
		expect(nextStep(state, 80_000).kind).toBe('renew');
	});

	test.for([
		['the lease', { ttl: 20_000, tokenTtl: 10 * MINUTE }],
		['the token', { ttl: MINUTE, tokenTtl: 30_000 }],
	] as const)('is a mint after a renewal that shortens %s, with a third of the life left', ([, renewal]) => {
		const state = renewed(held(0), renewal, 40_000, 0.5);
		expect(nextStep(state, 40_000).kind).toBe('mint');
		expect((state.current?.expires ?? 0) - 40_000).toBeGreaterThanOrEqual(MINUTE / 3);
	});

	test('ignores that Vault rounds to whole seconds', () => {
		expect(renewed(held(0), { ttl: MINUTE - 1_000, tokenTtl: 10 * MINUTE }, 40_000, 0).replace).toBe(false);
	});

	test('is a mint after a refused renewal', () =>
		expect(nextStep(renewalRefused(held(0), 40_000), 40_000).kind).toBe('mint'));

	test('is a renewal again when Vault did not answer, and a mint when the lease has ended meanwhile', () => {
		const state = renewalFailed(held(0), 40_000, 0.9);
		expect(nextStep(state, 40_500).kind).toBe('wait');
		expect(nextStep(state, 46_000).kind).toBe('renew');
		expect(nextStep(state, 60_000).kind).toBe('mint');
	});

	test('is a mint at two thirds of the life of a certificate', () => {
		const state = held(0, { token: undefined, leaseId: undefined, continuation: 'replace' });
		expect(nextStep(state, 35_000).kind).toBe('wait');
		expect(nextStep(state, 40_000).kind).toBe('mint');
	});

	test('is a mint right after the change of a static secret, not before', () => {
		const state = held(0, { token: undefined, leaseId: undefined, continuation: 'reread' });
		expect(nextStep(state, 60_500).kind).toBe('wait');
		expect(nextStep(state, 62_000).kind).toBe('mint');
	});

	test('is the revocation of the replaced token only after the end of its lease', () => {
		const state = held(40_000, {}, held(0));
		expect(state.discarded).toEqual([{ token: token('token-0'), notBefore: 65_000 }]);
		expect(nextStep(state, 64_000).kind).toBe('wait');
		const step = nextStep(state, 65_000);
		expect(step).toEqual({ kind: 'revoke', token: token('token-0') });
		expect(nextStep(tokenRevoked(state, token('token-0')), 65_000).kind).toBe('wait');
		expect(nextStep(revocationFailed(state, token('token-0'), 65_000), 66_000).kind).toBe('wait');
	});

	test('is no third mint within a minute', () => {
		let state = mintFailed(mintStarted(NO_LEASE, 0), 100, 0);
		state = mintFailed(mintStarted(state, 5_000), 5_100, 0);
		expect(nextStep(state, 60_000)).toEqual({ kind: 'wait', until: 61_000 });
		expect(nextStep(state, 61_000).kind).toBe('mint');
	});

	test('respects Retry-After', () => {
		const state = mintFailed(NO_LEASE, 0, 0.5, 30_000);
		expect(nextStep(state, 40_000).kind).toBe('wait');
	});

	test('is the revocation of a token whose mint failed', () => {
		const state = mintFailed(mintStarted(tokenIssued(NO_LEASE, token('t')), 0), 0, 0.5);
		expect(nextStep(state, 0)).toEqual({ kind: 'revoke', token: token('t') });
	});

	test('is a mint after the end of the process that held the secret, and its tokens are revoked again', () => {
		const state = abandoned(held(0));
		expect(tokensOf(state)).toEqual([token('token-0')]);
		expect(state.mints).toEqual([0]);
		expect(nextStep(state, 1_000).kind).toBe('mint');
	});

	test('waits a minute at most after the clock was set back', () => {
		const state = resumed({ ...NO_LEASE, mints: [1e9, 1e9 + 1] }, 0);
		expect(nextStep(state, 61_000).kind).toBe('mint');
	});
});

/** What Vault and the disk do at one step. */
const outcomes = fc.record({
	mint: fc.constantFrom('done', 'login fails', 'response lost', 'refused'),
	renew: fc.constantFrom('full', 'full', 'shortened', 'refused', 'unavailable'),
	write: fc.constantFrom('done', 'done', 'done', 'fails'),
	revoke: fc.boolean(),
	/** What happens to the process. */
	process: fc.constantFrom(
		'runs',
		'runs',
		'runs',
		'runs',
		'runs',
		'runs',
		'is killed',
		'ends and starts again',
	),
	random: fc.double({ min: 0, max: 0.999_999, noNaN: true }),
	/** Duration of the step, in ms. */
	takes: fc.integer({ min: 1, max: 15_000 }),
});
type Outcome = typeof outcomes extends fc.Arbitrary<infer T> ? T : never;

/** What a run saw. */
interface History {
	readonly mints: number[];
	/** Tokens that were revoked while the files held their secret, other than at the end of a process. */
	readonly revokedInUse: string[];
	readonly steps: { readonly kind: string; readonly at: number }[];
	/** The values in the files after each write. */
	readonly files: ReadonlyMap<string, string>[];
	/** Renewals of secrets that were replaced. */
	readonly renewedOld: number[];
}

/** Plays a script: the lease, its files and the process, in fake time. */
function play(ttl: number) {
	const history: History = { mints: [], revokedInUse: [], renewedOld: [], steps: [], files: [] };
	let state = NO_LEASE;
	let inFiles: Grant | undefined;
	let now = 0;
	let logins = 0;

	const take: { readonly [K in Step['kind']]: (step: Extract<Step, { kind: K }>, outcome: Outcome) => void } =
		{
			wait: ({ until }) => {
				expect(until).toBeGreaterThan(now);
				now = until;
			},
			mint: (_, { mint, random, takes }) => {
				if (mint === 'login fails') {
					state = mintFailed(state, now, random);
					return;
				}
				logins += 1;
				const [own, at] = [token(`token-${logins}`), now];
				state = mintStarted(tokenIssued(state, own), at);
				history.mints.push(at);
				now += takes;
				const done = mint === 'done';
				state = done ? minted(state, grant(at, { token: own, ttl }), now) : mintFailed(state, now, random);
			},
			renew: (step, { renew, random, takes }) => {
				const sent = now;
				if (step.grant !== state.current) history.renewedOld.push(sent);
				now += takes;
				if (renew === 'refused') state = renewalRefused(state, now);
				else if (renew === 'unavailable') state = renewalFailed(state, now, random);
				else {
					const life = renew === 'full' ? ttl : ttl / 2 - 1_000;
					state = renewed(state, { ttl: life, tokenTtl: 10 * MINUTE }, sent, random);
				}
			},
			write: (_, { write, random }) => {
				if (write === 'done') {
					inFiles = state.current;
					history.files.push(state.current?.values ?? new Map());
				}
				state = write === 'done' ? filesWritten(state, random) : writeFailed(state, now, random);
			},
			revoke: (step, { revoke, takes }) => {
				const value = step.token.value;
				const lives = inFiles !== undefined && now < inFiles.expires;
				if (lives && value === inFiles?.token?.value) history.revokedInUse.push(value);
				now += takes;
				state = revoke ? tokenRevoked(state, step.token) : revocationFailed(state, step.token, now);
			},
		};

	return {
		history,
		restart: (process: Outcome['process']): void => {
			if (process === 'runs') return;
			state = resumed(state, now);
			if (process === 'is killed') return;
			state = abandoned(state);
			inFiles = undefined;
		},
		step: (outcome: Outcome): void => {
			const step = nextStep(state, now);
			history.steps.push({ kind: step.kind, at: now });
			take[step.kind](step as never, outcome);
		},
	};
}

function run(script: readonly Outcome[], ttl: number): History {
	const { history, restart, step } = play(ttl);
	for (const outcome of script) {
		restart(outcome.process);
		step(outcome);
	}
	return history;
}

describe('whatever Vault, the disk and the process do', () => {
	const scripts = fc.array(outcomes, { minLength: 20, maxLength: 200 });
	const ttls = fc.constantFrom(1_000, 2_000, 10_000, MINUTE, 60 * MINUTE);
	const check = (holds: (history: History) => void): void =>
		fc.assert(
			fc.property(scripts, ttls, (script, ttl) => {
				holds(run(script, ttl));
			}),
			{ numRuns: 500 },
		);

	test('there are at most two mints in any minute', () =>
		check(({ mints }) => {
			for (const [i, at] of mints.entries()) {
				const third = mints[i + 2];
				if (third !== undefined) expect(third - at).toBeGreaterThan(MINUTE);
			}
		}));

	test('no token is revoked while the files hold its secret and its lease lives', () =>
		check(({ revokedInUse }) => expect(revokedInUse).toEqual([])));

	test('the files hold user name and password of one mint', () =>
		check(({ files }) => {
			for (const values of files)
				expect(values.get('DB_USERNAME')?.slice('user-'.length)).toBe(
					values.get('DB_PASSWORD')?.slice('password-'.length),
				);
		}));

	test('only the current secret is renewed', () => check(({ renewedOld }) => expect(renewedOld).toEqual([])));

	test('there is at most one renewal a second', () =>
		check(({ steps }) => {
			const times = steps.filter(({ kind }) => kind === 'renew').map(({ at }) => at);
			for (const [i, at] of times.entries())
				expect((times[i + 1] ?? Number.POSITIVE_INFINITY) - at).toBeGreaterThanOrEqual(1_000);
		}));
});
