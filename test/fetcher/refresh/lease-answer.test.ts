import { describe, expect, test } from 'vitest';
import { decodeLease } from '../../../fetcher/refresh/lease-answer.ts';

const NOW = 1_700_000_000_000;
const decode = (body: object, empty: 'refuse' | 'skip' | 'keep' = 'refuse') =>
	decodeLease('DB', body as Readonly<Record<string, unknown>>, empty, NOW);
const lease = (data: object) => ({
	lease_id: 'database/creds/x/1',
	renewable: true,
	lease_duration: 60,
	data,
});

describe('the answer of a secrets engine', () => {
	test('with a lease has a key for each field', () =>
		expect(decode(lease({ username: 'v-app', password: 'p' }))).toEqual({
			ok: true,
			value: {
				leaseId: 'database/creds/x/1',
				continuation: 'renew',
				ttl: 60_000,
				values: new Map([
					['DB_USERNAME', 'v-app'],
					['DB_PASSWORD', 'p'],
				]),
			},
		}));

	test('whose lease cannot be renewed is replaced', () =>
		expect(
			decode({ ...lease({ access_key: 'a', secret_key: 'b', security_token: null }), renewable: false }),
		).toMatchObject({
			value: {
				continuation: 'replace',
				values: new Map([
					['DB_ACCESS_KEY', 'a'],
					['DB_SECRET_KEY', 'b'],
				]),
			},
		}));

	test('of the pki engine ends at its expiration', () =>
		expect(
			decode({
				lease_id: '',
				data: { certificate: 'C', ca_chain: ['A', 'B'], private_key: 'K', expiration: NOW / 1_000 + 90 },
			}),
		).toMatchObject({
			value: {
				leaseId: undefined,
				continuation: 'replace',
				ttl: 90_000,
				values: new Map([
					['DB_CERTIFICATE', 'C'],
					['DB_CA_CHAIN', 'A\nB'],
					['DB_PRIVATE_KEY', 'K'],
					['DB_EXPIRATION', '1700000090'],
				]),
			},
		}));

	test('of static credentials is read again after its ttl', () =>
		expect(
			decode({ lease_id: '', data: { username: 'u', password: 'p', ttl: 30, enabled: true } }),
		).toMatchObject({
			value: {
				...{ leaseId: undefined, continuation: 'reread', ttl: 30_000 },
				// Not the ttl, which is another one at each read.
				values: new Map([
					['DB_USERNAME', 'u'],
					['DB_PASSWORD', 'p'],
					['DB_ENABLED', 'true'],
				]),
			},
		}));

	test.for([
		['without data', { data: null }, 'fields'],
		[
			'without an end',
			{ lease_id: '', lease_duration: 2_764_800, data: { value: 'x' } },
			'says when it ends',
		],
		['that has ended', { ...lease({ a: 'b' }), lease_duration: 0 }, 'had ended'],
		['with an object', lease({ inner: { a: 'secret' } }), '"inner"'],
		['with a list of numbers', lease({ list: [1] }), '"list"'],
		['with half a surrogate pair', lease({ bad: '\ud800' }), '"bad"'],
		['with a name that is no variable', lease({ 'a b': 'secret' }), '"a b"'],
		['with two names for one key', lease({ 'a-b': '1', a_b: '2' }), '"a_b"'],
		['with an empty value', lease({ none: '' }), '"none"'],
		['of 64 KiB and more', lease({ long: 'a'.repeat(64 * 1024) }), 'longer'],
	] as const)('%s is refused and no value is shown', ([, body, sentence]) => {
		const decoded = decode(body);
		expect(decoded.ok).toBe(false);
		const text = JSON.stringify(decoded);
		expect(decoded.ok ? '' : decoded.error.what).toContain(sentence);
		expect(text).not.toMatch(/secret"|aaaa/);
	});

	test('has empty values as envtier.dev/empty says', () => {
		expect(decode(lease({ a: '', b: 'c' }), 'skip')).toMatchObject({
			value: { values: new Map([['DB_B', 'c']]) },
		});
		expect(decode(lease({ a: '' }), 'keep')).toMatchObject({ value: { values: new Map([['DB_A', '']]) } });
	});
});
