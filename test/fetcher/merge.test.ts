import fc from 'fast-check';
import { expect, test } from 'vitest';
import { isKey } from '../../contract/keys.ts';
import { TIERS } from '../../contract/tiers.ts';
import { type Listing, mergeNames } from '../../fetcher/merge.ts';

const listing = (tier: (typeof TIERS)[number], ...names: string[]): Listing => ({ tier, names });

test.each<readonly [string, readonly Listing[], ReturnType<typeof mergeNames>]>([
	['nothing', [], { keys: [], unusable: [] }],
	[
		'a later tier overrides an earlier one, which stays behind it',
		[listing('org', 'A', 'B'), listing('deployment', 'B'), listing('service', 'B', 'C')],
		{
			keys: [
				{ key: 'A', tiers: ['org'] },
				{ key: 'B', tiers: ['service', 'deployment', 'org'] },
				{ key: 'C', tiers: ['service'] },
			],
			unusable: [],
		},
	],
	[
		'folders are nobody’s business, names that can be no variable are told',
		[listing('org', 'sub/', 'my.secret', '1ST', '', 'A B', 'Ä'), listing('service', 'a-b', 'my/')],
		{
			keys: [],
			unusable: [listing('org', 'my.secret', '1ST', '', 'A B', 'Ä'), listing('service', 'a-b')],
		},
	],
	[
		'keys come in the order of their bytes, whatever the machine’s language',
		[listing('org', 'b', 'B', '_', 'a', 'A_', 'A', 'AA')],
		{
			keys: ['A', 'AA', 'A_', 'B', '_', 'a', 'b'].map((key) => ({ key, tiers: ['org'] })),
			unusable: [],
		},
	],
	[
		'keys named like parts of JavaScript objects are keys',
		[listing('org', '__proto__', 'constructor', 'toString')],
		{
			keys: ['__proto__', 'constructor', 'toString'].map((key) => ({ key, tiers: ['org'] })),
			unusable: [],
		},
	],
])('%s', (_what, listings, plan) => {
	expect(mergeNames(listings)).toEqual(plan);
});

const names = fc.array(
	fc.oneof(
		fc.constantFrom('A', 'B', 'C', 'A/', 'B/', 'a.b', '__proto__'),
		fc.stringMatching(/^[A-Za-z_][A-Za-z0-9_]{0,5}$/),
		fc.string({ maxLength: 5 }),
	),
	{ maxLength: 12 },
);
const anyListings = fc
	.tuple(fc.subarray([...TIERS]), fc.array(names, { minLength: 3, maxLength: 3 }))
	.map(([tiers, lists]): Listing[] => tiers.map((tier, i) => ({ tier, names: lists[i] ?? [] })));

test('every valid name is read once, from its last tier first; other names are reported or folders', () => {
	fc.assert(
		fc.property(anyListings, (listings) => {
			const { keys: plan, unusable } = mergeNames(listings);
			const all = listings.flatMap((one) => one.names);
			const keys = plan.map(({ key }) => key);
			expect(keys).toEqual(
				[...new Set(all.filter(isKey))].sort((a, b) => Buffer.compare(Buffer.from(a), Buffer.from(b))),
			);
			for (const { key, tiers } of plan) {
				const having = listings.filter((one) => one.names.includes(key)).map(({ tier }) => tier);
				expect(tiers).toEqual(having.reverse());
			}
			const rest = all.filter((name) => !isKey(name) && !name.endsWith('/'));
			expect(unusable.flatMap((one) => one.names)).toEqual(rest);
		}),
	);
});
