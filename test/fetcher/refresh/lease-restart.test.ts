import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { handedOver, hurried, isAlive, restored } from '../../../fetcher/refresh/lease-restart.ts';
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
import { turnOf } from '../../../fetcher/refresh/lease-turn.ts';
import {
	BETWEEN_RESTARTS,
	LEAVING,
	mayRestartAt,
	NO_RESTARTS,
	nextStep as nextRestart,
	type RestartEvent,
	startState,
	wakesAt,
} from '../../../fetcher/refresh/restart.ts';
import type { SavedToken } from '../../../fetcher/vault.ts';

const MINUTE = 60_000;
const HOUR = 60 * MINUTE;

/** A secret that was issued at a time and is valid for `ttl` ms. */
function grant(since: number, ttl: number, name = `${since}`, more: Partial<Grant> = {}): Grant {
	return {
		token: { value: `token-${name}`, expires: 1e12, revocable: true },
		leaseId: `lease-${name}`,
		continuation: 'renew',
		...{ ttl, tokenTtl: 24 * HOUR, since, expires: since + ttl },
		values: new Map([
			['DB_USERNAME', `user-${name}`],
			['DB_PASSWORD', `password-${name}`],
		]),
		...more,
	};
}

/** The state after the write of a secret. */
function written(one: Grant, spread = 0): LeaseState {
	const loggedIn = one.token === undefined ? NO_LEASE : tokenIssued(NO_LEASE, one.token);
	return filesWritten(minted(mintStarted(loggedIn, one.since), one, one.since), 0.5, spread);
}

describe('the turn of a pod whose lease is replaced', () => {
	test.for([
		['within the spread', HOUR, 0.5, 5 * MINUTE, 2.5 * MINUTE],
		['within half of what is left', 4 * MINUTE, 0.5, HOUR, MINUTE],
		['early enough for the restart', 20_000, 0.5, HOUR, 2_500],
		['at once when nothing is left', 10_000, 0.9, HOUR, 0],
		['at once after the end', -5_000, 0.9, HOUR, 0],
		['at once without a restart', HOUR, 0.9, 0, 0],
	] as const)('comes %s', ([, left, random, spread, after]) => {
		expect(turnOf(1_000 + left, 1_000, random, spread)).toBe(1_000 + after);
	});

	test('comes not before the pod may restart: a secret that waits ends', () => {
		const ended = written(grant(0, MINUTE));
		expect(nextStep(ended, 2 * MINUTE, 2 * MINUTE + 5_000)).toEqual({
			...{ kind: 'wait', until: 2 * MINUTE + 5_000 },
		});
		expect(nextStep(ended, 2 * MINUTE + 5_000, 2 * MINUTE + 5_000).kind).toBe('mint');
	});

	test('leaves half of the rest, and the time of a restart, whatever the spread', () =>
		fc.assert(
			fc.property(
				fc.integer({ min: 15_000, max: 24 * HOUR }),
				fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true }),
				fc.integer({ min: 10_000, max: 24 * HOUR }),
				(left, random, spread) => {
					const turn = turnOf(left, 0, random, spread);
					expect(turn).toBeGreaterThanOrEqual(0);
					expect(turn).toBeLessThanOrEqual(Math.min(spread, left / 2));
					expect(left - turn).toBeGreaterThanOrEqual(LEAVING);
				},
			),
		));

	const spread = 5 * MINUTE;
	const state = written(grant(0, HOUR));
	test.for<[string, LeaseState, number]>([
		[
			'a shortened renewal',
			renewed(state, { ttl: 20 * MINUTE, tokenTtl: HOUR }, 40 * MINUTE, 0.5, spread),
			40,
		],
		['a refused renewal', renewalRefused(state, 40 * MINUTE, 0.5, spread), 40],
		[
			'two thirds of the life of a certificate',
			written(grant(0, HOUR, '0', { continuation: 'replace', token: undefined, leaseId: undefined }), spread),
			38,
		],
	])('is drawn after %s: until then nothing is issued', ([, replaced, minutes]) => {
		const from = minutes * MINUTE;
		const step = nextStep(replaced, from);
		expect(step.kind).toBe('wait');
		const until = step.kind === 'wait' ? step.until : 0;
		expect(until - from).toBeGreaterThanOrEqual(2.5 * MINUTE);
		expect(until - from).toBeLessThanOrEqual(spread);
		expect(nextStep(replaced, until).kind).toBe('mint');
		// It is not renewed any more, and lives until its end.
		expect(tokensOf(replaced)).toEqual(tokensOf(written(replaced.current ?? grant(0, 1))));
	});

	test('comes at once when the pod restarts for another reason', () => {
		const waiting = renewalRefused(state, 40 * MINUTE, 0.5, spread);
		expect(nextStep(hurried(waiting, 40 * MINUTE), 40 * MINUTE).kind).toBe('mint');
		expect(hurried(state, MINUTE)).toBe(state);
	});

	test('is none for a secret that may have been revoked', () => {
		const doubted = { ...state, doubted: true };
		expect(nextStep(renewalRefused(doubted, 10, 0.9, spread), 10).kind).toBe('mint');
		const sure = renewed(doubted, { ttl: HOUR, tokenTtl: 24 * HOUR }, 10, 0.5, spread);
		expect(sure.doubted).toBe(false);
	});
});

describe('a new secret that waits for the restart', () => {
	const waiting = minted(written(grant(0, HOUR)), grant(40 * MINUTE, HOUR), 40 * MINUTE);

	test('is offered again, and its predecessor is not revoked', () => {
		const state = handedOver(waiting, 40 * MINUTE);
		expect(nextStep(state, 40 * MINUTE + 1).kind).toBe('wait');
		expect(nextStep(state, 40 * MINUTE + 30_000).kind).toBe('write');
		expect(state.discarded).toEqual([{ token: grant(0, HOUR).token, notBefore: HOUR + 5_000 }]);
	});

	test('is issued anew when it has ended before a restart could write it', () => {
		const state = writeFailed(waiting, 40 * MINUTE, 0.5);
		expect(nextStep(state, 41 * MINUTE).kind).toBe('write');
		expect(nextStep(state, 100 * MINUTE).kind).toBe('mint');
	});
});

describe('an init container that must start the application with the earlier files', () => {
	const earlier = written(grant(0, HOUR));
	const failed = mintFailed(mintStarted(abandoned(earlier), 5_000), 6_000, 0.5);

	test('keeps their secret, and the times of its attempts', () => {
		const state = restored(earlier, failed, 10_000, false);
		expect(state).toMatchObject({ current: earlier.current, written: true, doubted: false });
		expect(state.mints).toEqual([0, 5_000]);
		expect(tokensOf(state)).toEqual([earlier.current?.token]);
		expect(nextStep(state, 10_000).kind).toBe('wait');
	});

	test('has it renewed at once if the earlier sidecar may have revoked it', () =>
		expect(nextStep(restored(earlier, failed, 10_000, true), 10_000).kind).toBe('renew'));

	test('has it replaced at once if it cannot be renewed', () => {
		const ssh = written(grant(0, HOUR, '0', { continuation: 'replace' }));
		expect(nextStep(restored(ssh, abandoned(ssh), 10_000, true), 10_000).kind).toBe('mint');
	});

	test('keeps a certificate, which nobody revokes', () => {
		const tls = written(
			grant(0, HOUR, '0', { continuation: 'replace', token: undefined, leaseId: undefined }),
		);
		expect(restored(tls, abandoned(tls), 10_000, true)).toMatchObject({
			current: tls.current,
			doubted: false,
		});
	});

	test.for<[string, LeaseState, LeaseState]>([
		['the earlier one has ended', written(grant(-HOUR, HOUR)), failed],
		['there was none', NO_LEASE, failed],
		['it has issued a new one', earlier, minted(failed, grant(7_000, HOUR), 7_000)],
	])('leaves the state of its attempt if %s', ([, before, after]) =>
		expect(restored(before, after, 10_000, true)).toBe(after),
	);

	test('takes a secret for alive until its end', () => {
		expect([isAlive(earlier, HOUR - 1), isAlive(earlier, HOUR), isAlive(NO_LEASE, 0)]).toEqual([
			...[true, false, false],
		]);
	});
});

/** What Vault, the disk and the kernel do at one step. */
const outcomes = fc.record({
	mint: fc.constantFrom('done', 'done', 'login fails', 'response lost', 'refused'),
	renew: fc.constantFrom('full', 'shortened', 'refused', 'unavailable'),
	write: fc.constantFrom('done', 'done', 'done', 'fails'),
	revoke: fc.boolean(),
	/** Whether a secret of the tiers changes. */
	change: fc.constantFrom(false, false, false, false, true),
	/** SIGKILL before the step, or within a restart: before the mark, or between the mark and the exit. */
	kill: fc.constantFrom('none', 'none', 'none', 'none', 'before', 'before the mark', 'after the mark'),
	random: fc.double({ min: 0, max: 0.999_999, noNaN: true }),
	/** Duration of a request, in ms. */
	takes: fc.integer({ min: 1, max: 15_000 }),
});
type Outcome = typeof outcomes extends fc.Arbitrary<infer T> ? T : never;
const GOOD: Outcome = {
	...{ mint: 'done', renew: 'full', write: 'done', revoke: true, change: false, kill: 'none' },
	...{ random: 0.5, takes: 5 },
};

/** Starts later than 0, so that a restart before the first one is no special case. */
const START = 1_000_000;

/** One generation of files. */
interface Files {
	readonly lease: Grant;
	/** The version of the tiers. */
	readonly version: number;
}

/** A pod with one lease, in fake time: Vault, the private file, the files, the sidecar, the application. */
class World {
	readonly mints: number[] = [];
	readonly restarts: number[] = [];
	/** Tokens that were revoked while the files or the application had their secret, which lived. */
	readonly revokedInUse: string[] = [];
	/** What each start of the application found. */
	readonly starts: Files[] = [];
	readonly unready: { from: number; to: number }[] = [];
	now = START;
	/** Secrets in Vault by token, with their ends. */
	readonly #vault = new Map<string, number>();
	lease: LeaseState = NO_LEASE;
	files: Files;
	app: Files;
	/** The version of the tiers in Vault. */
	version = 1;
	memory = NO_RESTARTS;
	/** A generation was written for a restart that was not asked for yet. */
	pending = false;
	#restart = startState(NO_RESTARTS, START, START);
	#logins = 0;
	readonly #ttl: number;
	readonly #spread: number;
	readonly #heeds: boolean;

	constructor(ttl: number, spread: number, heeds: boolean) {
		[this.#ttl, this.#spread, this.#heeds] = [ttl, spread, heeds];
		// The init container.
		this.#mint(GOOD);
		this.lease = filesWritten(this.lease, 0.5, spread);
		this.files = { lease: this.lease.current ?? grant(0, 0), version: 1 };
		this.app = this.files;
		this.starts.push(this.files);
	}

	step(outcome: Outcome): void {
		if (outcome.change) this.version += 1;
		if (outcome.kill === 'before') this.#startSidecar();
		if (this.#restart.kind !== 'leaving') this.#check(outcome);
		if (this.now >= wakesAt(this.#restart)) this.#proceed(outcome);
		else this.#keep(nextStep(this.lease, this.now, mayRestartAt(this.#restart)), outcome);
	}

	/** Whether a secret works. */
	lives({ token }: Grant): boolean {
		return (this.#vault.get(token?.value ?? '') ?? 0) > this.now;
	}

	/** Secrets in Vault that live and that nobody knows any more. */
	orphans(): readonly string[] {
		const known = tokensOf(this.lease).map(({ value }) => value);
		return [...this.#vault].flatMap(([token, end]) =>
			end > this.now && !known.includes(token) ? [token] : [],
		);
	}

	/** A new process, without an init container before it. */
	#startSidecar(): void {
		this.lease = resumed(this.lease, this.now);
		this.#restart = startState(this.memory, this.now, this.now);
		this.#ready();
		if (!this.memory.requested) return;
		this.memory = { ...this.memory, requested: false, unheeded: true };
		this.pending = false;
	}

	#ready(): void {
		const last = this.unready.at(-1);
		if (last?.to === Number.POSITIVE_INFINITY) last.to = this.now;
	}

	#take(event: RestartEvent) {
		const { state, action } = nextRestart(this.#restart, event, this.now, this.#spread);
		this.#restart = state;
		return action;
	}

	#proceed({ kill, write, random }: Outcome): void {
		const action = this.#take({ kind: 'time' });
		if (action === 'leave') {
			this.unready.push({ from: this.now, to: Number.POSITIVE_INFINITY });
			this.lease = hurried(this.lease, this.now);
		}
		if (action !== 'restart') return;
		if (write === 'fails') {
			this.#take({ kind: 'failed', random });
			this.#ready();
			if (!this.lease.written) this.lease = writeFailed(this.lease, this.now, random);
			return;
		}
		this.pending = true;
		this.#writeFiles();
		if (kill === 'before the mark') {
			this.#startSidecar();
			return;
		}
		this.memory = { last: this.now, requested: true, unheeded: false };
		this.lease = filesWritten(this.lease, random, this.#spread);
		if (kill === 'none' || kill === 'before') {
			this.restarts.push(this.now);
			if (this.#heeds) this.#adopt();
		}
		this.#startSidecar();
	}

	/** The init container finds the mark: it asks Vault for nothing. */
	#adopt(): void {
		this.memory = { ...this.memory, last: this.now, requested: false };
		this.pending = false;
		this.app = this.files;
		this.starts.push(this.files);
	}

	#keep(step: Step, outcome: Outcome): void {
		const { random, takes } = outcome;
		switch (step.kind) {
			case 'wait':
				this.now = Math.max(this.now, Math.min(step.until, wakesAt(this.#restart)));
				return;
			case 'mint':
				this.#mint(outcome);
				return;
			case 'renew':
				this.#renew(outcome);
				return;
			case 'write':
				this.#offer(outcome);
				return;
			case 'revoke':
				this.now += takes;
				if (outcome.revoke) this.#revoke(step.token.value);
				this.lease = outcome.revoke
					? tokenRevoked(this.lease, step.token)
					: revocationFailed(this.lease, step.token, this.now);
				return;
			default:
				throw new Error(`no step: ${random}`, { cause: step satisfies never });
		}
	}

	#revoke(value: string): void {
		const inUse = [this.files, this.app].some(({ lease }) => lease.token?.value === value);
		if (inUse && (this.#vault.get(value) ?? 0) > this.now) this.revokedInUse.push(value);
		this.#vault.delete(value);
	}

	#mint({ mint, random, takes }: Outcome): void {
		if (mint === 'login fails') {
			this.lease = mintFailed(this.lease, this.now, random);
			return;
		}
		this.#logins += 1;
		const token: SavedToken = { value: `token-${this.#logins}`, expires: 1e12, revocable: true };
		this.lease = mintStarted(tokenIssued(this.lease, token), this.now);
		this.mints.push(this.now);
		const one = grant(this.now, this.#ttl, String(this.#logins), { token });
		this.now += takes;
		if (mint !== 'refused') this.#vault.set(token.value, one.expires);
		this.lease =
			mint === 'done' ? minted(this.lease, one, this.now) : mintFailed(this.lease, this.now, random);
	}

	#renew({ renew, random, takes }: Outcome): void {
		const sent = this.now;
		this.now += takes;
		if (renew === 'unavailable') this.lease = renewalFailed(this.lease, this.now, random);
		else if (renew === 'refused') this.lease = renewalRefused(this.lease, this.now, random, this.#spread);
		else {
			const ttl = renew === 'full' ? this.#ttl : this.#ttl / 2 - 1_000;
			this.lease = renewed(this.lease, { ttl, tokenTtl: 24 * HOUR }, sent, random, this.#spread);
			this.#vault.set(this.lease.current?.token?.value ?? '', sent + ttl);
		}
	}

	/** The write step. */
	#offer(outcome: Outcome): void {
		this.#check(outcome);
		if (!this.lease.written) this.lease = handedOver(this.lease, this.now);
	}

	/** The restarter gets what is not delivered, or writes it itself if restarts are not heeded. */
	#check({ write, random }: Outcome): void {
		const { lease, version } = this.files;
		const isSame = lease.token?.value === this.lease.current?.token?.value && version === this.version;
		if (isSame && !this.pending) {
			this.lease = filesWritten(this.lease, random, this.#spread);
			this.#take({ kind: 'unchanged' });
			return;
		}
		const action = this.#take({ kind: 'changed', random, urgent: !this.lease.written });
		if (action !== 'write') return;
		if (write === 'fails')
			this.lease = this.lease.written ? this.lease : writeFailed(this.lease, this.now, random);
		else {
			this.#writeFiles();
			this.lease = filesWritten(this.lease, random, this.#spread);
		}
	}

	#writeFiles(): void {
		this.files = { lease: this.lease.current ?? this.files.lease, version: this.version };
	}
}

describe('whatever Vault, the disk and the kernel do, with a restart for each new secret', () => {
	const scripts = fc.array(outcomes, { minLength: 20, maxLength: 200 });
	const ttls = fc.constantFrom(30_000, MINUTE, 5 * MINUTE, HOUR);
	const spreads = fc.constantFrom(10_000, 5 * MINUTE, HOUR);
	const check = (holds: (world: World, heeds: boolean) => void): void =>
		fc.assert(
			fc.property(scripts, ttls, spreads, fc.boolean(), (script, ttl, spread, heeds) => {
				const world = new World(ttl, spread, heeds);
				for (const outcome of script) world.step(outcome);
				holds(world, heeds);
			}),
			{ numRuns: 500 },
		);

	test('there are at most two mints in any minute, also across restarts', () =>
		check(({ mints }) => {
			for (const [i, at] of mints.entries()) {
				const third = mints[i + 2];
				if (third !== undefined) expect(third - at).toBeGreaterThan(MINUTE);
			}
		}));

	test('no token is revoked while files or application have its secret and it lives', () =>
		check(({ revokedInUse }) => expect(revokedInUse).toEqual([])));

	test('each start of the application finds user name and password of one mint', () =>
		check(({ starts }) => {
			for (const { lease } of starts)
				expect(lease.values.get('DB_USERNAME')?.slice('user-'.length)).toBe(
					lease.values.get('DB_PASSWORD')?.slice('password-'.length),
				);
		}));

	test('restarts are a minute apart, and a kubelet that ignores them sees one', () =>
		check(({ restarts }, heeds) => {
			for (const [i, at] of restarts.entries())
				if (i > 0) expect(at - (restarts[i - 1] ?? 0)).toBeGreaterThanOrEqual(BETWEEN_RESTARTS - 0.001);
			if (!heeds) expect(restarts.length).toBeLessThanOrEqual(1);
		}));

	test('the pod is unready for the 10 s before a restart', () =>
		check(({ restarts, unready }) => {
			for (const at of restarts) expect(unready.some(({ from }) => from <= at - LEAVING + 0.001)).toBe(true);
		}));

	test('in the end the application has the current secrets, and no other one lives that nobody knows', () =>
		check((world, heeds) => {
			const end = world.now + 3 * HOUR;
			while (world.now < end) world.step(GOOD);
			expect(world.orphans()).toEqual([]);
			expect(world.files.lease.token).toEqual(world.lease.current?.token);
			expect(world.files.version).toBe(world.version);
			// A kill between mark and exit looks like a kubelet that ignores the exit code.
			if (!heeds || world.memory.unheeded) return;
			expect(world.app).toEqual(world.files);
			expect(world.lives(world.app.lease)).toBe(true);
		}));
});
