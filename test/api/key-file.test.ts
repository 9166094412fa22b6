import { describe, expect, test } from 'vitest';
import { parseKeyFile } from '../../api/auth/key-file.ts';
import { caller } from './support/api.ts';

const { record } = caller('user:alice');
const entry = { ...record, expiresAt: '2027-01-31T00:00:00Z' };
const { id: _, ...withoutId } = entry;
const FORM = 'it must be {"keys": [...]}, as `--new-key` prints it';

describe('a key file', () => {
	test('holds keys, also behind a byte order mark', () => {
		const text = JSON.stringify({ keys: [entry] });
		for (const given of [text, `\ufeff${text}`])
			expect(parseKeyFile(given)).toMatchObject({
				ok: true,
				value: [{ id: record.id, subject: 'user:alice' }],
			});
	});

	test.each<[string, string, string]>([
		['no JSON', 'envtier_canary', `it is not JSON: ${FORM}`],
		['a list', JSON.stringify([entry]), `it is a list: ${FORM}`],
		['a text', '"envtier_canary"', `it is no object: ${FORM}`],
		['one entry alone', JSON.stringify(entry), `it has no field "keys": ${FORM}`],
		['keys that are no list', '{"keys": {}}', 'keys must be of type array'],
		['an entry without an id', JSON.stringify({ keys: [withoutId] }), 'keys.0.id is required'],
		[
			'the key in the place of its hash',
			JSON.stringify({ keys: [entry, { ...entry, hash: 'envtier_canary' }] }),
			'keys.1.hash must be 64 hexadecimal digits, the SHA-256 of the key',
		],
		[
			'a role that is none',
			JSON.stringify({ keys: [{ ...entry, roles: ['canary'] }] }),
			'keys.0.roles.0 must be one of org_owner, org_admin',
		],
		[
			'a scope that is none',
			JSON.stringify({ keys: [{ ...entry, scopes: ['canary'] }] }),
			'keys.0.scopes.0 must be one of secrets:read, secrets:write, secrets:delete, secrets:destroy, audit',
		],
		[
			'a time that is none',
			JSON.stringify({ keys: [{ ...entry, expiresAt: 'canary' }] }),
			'keys.0.expiresAt must be a time such as',
		],
		[
			'an organization that is none',
			JSON.stringify({ keys: [{ ...entry, org: 'A/canary' }] }),
			'keys.0.org must be',
		],
		[
			'an unknown field',
			JSON.stringify({ keys: [{ ...entry, role: 'org_admin' }] }),
			'keys.0: unknown field "role"',
		],
	])('with %s: says what is wrong and where, and repeats no content', (_what, text, sentence) => {
		const parsed = parseKeyFile(text);
		expect(parsed).toEqual({ ok: false, error: expect.stringContaining(sentence) });
		expect(JSON.stringify(parsed)).not.toContain('canary');
	});
});
