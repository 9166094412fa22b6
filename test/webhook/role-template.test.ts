import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { isAmbiguousRole } from '../../webhook/admission/role-template.ts';

const filled = (template: string, namespace: string, account: string): string =>
	template.replaceAll('{namespace}', namespace).replaceAll('{serviceAccount}', account).toLowerCase();

/** Few letters, so that different names make the same role often. */
const label = fc.stringMatching(/^[ab](?:-?[ab]){0,2}$/);
const subdomain = fc.stringMatching(/^[ab](?:[-.]?[ab]){0,3}$/);
const template = fc
	.array(fc.constantFrom('{namespace}', '{serviceAccount}', '_', '.', '-', 'a', 'B', '-.', 'a_'), {
		minLength: 1,
		maxLength: 7,
	})
	.map((parts) => parts.join(''));

describe('a template of role names', () => {
	test('that is not ambiguous and has both names gives each service account a role of its own', () => {
		fc.assert(
			fc.property(template, label, subdomain, label, subdomain, (text, one, account, other, another) => {
				fc.pre(text.includes('{namespace}') && text.includes('{serviceAccount}') && !isAmbiguousRole(text));
				fc.pre(one !== other || account !== another);
				expect(filled(text, one, account)).not.toBe(filled(text, other, another));
			}),
			{ numRuns: 20_000 },
		);
	});

	test.each([
		'{namespace}_{serviceAccount}',
		'k8s-{namespace}_{serviceAccount}.v1',
		'{serviceAccount}_{namespace}',
		'{namespace}.{serviceAccount}',
		'{serviceAccount}.{namespace}',
		'{namespace}_x-{namespace}-{serviceAccount}',
		'{serviceAccount}',
		'{namespace}',
		'envtier',
	])('%s is not ambiguous', (text) => expect(isAmbiguousRole(text)).toBe(false));

	test.each([
		['{namespace}-{serviceAccount}', 'a', 'b-c', 'a-b', 'c'],
		['{serviceAccount}-{namespace}', 'b-c', 'a', 'c', 'a-b'],
		['{namespace}{serviceAccount}', 'a', 'bc', 'ab', 'c'],
		['{namespace}X{serviceAccount}', 'a', 'bxc', 'axb', 'c'],
		['k8s_{namespace}-{serviceAccount}_v1', 'a', 'b-c', 'a-b', 'c'],
	])('%s is ambiguous', (text, namespace, account, other, another) => {
		expect(isAmbiguousRole(text)).toBe(true);
		expect(filled(text, namespace, account)).toBe(filled(text, other, another));
	});
});
