import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import {
	composeOrder,
	ENCODERS,
	parseTemplate,
	referencesOf,
	type Template,
} from '../../contract/compose.ts';

/** How a template is written. */
const written = (template: Template): string =>
	template
		.map((part) =>
			typeof part === 'string'
				? part.replaceAll('$', () => '$$')
				: `\${${part.key}${part.encoder === undefined ? '' : `:${part.encoder}`}}`,
		)
		.join('');

const keys = fc.constantFrom('A', '_b', 'DB_PASSWORD', 'x9');
const reference = fc.record({
	key: keys,
	encoder: fc.option(fc.constantFrom(...ENCODERS), { nil: undefined }),
});
const literal = fc.oneof(
	fc.string({ unit: 'grapheme', minLength: 1 }),
	fc.constantFrom('$', '$$', '${A}', '{', '}', '$(A)', ':url}'),
);
const clean = literal.map((text) => text.toWellFormed().replaceAll('\0', ''));

/** Puts neighbouring literals together, as reading does. */
function joined(template: Template): Template {
	const parts: (Template[number] | undefined)[] = [];
	for (const part of template) {
		const last = parts.at(-1);
		if (typeof part === 'string' && typeof last === 'string') parts[parts.length - 1] = last + part;
		else if (part !== '') parts.push(part);
	}
	return parts.filter((part) => part !== undefined);
}

describe('a template', () => {
	test('can hold any text and any reference', () => {
		const templates = fc
			.tuple(fc.array(fc.oneof(clean, reference)), reference, fc.array(fc.oneof(clean, reference)))
			.map(([before, one, after]): Template => [...before, one, ...after]);
		fc.assert(
			fc.property(templates, (template) => {
				const parsed = parseTemplate(written(template));
				expect(parsed.ok && joined(parsed.value)).toEqual(joined(template));
			}),
		);
	});

	test.for<[string, string, RegExp]>([
		['a lone dollar sign', 'cost: $5 ${A}', /the "\$" at character 7 begins none of them$/],
		['a shell’s variable', 'postgres://$USER@db/${A}', /the "\$" at character 12 begins none/],
		['a reference of Kubernetes', '$(USER)${A}', /the "\$" at character 1 begins none/],
		['a dollar sign at the end', '${A}$', /the "\$" at character 5 begins none/],
		['a reference that does not end', 'x${A', /the "\$\{" at character 2 has no "\}"/],
		['a reference to nothing', '${}', /the reference at character 1 does not begin with a key/],
		['a key that is none', '${my.key}', /the reference at character 1 does not begin with a key \(letters/],
		['blanks in a reference', '${ A }', /does not begin with a key/],
		['an unknown encoder', '😀${A:html}', /encoder of the reference at character 2 is none of url, base64/],
		['no encoder behind the colon', '${A:}', /encoder of the reference at character 1 is none of/],
		['a default as shells have it', '${A:-x}', /encoder of the reference at character 1 is none of/],
		['two encoders', '${A:url:base64}', /encoder of the reference at character 1 is none of/],
		['the name of a method', '${A:toString}', /encoder of the reference at character 1 is none of/],
		['nothing', '', /; this one has none$/],
		['text alone', 'plain $$ text', /; this one has none$/],
		['a NUL', '${A}\0', /holds a NUL/],
	])('with %s is refused', ([, text, words]) => {
		const parsed = parseTemplate(text);
		expect(parsed.ok ? '' : parsed.error).toMatch(words);
	});

	test('$$ is one dollar sign, before a brace as anywhere', () => {
		expect(parseTemplate('$${A} $$$$ ${A}')).toEqual({
			ok: true,
			value: ['$', '{A} ', '$', '$', ' ', { key: 'A', encoder: undefined }],
		});
	});
});

type Templates = ReadonlyMap<string, Template>;

function templatesOf(texts: Readonly<Record<string, string>>): Templates {
	return new Map(
		Object.entries(texts).map(([key, text]): [string, Template] => {
			const parsed = parseTemplate(text);
			if (!parsed.ok) throw new Error(parsed.error);
			return [key, parsed.value];
		}),
	);
}

const needs = (templates: Templates, key: string): readonly string[] =>
	referencesOf(templates.get(key) ?? []);

function expectOrdered(templates: Templates, order: readonly string[]): void {
	expect([...order].sort()).toEqual([...templates.keys()].sort());
	for (const [i, key] of order.entries()) {
		const before = needs(templates, key).filter((needed) => needed !== key && templates.has(needed));
		expect(order.slice(0, i)).toEqual(expect.arrayContaining(before));
	}
}

function expectCircle(templates: Templates, circle: readonly string[]): void {
	expect(circle.at(0)).toBe(circle.at(-1));
	for (const [i, key] of circle.slice(0, -1).entries())
		expect(needs(templates, key)).toContain(circle[i + 1]);
}

describe('the order of composing', () => {
	const order = (texts: Readonly<Record<string, string>>) => composeOrder(templatesOf(texts));

	test('puts each key after the keys that it refers to', () =>
		expect(order({ URL: '${AUTH}@${HOST}', AUTH: '${USER}:${PASS}' })).toEqual({
			ok: true,
			value: ['AUTH', 'URL'],
		}));

	test('a template may refer to the secret that it replaces', () =>
		expect(order({ A: '${A}?x=1' })).toEqual({ ok: true, value: ['A'] }));

	test('the error shows the whole cycle', () =>
		expect(order({ OUT: '${A}', A: '${B}', B: '${C}', C: '${A}' })).toEqual({
			ok: false,
			error: ['A', 'B', 'C', 'A'],
		}));

	test('satisfies every template, or there is a cycle', () => {
		const names = ['A', 'B', 'C', 'D', 'E'] as const;
		const graphs = fc.dictionary(
			fc.constantFrom(...names),
			fc
				.array(fc.constantFrom(...names), { minLength: 1, maxLength: 3 })
				.map((needed) => needed.map((key) => `\${${key}}`).join(' ')),
		);
		fc.assert(
			fc.property(graphs, (texts) => {
				const templates = templatesOf(texts);
				const found = composeOrder(templates);
				if (found.ok) expectOrdered(templates, found.value);
				else expectCircle(templates, found.error);
			}),
		);
	});
});
