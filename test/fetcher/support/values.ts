import fc from 'fast-check';

/** What breaks quoting, parsers and shells. */
const NASTY = [
	...[
		"'",
		'"',
		'`',
		'\\',
		'$',
		'!',
		'#',
		'=',
		'&',
		';',
		'|',
		'*',
		'?',
		'~',
		'%',
		'(',
		')',
		'{',
		'}',
		'<',
		'>',
		':',
	],
	...[
		'\n',
		'\r',
		'\r\n',
		'\t',
		'\v',
		'\f',
		' ',
		'\u0001',
		'\u007f',
		'\u0080',
		'\u0081',
		'\u0085',
		'\u0088',
		'\u00a0',
	],
	...['\u2028', '\u2029', '\ufeff', '\ufffd', 'é', '€', '漢', '😀', '\u202e', 'e\u0301'],
	...[
		"'\\''",
		'$(id)',
		'$' + '{HOME}',
		'\\n',
		'\\r',
		'\\u0041',
		'export A=1',
		'EOF',
		'--',
		'\u001b[31m',
		"$'x'",
	],
] as const;

/** A value as Vault may hold it: not empty, well-formed, without NUL. */
export const anyValue: fc.Arbitrary<string> = fc
	.oneof(
		{
			weight: 3,
			arbitrary: fc
				.array(fc.constantFrom(...NASTY, 'a', 'n', 'r', '1'), { minLength: 1, maxLength: 12 })
				.map((parts) => parts.join('')),
		},
		{ weight: 1, arbitrary: fc.string({ unit: 'grapheme', minLength: 1, maxLength: 40 }) },
		{ weight: 1, arbitrary: fc.string({ unit: 'binary', minLength: 1, maxLength: 40 }) },
	)
	.map((value) => value.toWellFormed().replaceAll('\0', '?'));

/**
 * Characters of three and four bytes: the first and the last for each first byte (E0 to EF, F0 to F4),
 * without surrogates.
 */
const LONG = [
	...Array.from({ length: 16 }, (_, i) => [Math.max(0x800, i << 12), (i << 12) + 0xfff]),
	[0xd7ff, 0xe000],
]
	.concat(
		Array.from({ length: 5 }, (_, i) => [
			Math.max(0x1_0000, i << 18),
			Math.min(0x10_ffff, (i << 18) + 0x3_ffff),
		]),
	)
	.flat()
	.filter((code) => code < 0xd800 || code > 0xdfff);

/**
 * A value with every byte that UTF-8 allows (01 to F4, without C0 and C1) except NUL: each character of one
 * or two bytes, and some of three and four.
 */
export const EVERY_BYTE = [...Array.from({ length: 0x7ff }, (_, i) => i + 1), ...LONG]
	.map((code) => String.fromCodePoint(code))
	.join('');

/** Several values by keys that no shell or program cares about, sorted. */
export const anyEntries: fc.Arbitrary<readonly { readonly key: string; readonly value: string }[]> = fc
	.array(anyValue, { minLength: 1, maxLength: 8 })
	.map((values) => values.map((value, i) => ({ key: `KEY_${i}`, value })));
