import { describe, expect, test } from 'vitest';
import { idOf, type SecretLocation } from '../../../api/secrets/secret-location.ts';
import { isIdOf } from '../../../ui/reveal/secret-id.ts';
import { clock, queryOf, reasonProblem, targetOf, visible } from '../../../ui/reveal/target.ts';

const idOfKey = (key: string) => idOf({ location: { kind: 'deployment', deployment: 'shop' }, key }, 'stamp');
const OLD = `deployment=shop&key=A&id=${idOfKey('A')}`;
const WHOLE = { id: idOfKey('A'), version: 2, expected: 3 };

describe('the secret that the address of the page names', () => {
	const none = { deployment: '', service: '', org: '', restore: undefined };
	test.each([
		['deployment=shop&key=A', { ...none, deployment: 'shop', key: 'A' }],
		['deployment=shop&service=web&key=A', { ...none, deployment: 'shop', service: 'web', key: 'A' }],
		['org=acme&key=A', { ...none, org: 'acme', key: 'A' }],
		[`${OLD}&version=2&expected=3&restore=true`, { ...none, deployment: 'shop', key: 'A', restore: WHOLE }],
		[`${OLD}&version=0&expected=3&restore=true`, undefined],
		[`${OLD}&version=2&restore=true`, undefined],
		[`${OLD}&version=2&expected=3&restore=1`, undefined],
		['deployment=shop&key=A&version=2&expected=3&restore=true', undefined],
		['deployment=shop', undefined],
		['key=A', undefined],
		['deployment=shop&org=acme&key=A', undefined],
		['org=acme&service=web&key=A', undefined],
		['deployment=../shop&key=A', undefined],
		['deployment=shop&key=A/../B', undefined],
	])('%s', (query, target) => {
		expect(targetOf(new URLSearchParams(query))).toEqual(target);
		if (target !== undefined) expect(queryOf(target)).toBe(query);
	});
});

test('an id of another secret than the page shows is refused', () => {
	const shown = { deployment: 'shop', service: '', org: '', key: 'A' };
	const ids: readonly [SecretLocation, string, boolean][] = [
		[{ kind: 'deployment', deployment: 'shop' }, 'A', true],
		[{ kind: 'deployment', deployment: 'shop' }, 'B', false],
		[{ kind: 'deployment', deployment: 'bank' }, 'A', false],
		[{ kind: 'deployment', deployment: 'shop', service: 'web' }, 'A', false],
		[{ kind: 'org', org: 'shop' }, 'A', false],
	];
	for (const [location, key, isOf] of ids) expect(isIdOf(idOf({ location, key }, 'stamp'), shown)).toBe(isOf);
	expect(
		isIdOf(idOf({ location: { kind: 'org', org: 'acme' }, key: 'A' }, 'x'), {
			...shown,
			deployment: '',
			org: 'acme',
		}),
	).toBe(true);
	for (const id of ['', 's2_', 's2_***', 's3_x']) expect(isIdOf(id, shown)).toBe(false);
});

test.each([
	['', true],
	['  ', true],
	['incident 42', false],
	['ä'.repeat(128), false],
	['ä'.repeat(129), true],
])('the reason %j has a problem: %s', (reason, wrong) => {
	expect(reasonProblem(reason) !== undefined).toBe(wrong);
});

test.each([
	['a\tb\nc', 'a\tb\nc'],
	['a\u0007b', 'a\\u{7}b'],
	['a\u202eb\u2066c', 'a\\u{202e}b\\u{2066}c'],
	['\ufeffa\u2028', '\\u{feff}a\\u{2028}'],
	['über 🚀', 'über 🚀'],
])('the value %j is shown as %j', (value, shown) => {
	expect(visible(value)).toBe(shown);
});

test.each([
	[900_000, '15:00'],
	[61_000, '1:01'],
	[1, '0:01'],
	[-5, '0:00'],
])('%d ms are %s', (ms, text) => {
	expect(clock(ms)).toBe(text);
});
