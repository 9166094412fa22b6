import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { amountOf, exceeding, sameAmount } from '../../webhook/pod/quantities.ts';

describe('an amount', () => {
	test.each([
		['1', '1000m'],
		['1', '1.0'],
		['1', '1e0'],
		['1', '+1'],
		['0.5', '500m'],
		['.5', '500m'],
		['5.', '5'],
		['1Gi', '1024Mi'],
		['1Gi', '1073741824'],
		['1.5Gi', '1536Mi'],
		['1G', '1e9'],
		['1G', '1E+9'],
		['1k', '1000'],
		['100000n', '100u'],
		['0', '0m'],
		['1Ei', '1024Pi'],
		// Rounded up to a billionth.
		['0.0000000001', '1n'],
	])('%s is %s', (one, other) => {
		expect(sameAmount(one, other)).toBe(true);
		expect(amountOf(one)).toBe(amountOf(other));
	});

	test.each([
		['1', '1m'],
		['1G', '1Gi'],
		['1M', '1m'],
		['1e3', '1E'],
	])('%s is not %s', (one, other) => expect(sameAmount(one, other)).toBe(false));

	test.each(['', '.', 'm', '1x', '1 Gi', '1e', '1e100', 'e3', '--1', 'NaN', '1'.repeat(41), ' 1'])(
		'there is none in %j',
		(text) => {
			expect(amountOf(text)).toBeUndefined();
			expect(sameAmount(text, text)).toBe(true);
		},
	);

	test('of whole numbers it is that number, whatever suffix is written', () => {
		const suffixes = { '': 1n, k: 1000n, Ki: 1024n, M: 10n ** 6n, Mi: 2n ** 20n, E: 10n ** 18n } as const;
		fc.assert(
			fc.property(fc.nat(), fc.constantFrom(...Object.entries(suffixes)), (number, [suffix, factor]) => {
				expect(amountOf(`${number}${suffix}`)).toBe(BigInt(number) * factor * 10n ** 9n);
			}),
		);
	});

	test('any text is read without an error', () => {
		fc.assert(fc.property(fc.string({ unit: 'binary' }), (text) => void amountOf(text)));
		expect(amountOf(`${'1'.repeat(1_000_000)}.`)).toBeUndefined();
	});
});

test('a request exceeds its limit by amount', () => {
	expect(exceeding({ cpu: '1000m' }, { cpu: '1' })).toBeUndefined();
	expect(exceeding({ cpu: '1001m' }, { cpu: '1' })).toBe('cpu');
	expect(exceeding({ memory: '1Gi' }, { memory: '1G' })).toBe('memory');
	expect(exceeding({ cpu: '1' }, {})).toBeUndefined();
});
