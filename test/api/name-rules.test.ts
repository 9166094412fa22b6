import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { mayRegister, parseNameRules } from '../../api/deployments/name-rules.ts';

const rulesOf = (text: string) => {
	const parsed = parseNameRules(text);
	if (!parsed.ok) throw new Error(parsed.error);
	return parsed.value;
};

describe('who may register a name', () => {
	const RULES = 'acme=shop,shop-*; globex = globex-* , shop-globex;';
	test.each([
		['a name that no pattern matches', 'blog', ['acme', 'globex', 'initech']],
		['a name that is reserved', 'shop', ['acme']],
		['a name with a reserved prefix', 'shop-web', ['acme']],
		['the prefix without anything after it', 'shop-', ['acme']],
		['a name that begins like a reserved one', 'shopping', ['acme', 'globex', 'initech']],
		['a name that two organizations have', 'shop-globex', ['acme', 'globex']],
	])('%s', (_what, name, orgs) => {
		const rules = rulesOf(RULES);
		const may = ['acme', 'globex', 'initech'].filter((org) => mayRegister(rules, name, org));
		expect(may).toEqual(orgs);
	});

	test('"*" reserves every name', () => {
		const rules = rulesOf('platform=*;acme=acme-*');
		expect(mayRegister(rules, 'blog', 'acme')).toBe(false);
		expect(mayRegister(rules, 'acme-web', 'acme')).toBe(true);
		expect(mayRegister(rules, 'blog', 'platform')).toBe(true);
	});

	test.each([
		'acme',
		'acme=',
		'=shop',
		'acme=a=b',
		'acme=*-system',
		'acme=a*b',
		'acme=shop,',
		'Acme=shop',
		'acme=a/b',
	])('%j is no list of names', (text) => {
		const parsed = parseNameRules(text);
		expect(parsed.ok).toBe(false);
	});
});

test('an organization keeps what is reserved for it alone, whatever the name', () => {
	const name = fc.stringMatching(/^[a-z0-9]([a-z0-9.-]{0,20}[a-z0-9])?$/);
	fc.assert(
		fc.property(
			name,
			fc.string({ maxLength: 5, unit: fc.constantFrom('a', '-', '.', '1') }),
			(prefix, rest) => {
				const rules = rulesOf(`acme=${prefix}*`);
				expect(mayRegister(rules, prefix + rest, 'acme')).toBe(true);
				expect(mayRegister(rules, prefix + rest, 'globex')).toBe(false);
			},
		),
	);
});
