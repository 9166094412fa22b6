import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { type PrescanResult, prescan, type ScanBounds } from '../../webhook/admission/json-prescan.ts';

const NONE: ScanBounds = { depth: 1e9, values: 1e9, names: 1e9 };
const scanned = (text: string, bounds: Partial<ScanBounds> = {}): PrescanResult =>
	prescan(Buffer.from(text), { ...NONE, ...bounds });
const text = (value: unknown): string => JSON.stringify(value);

/** How deep a value is, by looking at it. */
function depthOf(value: unknown): number {
	if (typeof value !== 'object' || value === null) return 0;
	return 1 + Math.max(0, ...Object.values(value).map(depthOf));
}

/** Lists, objects, and commas between what is in them. */
function valuesIn(value: unknown): number {
	if (typeof value !== 'object' || value === null) return 0;
	const parts = Object.values(value);
	return 1 + Math.max(0, parts.length - 1) + parts.reduce<number>((sum, part) => sum + valuesIn(part), 0);
}

function namesIn(value: unknown): readonly string[] {
	if (typeof value !== 'object' || value === null) return [];
	const own = Array.isArray(value) ? [] : Object.keys(value);
	return [...own, ...Object.values(value).flatMap(namesIn)];
}

const odd = fc.string({ unit: fc.constantFrom('[', '{', ']', '}', '"', '\\', ',', ':', 'a', 'é', '\u2028') });
const anything = fc
	.jsonValue({ maxDepth: 6 })
	.chain((value) => odd.map((name) => ({ [name]: [value, name] }) as unknown));

describe('the prescan agrees with a parser on any JSON', () => {
	const COUNTS: Readonly<Record<keyof ScanBounds, (value: unknown) => number>> = {
		depth: depthOf,
		values: valuesIn,
		names: (value) => new Set(namesIn(JSON.parse(text(value)))).size,
	};
	test.for(Object.entries(COUNTS))('whether its %s are too much', ([bound, count]) => {
		fc.assert(
			fc.property(anything, fc.nat(20), fc.constantFrom(undefined, 1), (value, most, blanks) => {
				const body = JSON.stringify(value, undefined, blanks);
				// Two of the names may hash alike.
				fc.pre(bound !== 'names' || count(value) !== most + 1);
				expect(scanned(body, { [bound]: most }).excess).toBe(count(value) > most ? bound : undefined);
			}),
		);
	});

	test('even of many names about how many differ', () => {
		const names = (n: number): string =>
			text(Object.fromEntries(Array.from({ length: n }, (_, i) => [`app.example.com/name-${i}`, ''])));
		expect(scanned(names(9_999), { names: 10_000 }).excess).toBeUndefined();
		expect(scanned(names(11_000), { names: 10_000 }).excess).toBe('names');
	});
});

/** What lies in the ranges. */
const parts = (body: string, ranges: PrescanResult['long']): unknown[] =>
	ranges.map(({ start, end }) => JSON.parse(Buffer.from(body).subarray(start, end).toString()));

const LONG = 'é'.repeat(5000);
const around = (metadata: unknown, rest: object = {}): string =>
	text({ request: { uid: 'u', object: { metadata, ...rest }, options: {} } });

describe('where things lie', () => {
	test('managedFields of the object, and no other, are ignored whatever is in them', () => {
		fc.assert(
			fc.property(anything, anything, (managed, other) => {
				const body = around(
					{ managedFields: managed, name: other },
					{ managedFields: 7, spec: { metadata: { managedFields: 8 } } },
				);
				const bounds = {
					values: valuesIn(
						JSON.parse(
							around(
								{ managedFields: 0, name: other },
								{ managedFields: 7, spec: { metadata: { managedFields: 8 } } },
							),
						),
					),
				};
				const found = scanned(body, bounds);
				expect(parts(body, found.ignored)).toEqual([JSON.parse(text(managed))]);
				expect(found.excess).toBeUndefined();
				expect(scanned(body, { values: bounds.values - 1 }).excess).toBe('values');
			}),
		);
	});

	test('long members of the four that count are found, each whole', () => {
		const metadata = { annotations: { a: LONG }, name: LONG, labels: {} };
		const body = text({
			request: { userInfo: [LONG], object: { metadata, spec: { metadata: LONG } }, oldObject: { metadata } },
			kind: LONG,
		});
		expect(parts(body, scanned(body).long)).toEqual([
			[LONG],
			metadata.annotations,
			LONG,
			{ metadata: LONG },
			{ metadata },
			LONG,
		]);
	});

	test.for<readonly [sentence: string, body: string]>([
		['a list', text([{ request: { object: { metadata: { managedFields: [] } } } }])],
		['a request in a list', text({ request: [{ object: { metadata: { managedFields: [] } } }] })],
		['a member of another name', text({ requests: { object: { metadata: { managedFields: [] } } } })],
		['a name that is a value', '{"a":["request",{"object":{"metadata":{"managedFields":[]}}}]}'],
		['a review in an annotation', around({ annotations: { a: around({ managedFields: [] }) } })],
	])('%s is not mistaken for the metadata', ([, body]) => expect(scanned(body).ignored).toEqual([]));

	test('JSON that ends inside an ignored part is ignored to its end', () => {
		const whole = around({ managedFields: [{ a: 1 }, { b: 2 }] });
		const body = whole.slice(0, whole.indexOf('2'));
		const found = scanned(body, { values: 5 });
		expect(found).toMatchObject({ excess: undefined, ignored: [{ end: body.length }] });
	});
});

test('invalid JSON gets an answer whose ranges do not overlap', () => {
	const broken = fc.oneof(
		fc.string({ unit: 'binary' }),
		fc.tuple(anything, fc.nat(200), fc.nat(9), odd).map(([value, at, length, put]) => {
			const whole = around({ managedFields: value, name: LONG });
			return whole.slice(0, at) + put + whole.slice(at + length);
		}),
	);
	fc.assert(
		fc.property(broken, (body) => {
			const { long, ignored } = scanned(body, { depth: 5, values: 9, names: 9 });
			for (const ranges of [long, ignored])
				for (const [i, { start, end }] of ranges.entries()) {
					expect(start).toBeLessThanOrEqual(end);
					expect(start).toBeGreaterThanOrEqual(ranges[i - 1]?.end ?? 0);
				}
		}),
	);
	for (const body of ['"never closed \\', ']]]][[', '}}}}{', '"a":'])
		expect(scanned(body).ignored).toEqual([]);
});
