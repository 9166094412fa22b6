import { describe, expect, test } from 'vitest';
import { BACKDATED_MS } from '../../../pki/authority.ts';
import { shouldAdopt } from '../../../webhook/certificates/self-managed/adoption.ts';
import { decide, dueAt, type ReconcileStep } from '../../../webhook/certificates/self-managed/decide.ts';
import {
	NO_OBSERVATIONS,
	type Observations,
	observe,
} from '../../../webhook/certificates/self-managed/observations.ts';
import type {
	CertificateInfo,
	CertificateState,
	SigningCa,
	Trust,
} from '../../../webhook/certificates/self-managed/state.ts';

const DAY = 86_400_000;
const SETTLE = 10_000;
const NOW = 1_800_000_000_000;
const POLICY = { leafLife: 90 * DAY, caLife: 720 * DAY, settle: SETTLE, jitter: 0 };

/** A certificate of this life in days that was made so many days ago. */
const known = (id: string, life: number, age: number): CertificateInfo => ({
	id,
	from: NOW - age * DAY - BACKDATED_MS,
	until: NOW + (life - age) * DAY,
});
const ca = (id: string, age: number, signs = true): SigningCa => ({ ...known(id, 720, age), hasKey: signs });
const leaf = (age: number): CertificateInfo => known('leaf', 90, age);

const NOTHING: CertificateState = { current: undefined, next: undefined, leaf: undefined, retired: [] };
const WELL: CertificateState = { ...NOTHING, current: ca('one', 10), leaf: leaf(10) };
const ROLLING: CertificateState = { ...WELL, current: ca('one', 481), next: ca('two', 0) };

interface Case {
	readonly state: CertificateState;
	/** Undefined: there is no webhook configuration. */
	readonly trust?: Trust | undefined;
	/** For how long it has been as it is. */
	readonly lasting?: number;
	readonly secret: ReconcileStep['secret'];
	/** Ids in the caBundle from now on; undefined: left as it is. */
	readonly trusts?: readonly string[];
}

const CASES: Readonly<Record<string, Case>> = {
	'no Secret: a CA is made, and signs nothing yet': { state: NOTHING, trust: [[]], secret: 'prepare' },
	'a CA that nobody trusts yet is made trusted': {
		state: { ...NOTHING, next: ca('one', 0) },
		trust: [[]],
		secret: undefined,
		trusts: ['one'],
	},
	'the first CA signs as soon as it is trusted, for nothing can be lost': {
		state: { ...NOTHING, next: ca('one', 0) },
		trust: [[ca('one', 0)]],
		secret: 'promote',
	},
	'the first CA waits where something else is trusted: somebody may show its certificate': {
		state: { ...NOTHING, next: ca('one', 0) },
		trust: [[ca('one', 0), ca('other', 5)]],
		secret: undefined,
	},
	'where all that is trusted has ended nothing is waited for': {
		state: { ...NOTHING, next: ca('one', 0) },
		trust: [[ca('one', 0), known('ended', 10, 11)]],
		secret: 'promote',
		trusts: ['one'],
	},
	'without a webhook configuration nobody calls, and nothing is waited for': {
		state: { ...NOTHING, next: ca('one', 0) },
		secret: 'promote',
	},
	'all is well': { state: WELL, trust: [[ca('one', 10)]], secret: undefined },
	'a certificate short of two thirds of its life stays': {
		state: { ...WELL, leaf: leaf(59.9) },
		trust: [[ca('one', 10)]],
		secret: undefined,
	},
	'a certificate past two thirds of its life is renewed': {
		state: { ...WELL, leaf: leaf(60.1) },
		trust: [[ca('one', 10)]],
		lasting: SETTLE,
		secret: 'renew',
	},
	'a certificate that is missing is made anew': {
		state: { ...WELL, leaf: undefined },
		trust: [[ca('one', 10)]],
		secret: 'renew',
	},
	'a certificate from the future is of no use': {
		state: { ...WELL, leaf: leaf(-1) },
		trust: [[ca('one', 10)]],
		secret: 'renew',
	},
	'nothing is renewed by a CA that has only just come to be trusted': {
		state: { ...WELL, leaf: leaf(60.1) },
		trust: [[ca('one', 10)]],
		lasting: SETTLE - 1,
		secret: undefined,
	},
	'nothing is renewed while its CA is not trusted; that comes first': {
		state: { ...WELL, leaf: leaf(61) },
		trust: [[]],
		secret: undefined,
		trusts: ['one'],
	},
	'a CA past two thirds of its life gets a successor': {
		state: { ...WELL, current: ca('one', 481) },
		trust: [[ca('one', 481)]],
		secret: 'prepare',
	},
	'a CA without its key gets a successor': {
		state: { ...WELL, current: ca('one', 10, false) },
		trust: [[ca('one', 10)]],
		secret: 'prepare',
	},
	'a successor is trusted beside the present CA': {
		state: ROLLING,
		trust: [[ca('one', 481)]],
		secret: undefined,
		trusts: ['two', 'one'],
	},
	'a successor signs nothing until it has settled': {
		state: ROLLING,
		trust: [[ca('one', 481), ca('two', 0)]],
		lasting: SETTLE - 1,
		secret: undefined,
	},
	'a successor that has settled takes over': {
		state: ROLLING,
		trust: [[ca('one', 481), ca('two', 0)]],
		lasting: SETTLE,
		secret: 'promote',
	},
	'a successor that only one of two webhooks trusts does not': {
		state: ROLLING,
		trust: [[ca('one', 481), ca('two', 0)], [ca('one', 481)]],
		lasting: 2 * SETTLE,
		secret: undefined,
		trusts: ['two', 'one'],
	},
	'while a successor settles, the present CA still renews': {
		state: { ...ROLLING, leaf: leaf(61) },
		trust: [[ca('one', 481)]],
		lasting: SETTLE,
		secret: 'renew',
		trusts: ['two', 'one'],
	},
	'a successor without its key is replaced': {
		state: { ...ROLLING, next: ca('two', 0, false) },
		trust: [[ca('one', 481), ca('two', 0)]],
		secret: 'prepare',
	},
	'an old CA is trusted while what it signed holds': {
		state: { ...WELL, retired: [{ ...known('old', 720, 600), neededUntil: NOW + DAY }] },
		trust: [[ca('one', 10)]],
		secret: undefined,
		trusts: ['one', 'old'],
	},
	'an old CA is forgotten once that has ended': {
		state: { ...WELL, retired: [{ ...known('old', 720, 600), neededUntil: NOW }] },
		trust: [[ca('one', 10), known('old', 720, 600)]],
		secret: 'tidy',
	},
	'an emptied caBundle is filled': { state: WELL, trust: [[]], secret: undefined, trusts: ['one'] },
	'a CA of somebody else’s is borne with for a while': {
		state: WELL,
		trust: [[ca('one', 10), ca('other', 1)]],
		lasting: 359 * SETTLE,
		secret: undefined,
	},
	'and then goes': {
		state: WELL,
		trust: [[ca('one', 10), ca('other', 1)]],
		lasting: 360 * SETTLE,
		secret: undefined,
		trusts: ['one'],
	},
};

/** What a replica remembers that has seen this and nothing else for so long. */
function seenFor(lasting: number, { state, trust }: Case): Observations {
	return observe(NO_OBSERVATIONS, { state, trust }, -lasting);
}

test.each(Object.entries(CASES))('%s', (_, given) => {
	const view = { state: given.state, trust: given.trust, now: NOW };
	const decision = decide(view, seenFor(given.lasting ?? 0, given), 0, POLICY);
	expect(decision.secret).toBe(given.secret);
	expect(decision.trust?.map(({ id }) => id)).toEqual(given.trusts);
});

describe('the time of the next decision', () => {
	const again = (state: CertificateState, trust: Trust, lasting = 0): number =>
		decide({ state, trust, now: NOW }, seenFor(lasting, { state, trust, secret: undefined }), 0, POLICY)
			.recheckAfter;

	test('when a certificate comes due', () => {
		const due: CertificateState = { ...WELL, leaf: leaf(60 - 60_000 / DAY) };
		expect(again(due, [[ca('one', 10)]], SETTLE)).toBeLessThanOrEqual(60_001);
	});

	test('when a successor has settled', () => {
		expect(again(ROLLING, [[ca('one', 481), ca('two', 0)]], SETTLE - 1_234)).toBe(1_234);
	});

	test('in ten minutes at the latest', () => {
		expect(again(WELL, [[ca('one', 10)]], 2 * SETTLE)).toBe(600_000);
	});
});

test('replicas come due one after another, none of them after three quarters of a life', () => {
	const made = NOW - 10 * DAY;
	expect(dueAt(leaf(10), 0)).toBe(made + 60 * DAY);
	expect(dueAt(leaf(10), 1)).toBeGreaterThan(made + 63 * DAY);
	expect(dueAt(leaf(10), 1)).toBeLessThan(made + 67.5 * DAY);
});

describe('the certificate that a replica serves', () => {
	const of = (id: string, caId: string, age: number) => ({ leaf: known(id, 90, age), caId });
	const trusting = (...ids: readonly string[]): Trust => [ids.map((id) => ca(id, 10))];
	test.each([
		['the first that holds', undefined, of('a', 'one', 0), trusting(), true],
		['none that has ended', undefined, of('a', 'one', 91), trusting('one'), false],
		['none from the future', undefined, of('a', 'one', -1), trusting('one'), false],
		[
			'a newer one of a CA that is trusted',
			of('a', 'one', 60),
			of('b', 'two', 0),
			trusting('one', 'two'),
			true,
		],
		[
			'none of a CA that is not, while its own is',
			of('a', 'one', 60),
			of('b', 'two', 0),
			trusting('one'),
			false,
		],
		['any where its own is not trusted either', of('a', 'one', 60), of('b', 'two', 0), trusting('x'), true],
		['any where its own has ended', of('a', 'one', 91), of('b', 'two', 0), trusting('one'), true],
		['the same one as before', of('a', 'one', 10), of('a', 'one', 10), trusting('one'), false],
		['a newer one where nobody calls', of('a', 'one', 60), of('b', 'two', 0), undefined, true],
	] as const)('%s', (_, shown, stored, trust, taken) => {
		expect(shouldAdopt(shown, stored, trust, NOW)).toBe(taken);
	});
});
