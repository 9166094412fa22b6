/** The services that can be chosen for a comparison. */
import { expect, test } from 'vitest';
import { serviceChoices } from '../../../ui/state/compare.ts';

const shop = { deployment: 'shop', services: ['worker', 'web'] };
const billing = { deployment: 'billing', services: ['web'] };

test.each([
	['nothing is loaded', '', [], []],
	['the address names a service before anything is loaded', 'web', [], ['web']],
	['both have it, or one of them', '', [shop, billing], ['web', 'worker (not in billing)']],
	[
		'the address names a service that neither has',
		'old',
		[billing, { ...shop, services: [] }],
		['old (in neither)', 'web (not in shop)'],
	],
	['one of the two is loaded', '', [shop], ['web', 'worker']],
])('%s', (_sentence, chosen, sides, labels) => {
	expect(serviceChoices(chosen, sides).map(({ label }) => label)).toEqual(labels);
});
