import fc from 'fast-check';
import { expect, test } from 'vitest';
import { checkAfterFailure, firstCheck, nextCheck } from '../../../fetcher/refresh/schedule.ts';

const random = fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true });
const period = fc.integer({ min: 10_000, max: 86_400_000 });

test('a check comes within 20 % of the period', () => {
	fc.assert(
		fc.property(period, random, (ms, r) => {
			expect(nextCheck(ms, r)).toBeGreaterThanOrEqual(ms * 0.8);
			expect(nextCheck(ms, r)).toBeLessThanOrEqual(ms * 1.2);
		}),
	);
});

test('the first check comes at any time within the period', () => {
	fc.assert(
		fc.property(period, random, (ms, r) => {
			expect(firstCheck(ms, r)).toBeLessThan(ms);
		}),
	);
});

test('after failures checks never come faster than once a second, nor later than the period', () => {
	fc.assert(
		fc.property(period, fc.integer({ min: 1, max: 1_000_000 }), random, (ms, failures, r) => {
			const wait = checkAfterFailure(ms, failures, r);
			expect(wait).toBeGreaterThanOrEqual(1_000);
			expect(wait).toBeLessThanOrEqual(ms);
		}),
	);
});

test('Retry-After is respected, and spread over the same time again', () => {
	fc.assert(
		fc.property(period, random, fc.integer({ min: 1, max: 600_000 }), (ms, r, retryAfter) => {
			expect(checkAfterFailure(ms, 1, r, retryAfter)).toBeGreaterThanOrEqual(retryAfter);
		}),
	);
});
