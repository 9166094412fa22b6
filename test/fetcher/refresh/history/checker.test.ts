import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { type ChangeRecord, type History, type Sample, type Violation, violationsOf } from './checker.ts';

const change = (at: number, secrets: Readonly<Record<string, string>>): ChangeRecord => ({
	from: at,
	to: at + 10,
	secrets,
});

const look = (at: number, generation: string, secrets: Readonly<Record<string, string>>): Sample => ({
	from: at,
	to: at + 1,
	generation,
	files: { env: secrets, 'env.json': secrets },
});

/** Three changes, each of which the files show within the bound. */
const GOOD: History = {
	changes: [change(0, { A: 'a1', B: 'b1' }), change(100, { A: 'a2', B: 'b1' }), change(200, { A: 'a2' })],
	samples: [
		look(20, 'g1', { A: 'a1', B: 'b1' }),
		look(160, 'g2', { A: 'a2', B: 'b1' }),
		look(240, 'g3', { A: 'a2' }),
		look(400, 'g3', { A: 'a2' }),
	],
	outages: [],
	bound: 100,
	check: 20,
};

const rules = (history: History): readonly Violation['rule'][] =>
	violationsOf(history).map(({ rule }) => rule);

describe('the history checker', () => {
	test('finds nothing in a good history', () => expect(violationsOf(GOOD)).toEqual([]));

	test.each<[string, Partial<History>, Violation['rule']]>([
		[
			'two files of one generation that differ',
			{
				samples: [
					...GOOD.samples.slice(0, 1),
					{
						from: 160,
						to: 161,
						generation: 'g2',
						files: { env: { A: 'a2', B: 'b1' }, json: { A: 'a1', B: 'b1' } },
					},
					...GOOD.samples.slice(2),
				],
			},
			'mixed-files',
		],
		[
			'a generation whose content changes',
			{
				samples: [
					...GOOD.samples.slice(0, 1),
					look(160, 'g1', { A: 'a2', B: 'b1' }),
					...GOOD.samples.slice(2),
				],
			},
			'changed-generation',
		],
		[
			'values that were in Vault at different times',
			{
				changes: [
					change(0, { A: 'a1', B: 'b1' }),
					change(100, { A: 'a1', B: 'b2' }),
					change(200, { A: 'a2', B: 'b2' }),
				],
				samples: [
					look(20, 'g1', { A: 'a1', B: 'b1' }),
					look(250, 'g2', { A: 'a2', B: 'b1' }),
					look(400, 'g3', { A: 'a2', B: 'b2' }),
				],
			},
			'mixed-files',
		],
		[
			'a value that comes back',
			{
				samples: [
					...GOOD.samples.slice(0, 2),
					look(180, 'g2b', { A: 'a1', B: 'b1' }),
					...GOOD.samples.slice(2),
				],
			},
			'went-back',
		],
		[
			'a value that nobody wrote',
			{
				samples: [
					...GOOD.samples.slice(0, 1),
					look(160, 'g2', { A: 'x', B: 'b1' }),
					...GOOD.samples.slice(2),
				],
			},
			'never-written',
		],
		[
			'a value before it was written',
			{ samples: [look(20, 'g1', { A: 'a2', B: 'b1' }), ...GOOD.samples.slice(1)] },
			'never-written',
		],
		[
			'a change that the files show too late',
			{
				samples: [
					look(20, 'g1', { A: 'a1', B: 'b1' }),
					look(350, 'g3', { A: 'a2' }),
					look(400, 'g3', { A: 'a2' }),
				],
			},
			'stale',
		],
		[
			'a change that the files never show',
			{ samples: [look(20, 'g1', { A: 'a1', B: 'b1' }), look(600, 'g1', { A: 'a1', B: 'b1' })] },
			'lost-change',
		],
	])('finds %s', (_what, planted, rule) => {
		expect(rules({ ...GOOD, ...planted })).toContain(rule);
	});

	test('counts the bound from the end of an outage', () => {
		const late = [
			look(20, 'g1', { A: 'a1', B: 'b1' }),
			look(350, 'g3', { A: 'a2' }),
			look(500, 'g3', { A: 'a2' }),
		];
		expect(rules({ ...GOOD, samples: late, outages: [{ from: 90, to: 300 }] })).toEqual([]);
		expect(rules({ ...GOOD, samples: late, outages: [{ from: 90, to: 200 }] })).toEqual(['stale', 'stale']);
	});

	test('lets a value come back that was written again in a lower tier', () => {
		const changes = [change(0, { A: 'low' }), change(100, { A: 'high' }), change(200, { A: 'low' })];
		const samples = [
			look(20, 'g1', { A: 'low' }),
			look(150, 'g2', { A: 'high' }),
			look(260, 'g3', { A: 'low' }),
		];
		expect(rules({ ...GOOD, changes, samples })).toEqual([]);
	});

	test('finds nothing wherever a reader follows Vault within the bound, and a swap of any two generations', () => {
		const gaps = fc.array(fc.integer({ min: 120, max: 300 }), { minLength: 3, maxLength: 12 });
		fc.assert(
			fc.property(gaps, fc.integer({ min: 15, max: 90 }), fc.nat(), (pauses, delay, where) => {
				let time = 0;
				const times = pauses.map((gap) => {
					time += gap;
					return time;
				});
				const changes = times.map((at, i) => change(at, { A: `a${i}`, B: `b${Math.floor(i / 2)}` }));
				const samples = changes.map(({ from, secrets }, i) => look(from + delay, `g${i}`, secrets));
				expect(violationsOf({ ...GOOD, changes, samples })).toEqual([]);
				const at = where % (samples.length - 1);
				const [one, two] = [samples[at], samples[at + 1]];
				if (one === undefined || two === undefined) return;
				const swapped = samples.map((sample, i) =>
					i === at
						? { ...sample, files: two.files }
						: i === at + 1
							? { ...sample, files: one.files }
							: sample,
				);
				expect(rules({ ...GOOD, changes, samples: swapped })).not.toEqual([]);
			}),
		);
	});
});
