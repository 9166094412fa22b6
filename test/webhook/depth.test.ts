import fc from 'fast-check';
import { expect, test } from 'vitest';
import { holdsMoreThan, isDeeperThan } from '../../webhook/depth.ts';

/** How deep a value is, by looking at it. */
function depthOf(value: unknown): number {
	if (typeof value !== 'object' || value === null) return 0;
	return 1 + Math.max(0, ...Object.values(value).map(depthOf));
}

test('the depth of any JSON is told without parsing it', () => {
	const odd = fc.string({ unit: fc.constantFrom('[', '{', ']', '}', '"', '\\', 'a') });
	const json = fc.jsonValue({ maxDepth: 8 }).chain((value) => odd.map((text) => ({ [text]: [value, text] })));
	fc.assert(
		fc.property(json, fc.nat(12), (value, most) => {
			expect(isDeeperThan(JSON.stringify(value), most)).toBe(depthOf(value) > most);
			expect(isDeeperThan(JSON.stringify(value, undefined, 1), most)).toBe(depthOf(value) > most);
		}),
	);
});

/** Lists, objects, and commas between what is in them. */
function valuesIn(value: unknown): number {
	if (typeof value !== 'object' || value === null) return 0;
	const parts = Object.values(value);
	return 1 + Math.max(0, parts.length - 1) + parts.reduce<number>((sum, part) => sum + valuesIn(part), 0);
}

test('how many values any JSON holds is told without parsing it', () => {
	const odd = fc.string({ unit: fc.constantFrom('[', '{', ',', '"', '\\', 'a') });
	const json = fc.jsonValue({ maxDepth: 5 }).chain((value) => odd.map((text) => ({ [text]: [value, text] })));
	fc.assert(
		fc.property(json, fc.nat(30), (value, most) => {
			expect(holdsMoreThan(JSON.stringify(value), most)).toBe(valuesIn(value) > most);
		}),
	);
});

test('what is no JSON gets some answer', () => {
	fc.assert(
		fc.property(fc.string({ unit: 'binary' }), fc.nat(3), (text, most) => {
			expect(typeof isDeeperThan(text, most)).toBe('boolean');
		}),
	);
	expect(isDeeperThan('"never closed \\', 0)).toBe(false);
	expect(isDeeperThan(']]]][[', 3)).toBe(false);
});
