import fc from 'fast-check';
import { expect, test } from 'vitest';
import { idOf, parseSecretId, type SecretLocation } from '../../api/secrets/secret-location.ts';

const name = fc.stringMatching(/^[a-z0-9]([a-z0-9-]{0,20}[a-z0-9])?$/);
const key = fc.stringMatching(/^[A-Za-z_][A-Za-z0-9_]{0,30}$/);
const stamp = fc.stringMatching(/^[A-Za-z0-9_-]{1,16}$/);
const location: fc.Arbitrary<SecretLocation> = fc.oneof(
	fc.stringMatching(/^[0-9a-f]{32}$/).map((user): SecretLocation => ({ kind: 'user', user })),
	name.map((org): SecretLocation => ({ kind: 'org', org })),
	name.map((deployment): SecretLocation => ({ kind: 'deployment', deployment })),
	fc
		.tuple(name, name)
		.map(([template, service]): SecretLocation => ({ kind: 'template', template, service })),
);

test('an id means the secret and the stamp that it was made of', () => {
	fc.assert(
		fc.property(location, key, stamp, (at, k, s) => {
			expect(parseSecretId(idOf({ location: at, key: k }, s))).toEqual({ location: at, key: k, stamp: s });
		}),
	);
});

test('exactly one text means one secret: an id with one character changed, added or left out means another or none', () => {
	fc.assert(
		fc.property(
			location,
			key,
			stamp,
			fc.nat(),
			fc.string({ minLength: 0, maxLength: 2 }),
			(at, k, s, i, text) => {
				const id = idOf({ location: at, key: k }, s);
				const cut = i % id.length;
				const changed = id.slice(0, cut) + text + id.slice(cut + 1);
				const meant = parseSecretId(changed);
				if (meant?.stamp === undefined) return;
				expect(idOf(meant, meant.stamp)).toBe(changed);
			},
		),
	);
});
