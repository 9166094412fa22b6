import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { type Fault, type Plan, simulate } from './support/simulation.ts';

const MINUTE = 60_000;
const HOUR = 60 * MINUTE;
const POLICY = { leafLife: 3 * HOUR, caLife: 9 * HOUR, settle: 10_000 };
/** Certificates hold from an hour ago on. */
const CLOCK = fc.integer({ min: -10 * MINUTE, max: 10 * MINUTE });
const KINDS = [
	'caBundle emptied',
	'caBundle replaced',
	'Secret deleted',
	'Secret planted',
	'replica restarted',
	'replica cut off',
] as const;

const plans = (kinds: readonly Fault['kind'][], faults: number): fc.Arbitrary<Plan> =>
	fc.record({
		clocks: fc.array(CLOCK, { minLength: 1, maxLength: 4 }),
		apiClocks: fc.array(CLOCK, { minLength: 1, maxLength: 3 }),
		faults: fc.array(
			fc.record({
				// The last hours are quiet, so that what is left over can be looked at.
				at: fc.integer({ min: 0, max: 35 * HOUR }),
				kind: fc.constantFrom(...kinds),
				replica: fc.nat(3),
			}),
			{ maxLength: faults },
		),
		chances: fc.array(
			fc.integer({ min: 0, max: 1000 }).map((n) => n / 1000),
			{ minLength: 7, maxLength: 50 },
		),
		policy: fc.constant(POLICY),
		length: fc.constant(40 * HOUR),
	});

describe('however watches lag, clocks differ and writes cross', () => {
	test('no API server ever meets a certificate that it does not trust or that does not hold', () => {
		fc.assert(
			fc.property(plans(KINDS, 12), (plan) => {
				expect(simulate(plan).failures).toEqual([]);
			}),
			{ numRuns: 60 },
		);
	});

	test('in the end all replicas show the same certificate, and what they need is trusted', () => {
		fc.assert(
			fc.property(plans(KINDS, 12), (plan) => {
				const { shown, trust, state } = simulate(plan);
				expect(new Set(shown.map((one) => one?.leaf.id))).toEqual(new Set([state.leaf?.id]));
				expect(shown[0]).toBeDefined();
				expect(trust[0]?.map(({ id }) => id)).toContain(state.current?.id);
			}),
			{ numRuns: 25 },
		);
	});

	test('foreign text in the caBundle is removed', () => {
		fc.assert(
			fc.property(plans(['caBundle replaced'], 4), (plan) => {
				const { trust, planted } = simulate(plan);
				expect(trust.flat().filter(({ id }) => planted.includes(id))).toEqual([]);
			}),
			{ numRuns: 30 },
		);
	});

	test('the number of new certificates does not grow with the number of replicas', () => {
		fc.assert(
			fc.property(plans(['replica restarted', 'replica cut off'], 8), (plan) => {
				const { leaves, cas } = simulate(plan);
				// 40 hours: a certificate every two, a CA every six, each with one of its own, and the first.
				expect(leaves).toBeLessThanOrEqual(30);
				expect(leaves).toBeGreaterThanOrEqual(17);
				expect(cas).toBeLessThanOrEqual(8);
				expect(cas).toBeGreaterThanOrEqual(6);
			}),
			{ numRuns: 25 },
		);
	});
});
