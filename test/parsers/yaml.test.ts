import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { stringify } from 'yaml';
import { NewTemplate } from '../../api/schemas/templates.ts';
import { parseYaml, parseYamlDocuments, YAML_LIMITS } from '../../lib/parse/yaml.ts';
import { repeated, testHostile } from './cpu.ts';

const { bytes, tokens, depth, aliases } = YAML_LIMITS;
/** About as many bytes as hold all tokens that are allowed, when each takes one byte. */
const DENSE = 16 * 1024;

/** Every text at the limit of tokens and at that of bytes. */
const TEXTS: Readonly<Record<string, (size: number) => string>> = {
	'keys, all different': (size) => repeated(size, (i) => `k${i}: 1\n`),
	'keys of a flow map, all different': (size) => `{${repeated(size - 2, (i) => `k${i}: 1,`)}}`,
	'quoted keys of a flow map': (size) => `{${repeated(size - 2, (i) => `"a${i}":"b",`)}}`,
	'one key again and again': (size) => repeated(size, () => 'a: 1\n'),
	'items of a flow list': (size) => `[${repeated(size - 2, () => '1,')}]`,
	'items without values': (size) => repeated(size, () => '-\n'),
	'brackets that open': (size) => '['.repeat(size),
	'brackets that open and close': (size) => '['.repeat(size / 2) + ']'.repeat(size / 2),
	'brackets that do not match': (size) => '[}'.repeat(size / 2),
	'question marks': (size) => '? '.repeat(size / 2),
	'question marks in a flow list': (size) => `[${'? '.repeat(size / 2)}`,
	colons: (size) => ': '.repeat(size / 2),
	dashes: (size) => '- '.repeat(size / 2),
	'each line deeper': (size) => repeated(size, (i) => `${' '.repeat(i)}a:\n`),
	stairs: (size) => repeated(size, (i) => `${' '.repeat(i % 45)}a:\n`),
	anchors: (size) => repeated(size, (i) => `- &a${i} 1\n`),
	aliases: (size) => `- &a 1\n${repeated(size - 7, () => '- *a\n')}`,
	'aliases of aliases': (size) =>
		`a0: &a0 [1,1,1,1,1,1,1,1,1]\n${repeated(size - 30, (i) => `a${i + 1}: &a${i + 1} [*a${i}, *a${i}, *a${i}]\n`)}`,
	'large maps merged again and again': (size) =>
		`a: &a {${repeated(size * 0.75, (i) => `k${i}: 1,`)}}\n${repeated(size * 0.1, (i) => `b${i}: {<<: *a}\n`)}`,
	newlines: (size) => '\n'.repeat(size),
	comments: (size) => repeated(size, () => '#\n'),
	'comments in a map': (size) => `a:\n${repeated(size - 10, () => ' #\n')} b: 1`,
	'empty documents': (size) => repeated(size, () => '---\n'),
	directives: (size) => repeated(size, () => '%a\n'),
	'tag directives': (size) => `${repeated(size - 5, (i) => `%TAG !a${i}! x\n`)}---\na`,
	tags: (size) => repeated(size, (i) => `- !a${i} 1\n`),
	'a set': (size) => `!!set {${repeated(size - 8, (i) => `k${i},`)}}`,
	'an ordered map': (size) => `!!omap [${repeated(size - 9, (i) => `k${i}: 1,`)}]`,
	'binary data': (size) => `!!binary ${'a'.repeat(size - 9)}`,
	'quoted line ends': (size) => `"${'\n'.repeat(size - 2)}"`,
	'quoted backslashes': (size) => `"${'\\\\'.repeat(size / 2 - 1)}"`,
	'a block of blank lines': (size) => `a: |\n${'\n'.repeat(size - 5)}`,
	'a folded block': (size) => `a: >\n${repeated(size - 5, () => ' a\n')}`,
	'a plain text of many lines': (size) => 'a\n'.repeat(size / 2),
	'a number of digits': (size) => `- ${'9'.repeat(size - 2)}`,
	'carriage returns': (size) => '\r'.repeat(size),
};

const parse = (text: string): unknown => {
	const parsed = parseYaml(text);
	return parsed.ok ? NewTemplate.safeParse(parsed.value) : parsed;
};

describe('as long as YAML may be', () => testHostile({ limit: bytes, parse, texts: TEXTS }));
describe('as dense as YAML may be', () => testHostile({ limit: DENSE, parse, texts: TEXTS }));

describe('limits', () => {
	const nested = (levels: number): string => `${'['.repeat(levels)}${']'.repeat(levels)}`;
	const steps = (levels: number): string =>
		Array.from({ length: levels }, (_, i) => `${' '.repeat(i)}a:\n`).join('');
	const aliased = (count: number): string => `- &a 1\n${'- *a\n'.repeat(count - 1)}`;
	// A dash and a line end.
	const items = (count: number): string => '-\n'.repeat((count - 2) / 2);

	test.for<readonly [string, (count: number) => string, number, string]>([
		['bytes', (count) => `a: ${'x'.repeat(count - 3)}`, bytes, `larger than ${bytes} bytes`],
		['flow levels', nested, depth, `nested deeper than ${depth} levels`],
		['levels by indentation', steps, depth, `nested deeper than ${depth} levels`],
		['levels on one line', (count) => `${'- '.repeat(count)}a`, depth, `nested deeper than ${depth} levels`],
		['anchors and aliases', aliased, aliases, `more than ${aliases} anchors and aliases`],
		['tokens', items, tokens, `more than ${tokens} tokens`],
	])('as many %s as are allowed are read, more are refused', ([, make, most, sentence]) => {
		expect(parseYaml(make(most))).toMatchObject({ ok: true });
		const beyond = parseYaml(make(most + 10));
		expect(beyond.ok ? 'read' : beyond.error).toContain(sentence);
	});

	test('aliases that stand for too much together are refused', () => {
		const text = `a: &a [${'1,'.repeat(300)}]\nb: [${'*a,'.repeat(90)}]`;
		expect(parseYaml(text)).toMatchObject({
			ok: false,
			error: expect.stringContaining('aliases are replaced'),
		});
	});

	test('an alias that stands for itself is refused', () => {
		expect(parseYaml('&a [*a]')).toMatchObject({ ok: false });
	});

	test('an error has the position and does not quote the text', () => {
		const broken = parseYaml('name: web\nvalue: "test-only');
		expect(broken).toMatchObject({
			ok: false,
			error: expect.stringMatching(/^is not YAML: see line 2, column/),
		});
		expect(JSON.stringify(broken)).not.toContain('test-only');
	});
});

test('merge keys are resolved', () => {
	expect(parseYaml('a: &a {x: 1}\nb:\n  <<: *a\n  y: 2')).toEqual({
		ok: true,
		value: { a: { x: 1 }, b: { x: 1, y: 2 } },
	});
});

test('several documents are read in their order', () => {
	expect(parseYamlDocuments('a: 1\n---\nb: 2\n', YAML_LIMITS)).toEqual({
		ok: true,
		value: [{ a: 1 }, { b: 2 }],
	});
	expect(parseYaml('a: 1\n---\nb: 2\n')).toMatchObject({
		ok: false,
		error: expect.stringContaining('more than one'),
	});
});

test('text that the library writes is read back', () => {
	const text = fc.json({ maxDepth: 4, noUnicodeString: false }).filter((json) => !/__proto__|<</.test(json));
	fc.assert(
		fc.property(text, (json) => {
			// YAML knows -0, and fast-check makes it; JSON.stringify writes it as 0.
			const value: unknown = JSON.parse(json);
			expect(parseYaml(stringify(value, { aliasDuplicateObjects: false }))).toEqual({ ok: true, value });
		}),
		{ examples: [['{"":-0}']] },
	);
});
