import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { validationMessage } from '../../api/schemas/common.ts';
import { NewSecret } from '../../api/schemas/secrets.ts';
import { NewTemplate } from '../../api/schemas/templates.ts';
import { parseJson } from '../../lib/parse/json.ts';
import { repeated, testHostile } from './cpu.ts';

/** The largest that ENVTIER_API_BODY_LIMIT may be. */
const LIMIT = 4 * 1024 * 1024;
/** About as many bytes as hold all names and values that are allowed. */
const DENSE = 38 * 1024;

const TEXTS: Readonly<Record<string, (size: number) => string>> = {
	'members, all different': (size) => `{${repeated(size - 8, (i) => `"k${i}":1,`)}"z":1}`,
	'members with numbers as names': (size) => `{${repeated(size - 8, (i) => `"${i * 7919}":1,`)}"z":1}`,
	'one member again and again': (size) => `{${repeated(size - 8, () => '"a":1,')}"z":1}`,
	'__proto__ again and again': (size) => `{${repeated(size - 8, () => '"__proto__":{},')}"z":1}`,
	'items of a list': (size) => `{"services":[${repeated(size - 20, () => '1,')}1]}`,
	'services that are none': (size) => `{"services":[${repeated(size - 20, () => '{},')}{}]}`,
	'brackets that open': (size) => '['.repeat(size),
	'brackets that open and close': (size) => '['.repeat(size / 2) + ']'.repeat(size / 2),
	'quotation marks': (size) => '"'.repeat(size),
	backslashes: (size) => `{"key":"${'\\\\'.repeat(size / 2 - 5)}"}`,
	escapes: (size) => `{"key":"A","value":"${'\\ud800'.repeat(size / 6 - 6)}"}`,
	'a long value': (size) => `{"key":"A","value":"${'x'.repeat(size - 22)}"}`,
	'a long key': (size) => `{"key":"${'x'.repeat(size - 10)}"}`,
	'a long description': (size) => `{"key":"A","value":"b","description":"${'é'.repeat(size / 2 - 25)}"}`,
	'a number of digits': (size) => '9'.repeat(size),
	blanks: (size) => ' '.repeat(size),
};

const parse = (text: string): unknown => {
	const parsed = parseJson(Buffer.from(text));
	if (!parsed.ok) return parsed;
	return [NewTemplate, NewSecret].map((schema) => {
		const checked = schema.safeParse(parsed.value, { reportInput: true });
		return checked.success || validationMessage(checked.error);
	});
};

describe('as long as a body may be', () => testHostile({ limit: LIMIT, parse, texts: TEXTS }));
describe('as dense as a body may be', () => testHostile({ limit: DENSE, parse, texts: TEXTS }));

test.for<readonly [string, (count: number) => string, number]>([
	['names and values', (count) => `[${Array(count).fill(1).join(',')}]`, 20_000],
	['levels', (count) => '['.repeat(count) + ']'.repeat(count), 100],
])('as many %s as are allowed are read, more are refused', ([sentence, make, most]) => {
	expect(parseJson(Buffer.from(make(most)))).toMatchObject({ ok: true });
	const beyond = parseJson(Buffer.from(make(most + 1)));
	expect(beyond.ok ? 'read' : beyond.error).toContain(`${most} ${sentence}`);
});

test('an error does not quote the text', () => {
	expect(parseJson(Buffer.from('{"value": "test-only'))).toEqual({ ok: false, error: 'is not JSON' });
});

test('reads what JSON.parse reads', () => {
	fc.assert(
		fc.property(fc.json(), (text) => {
			expect(parseJson(Buffer.from(text))).toEqual({ ok: true, value: JSON.parse(text) });
		}),
	);
});
