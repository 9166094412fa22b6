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

/** A value with every character that UTF-8 allows in one or two bytes, but NUL. */
export const EVERY_BYTE = Array.from({ length: 0x7ff }, (_, i) => String.fromCharCode(i + 1)).join('');

/** Several values by keys that no shell or program cares about, sorted. */
export const anyEntries: fc.Arbitrary<readonly { readonly key: string; readonly value: string }[]> = fc
	.array(anyValue, { minLength: 1, maxLength: 8 })
	.map((values) => values.map((value, i) => ({ key: `KEY_${i}`, value })));
