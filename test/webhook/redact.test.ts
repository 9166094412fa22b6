import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { quoted, redact } from '../../webhook/admission/redact.ts';

describe('the shape of a value', () => {
	test.for<readonly [value: string, shape: string]>([
		['', 'empty'],
		['a', '1 character, lower-case letters and digits only'],
		['shop7', '5 characters, lower-case letters and digits only'],
		['Shop', '4 characters, with upper-case letters'],
		['../etc', '6 characters, with "." and "/"'],
		['A b', '3 characters, with upper-case letters and blanks'],
		['a\n', '2 characters, with line breaks or other white space'],
		['a\0', '2 characters, with control characters'],
		['\u202ea', '2 characters, with control characters'],
		['sh\u043ep', '4 characters, with letters or signs outside ASCII'],
		['🦊', '2 characters, with letters or signs outside ASCII'],
		['\ud800', '1 character, with control characters'],
		['$(id)', '5 characters, with "$", "(" and ")"'],
		['!"#$%&', '6 characters, with "!", """, "#", "$", "%" and others'],
	])('%j is %j', ([value, expected]) => expect(redact(value)).toBe(expected));

	test('tells no letter from another and no digit from another', () => {
		const classes = [...'abcdefghijklmnopqrstuvwxyz0123456789'];
		const upper = [...'ABCDEFGHIJKLMNOPQRSTUVWXYZ'];
		const outside = ['é', 'о', '漢', '¿'];
		const alike = fc
			.constantFrom(classes, upper, outside, [' '], ['.'], ['/'])
			.chain((group) => fc.tuple(fc.constantFrom(...group), fc.constantFrom(...group)));
		fc.assert(
			fc.property(fc.array(alike, { maxLength: 60 }), (pairs) => {
				const one = pairs.map(([character]) => character).join('');
				const other = pairs.map(([, character]) => character).join('');
				expect(redact(one)).toBe(redact(other));
			}),
		);
	});

	test('stays short, printable and ASCII, however long and odd the value is', () => {
		const text = fc.oneof(
			fc.string({ unit: 'binary' }),
			fc.string({ unit: fc.nat(0xffff).map(String.fromCharCode) }),
		);
		fc.assert(
			fc.property(text, fc.nat(5_000), (value, times) => {
				const description = redact(
					value + value.repeat(times % 2 === 0 ? 0 : Math.ceil(times / (value.length + 1))),
				);
				expect(description).toMatch(/^[\x20-\x7e]*$/);
				expect(description.length).toBeLessThan(200);
			}),
		);
	});
});

describe('a quoted name', () => {
	test.for<readonly [name: string, quoted: string]>([
		['web', '"web"'],
		['', '""'],
		['a"b\\c', '"a\\"b\\\\c"'],
		['a\nb', '"a\\nb"'],
		['\u001b[31m', '"\\u001b[31m"'],
		['a\u202eb\u200fc\u2028d\ufeff\u0085', '"a?b?c?d??"'],
		['ü', '"ü"'],
		['x'.repeat(64), `"${'x'.repeat(63)}…"`],
	])('%j becomes %j', ([name, expected]) => expect(quoted(name)).toBe(expected));

	test('is one line of visible characters, whatever the name', () => {
		fc.assert(
			fc.property(fc.string({ unit: fc.nat(0xffff).map(String.fromCharCode), maxLength: 300 }), (name) => {
				expect(quoted(name)).not.toMatch(/[\p{C}\p{Zl}\p{Zp}]/u);
				expect(quoted(name).length).toBeLessThan(63 * 6 + 4);
			}),
		);
	});
});
