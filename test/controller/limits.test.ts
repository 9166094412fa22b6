import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { type DueRollout, startable } from '../../controller/rollouts/limits.ts';

const due = (key: string, over: Partial<DueRollout> = {}): DueRollout => ({
	...{ key, namespace: key, since: 0, replaces: false },
	...over,
});
const LIMITS = { total: 2, batch: 30_000 };
const keys = (rollouts: readonly DueRollout[]) => rollouts.map(({ key }) => key);

describe('the rollouts that may start', () => {
	test('none before the batch window has ended', () =>
		expect(keys(startable([due('a')], [], LIMITS, 29_999))).toEqual([]));
	test('it starts when the window has ended', () =>
		expect(keys(startable([due('a')], [], LIMITS, 30_000))).toEqual(['a']));
	test('those that have waited longest, up to the limit', () =>
		expect(
			keys(
				startable(
					[due('c', { since: 3 }), due('a', { since: 2 }), due('b', { since: 1 })],
					[],
					LIMITS,
					60_000,
				),
			),
		).toEqual(['b', 'a']));
	test('one in each namespace', () =>
		expect(
			keys(startable([due('a', { namespace: 'n' }), due('b', { namespace: 'n' })], [], LIMITS, 60_000)),
		).toEqual(['a']));
	test('none beside a running one of its namespace', () =>
		expect(
			keys(startable([due('a', { namespace: 'n' })], [{ key: 'b', namespace: 'n' }], LIMITS, 60_000)),
		).toEqual([]));
	test('a newer revision of a running one, even at the limit', () =>
		expect(
			keys(
				startable(
					[due('a', { replaces: true })],
					[
						{ key: 'a', namespace: 'a' },
						{ key: 'b', namespace: 'b' },
					],
					LIMITS,
					60_000,
				),
			),
		).toEqual(['a']));

	test('never exceed the limits', () => {
		const one = fc.record({ namespace: fc.constantFrom('m', 'n', 'o', 'p'), since: fc.nat(100) });
		fc.assert(
			fc.property(
				fc.array(one),
				fc.array(fc.constantFrom('m', 'n', 'o', 'p'), { maxLength: 4 }),
				fc.integer({ min: 1, max: 5 }),
				(waiting, taken, total) => {
					const running = [...new Set(taken)]
						.slice(0, total)
						.map((namespace, i) => ({ key: `r${i}`, namespace }));
					const rollouts = startable(
						waiting.map((each, i) => due(`w${i}`, each)),
						running,
						{ total, batch: 0 },
						1_000,
					);
					const namespaces = [...running, ...rollouts].map(({ namespace }) => namespace);
					expect(namespaces.length).toBeLessThanOrEqual(total);
					expect(new Set(namespaces).size).toBe(namespaces.length);
				},
			),
		);
	});
});
