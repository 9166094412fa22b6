import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import {
	BETWEEN_RESTARTS,
	LEAVING,
	NO_RESTARTS,
	nextStep,
	type RestartEvent,
	type RestartMemory,
	type RestartState,
	restartMemoryIn,
	startState,
	wakesAt,
} from '../../../fetcher/refresh/restart.ts';

const SPREAD = 300_000;
const IDLE = { kind: 'idle', notBefore: 0 } as const;
const WAITING = { kind: 'waiting', notBefore: 0, at: 5_000 } as const;
const GOING = { kind: 'leaving', until: 15_000 } as const;
const NO_MORE = { kind: 'unheeded' } as const;
const RESTARTING = { kind: 'restarting' } as const;
const changed = (random = 0.5, urgent = false) => ({ kind: 'changed', random, urgent }) as const;
const TIME = { kind: 'time' } as const;
const SAME = { kind: 'unchanged' } as const;

describe('one step', () => {
	test.for<[string, RestartState, RestartEvent, number, RestartState, string]>([
		[
			'a change waits a random part of the spread',
			IDLE,
			changed(),
			1_000,
			{ ...WAITING, at: 151_000 },
			'nothing',
		],
		[
			'a change soon after a restart waits for the minute',
			{ ...IDLE, notBefore: 60_000 },
			changed(0),
			1_000,
			{ kind: 'waiting', notBefore: 60_000, at: 60_000 },
			'nothing',
		],
		['a further change does not wait anew', WAITING, changed(), 4_000, WAITING, 'nothing'],
		[
			'a new secret that has had its turn waits no spread',
			IDLE,
			changed(0.5, true),
			1_000,
			{ ...WAITING, at: 1_000 },
			'nothing',
		],
		[
			'a new secret soon after a restart waits for the minute',
			{ ...IDLE, notBefore: 60_000 },
			changed(0.5, true),
			1_000,
			{ kind: 'waiting', notBefore: 60_000, at: 60_000 },
			'nothing',
		],
		[
			'a new secret brings a restart forward',
			{ ...WAITING, at: 90_000 },
			changed(0.5, true),
			4_000,
			{ ...WAITING, at: 4_000 },
			'nothing',
		],
		['a new secret puts no restart off', WAITING, changed(0.5, true), 6_000, WAITING, 'nothing'],
		['a change that was taken back restarts nothing', WAITING, SAME, 4_000, IDLE, 'nothing'],
		['its turn has not come', WAITING, TIME, 4_999, WAITING, 'nothing'],
		['at its turn the pod leaves its endpoints', WAITING, TIME, 5_000, GOING, 'leave'],
		['10 s are not over', GOING, TIME, 14_999, GOING, 'nothing'],
		['after 10 s it restarts', GOING, TIME, 15_000, RESTARTING, 'restart'],
		[
			'after a failed write it returns, for a minute at least',
			RESTARTING,
			{ kind: 'failed', random: 0 },
			15_000,
			{ kind: 'waiting', notBefore: 75_000, at: 75_000 },
			'return',
		],
		['without restarts a change is written at once', NO_MORE, changed(), 0, NO_MORE, 'write'],
		['without restarts time changes nothing', NO_MORE, TIME, 0, NO_MORE, 'nothing'],
	])('%s', ([, state, event, now, next, action]) => {
		expect(nextStep(state, event, now, SPREAD)).toEqual({ state: next, action });
	});
});

describe('a sidecar that starts', () => {
	const DATE = 1_800_000_000_000;
	test.for<[string, RestartMemory, RestartState]>([
		['in a new pod may restart it', NO_RESTARTS, { kind: 'idle', notBefore: 1_000 }],
		[
			'20 s after a restart waits 40 s',
			{ ...NO_RESTARTS, last: DATE - 20_000 },
			{ kind: 'idle', notBefore: 41_000 },
		],
		[
			'an hour after a restart may restart',
			{ ...NO_RESTARTS, last: DATE - 3_600_000 },
			{ kind: 'idle', notBefore: 1_000 },
		],
		[
			'waits a minute at most, also when the date was set back',
			{ ...NO_RESTARTS, last: DATE + 86_400_000 },
			{ kind: 'idle', notBefore: 61_000 },
		],
		[
			'without an init container before it restarts no more',
			{ last: DATE, requested: true, unheeded: false },
			NO_MORE,
		],
		['never restarts again after that', { last: DATE, requested: false, unheeded: true }, NO_MORE],
	])('%s', ([, memory, state]) => expect(startState(memory, 1_000, DATE)).toEqual(state));

	test.for([
		['nothing', undefined],
		['other types', { last: '1', requested: 'yes', unheeded: 1 }],
	] as const)('reads %s as no restarts', ([, found]) => expect(restartMemoryIn(found)).toEqual(NO_RESTARTS));
});

/** One thing that happens in the life of a pod, after some time. */
type Happening =
	| { readonly kind: 'change' | 'lease' | 'revert'; readonly after: number; readonly random: number }
	/** The sidecar is killed and starts again, without an init container. */
	| { readonly kind: 'kill'; readonly after: number; readonly random: number }
	/** The next write fails. */
	| { readonly kind: 'fault'; readonly after: number; readonly random: number };

const happening = fc.record({
	kind: fc.constantFrom('change', 'change', 'change', 'lease', 'revert', 'kill', 'fault'),
	after: fc.integer({ min: 0, max: 400_000 }),
	random: fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true }),
}) as fc.Arbitrary<Happening>;

const CHECK = 10_000;
const START = 1_800_000_000_000;

/** Plays happenings with a check every 10 s. Returns what the pod saw, with times. */
function play(happenings: readonly Happening[], spread: number, heeds: boolean) {
	let now = 0;
	let memory = NO_RESTARTS;
	let state = startState(memory, now, START);
	let differs = false;
	let urgent = false;
	let fault = false;
	const ready: { at: number; ready: boolean }[] = [];
	const restarts: number[] = [];
	const start = (): void => {
		if (memory.requested) memory = { ...memory, requested: false, unheeded: true };
		ready.push({ at: now, ready: true });
	};
	const take = (event: RestartEvent): void => {
		const step = nextStep(state, event, now, spread);
		state = step.state;
		if (step.action === 'leave') ready.push({ at: now, ready: false });
		if (step.action === 'return') ready.push({ at: now, ready: true });
		if (step.action === 'write') differs = false;
		if (step.action !== 'restart') return;
		if (fault) {
			fault = false;
			take({ kind: 'failed', random: 0.5 });
			return;
		}
		differs = false;
		restarts.push(now);
		memory = { last: START + now, requested: true, unheeded: false };
		if (heeds) memory = { ...memory, requested: false };
		state = startState(memory, now, START + now);
		start();
	};
	const until = (end: number, random: number): void => {
		let check = now + CHECK;
		for (;;) {
			const wake = state.kind === 'leaving' ? wakesAt(state) : Math.min(check, wakesAt(state));
			if (wake > end) break;
			now = Math.max(now, wake);
			take({ kind: 'time' });
			if (state.kind === 'leaving' || now < check) continue;
			take(differs ? { kind: 'changed', random, urgent } : { kind: 'unchanged' });
			check = now + CHECK;
		}
		now = end;
	};
	for (const { kind, after, random } of happenings) {
		until(now + after, random);
		urgent = kind === 'lease' || (urgent && differs);
		if (kind === 'change' || kind === 'lease') differs = true;
		else if (kind === 'revert') differs = false;
		else if (kind === 'fault') fault = true;
		else {
			state = startState(memory, now, START + now);
			start();
		}
	}
	until(now + 2 * (spread + BETWEEN_RESTARTS + LEAVING) + 2 * CHECK, 0.99);
	return { ready, restarts, differs, memory };
}

const lives = fc.tuple(fc.array(happening, { maxLength: 30 }), fc.integer({ min: 10_000, max: 600_000 }));

describe('in every life of a pod', () => {
	test('two restarts are a minute apart at least', () => {
		fc.assert(
			fc.property(lives, ([happenings, spread]) => {
				const { restarts } = play(happenings, spread, true);
				for (const [i, at] of restarts.entries())
					if (i > 0) expect(at - (restarts[i - 1] ?? 0)).toBeGreaterThanOrEqual(BETWEEN_RESTARTS - 0.001);
			}),
		);
	});

	test('a restart comes when the pod has been unready for 10 s', () => {
		fc.assert(
			fc.property(lives, ([happenings, spread]) => {
				const { restarts, ready } = play(happenings, spread, true);
				for (const at of restarts) {
					const before = ready.filter((change) => change.at <= at && !(change.at === at && change.ready));
					expect(before.at(-1)?.ready).toBe(false);
					expect(at - (before.at(-1)?.at ?? at)).toBeCloseTo(LEAVING, 3);
				}
			}),
		);
	});

	test('the pod is ready in the end, and no change is lost', () => {
		fc.assert(
			fc.property(lives, fc.boolean(), ([happenings, spread], heeds) => {
				const { ready, differs } = play(happenings, spread, heeds);
				expect(ready.at(-1)?.ready ?? true).toBe(true);
				expect(differs).toBe(false);
			}),
		);
	});

	test('a kubelet that ignores the exit code sees it once, and later changes are written', () => {
		fc.assert(
			fc.property(lives, ([happenings, spread]) => {
				const { restarts, memory } = play(happenings, spread, false);
				expect(restarts.length).toBeLessThanOrEqual(1);
				expect(memory.unheeded).toBe(restarts.length === 1);
			}),
		);
	});

	test('pods that see a change together restart within the spread, and not together', () => {
		const randoms = fc.array(fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true }), {
			minLength: 3,
			maxLength: 3,
		});
		fc.assert(
			fc.property(randoms, fc.integer({ min: 10_000, max: 86_400_000 }), (values, spread) => {
				for (const random of values) {
					const { state } = nextStep({ kind: 'idle', notBefore: 0 }, changed(random), 1_000, spread);
					expect(wakesAt(state) - 1_000).toBeCloseTo(random * spread, 3);
					expect(wakesAt(state)).toBeLessThanOrEqual(1_000 + spread);
				}
			}),
		);
	});
});
