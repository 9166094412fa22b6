import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { fullJitter, halfJitter } from '../../lib/backoff.ts';

const BACKOFF = { first: 100, longest: 5_000 };
const random = fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true });

describe('backoff', () => {
	test.for([
		[1, 100],
		[2, 200],
		[6, 3_200],
		[7, 5_000],
		[1_000_000, 5_000],
	] as const)('after %d failures the bound is %d ms', ([failures, ms]) => {
		expect(halfJitter(BACKOFF, failures, 0)).toBe(ms / 2);
		expect(fullJitter(BACKOFF, failures, 0.5)).toBe(ms / 2);
	});

	test('full jitter lies below the bound, half jitter in its upper half', () => {
		fc.assert(
			fc.property(fc.integer({ min: 1, max: 10_000 }), random, (failures, r) => {
				const bound = 2 * halfJitter(BACKOFF, failures, 0);
				expect(fullJitter(BACKOFF, failures, r)).toBeLessThan(bound);
				expect(halfJitter(BACKOFF, failures, r)).toBeGreaterThanOrEqual(bound / 2);
				expect(halfJitter(BACKOFF, failures, r)).toBeLessThanOrEqual(bound);
			}),
		);
	});
});
