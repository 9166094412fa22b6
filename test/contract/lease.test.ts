import { describe, expect, test } from 'vitest';
import { isBelowMount, isKeyOfLease, leaseKey, leaseText, parseLease } from '../../contract/lease.ts';

describe('envtier.dev/lease.NAME', () => {
	test.for([
		['a path that is read', 'database/creds/readonly', 'database/creds/readonly', []],
		['a path in a Vault namespace', 'team-a/database/creds/ro', 'team-a/database/creds/ro', []],
		[
			'a path that is written with parameters',
			'pki/issue/web?common_name=web.shop.svc&ttl=24h',
			'pki/issue/web',
			[
				['common_name', 'web.shop.svc'],
				['ttl', '24h'],
			],
		],
		[
			'a wildcard name and an address',
			'pki/issue/w?common_name=*.shop.svc&ip_sans=10.0.0.1,::1',
			'pki/issue/w',
			[
				['common_name', '*.shop.svc'],
				['ip_sans', '10.0.0.1,::1'],
			],
		],
		[
			'a path of 2,048 characters',
			`database/creds/${'a'.repeat(2033)}`,
			`database/creds/${'a'.repeat(2033)}`,
			[],
		],
	] as const)('%s is accepted', ([, text, path, parameters]) => {
		const parsed = parseLease(text);
		expect(parsed).toEqual({ ok: true, value: { path, parameters } });
		expect(parsed.ok && leaseText(parsed.value)).toBe(text);
	});

	test.for([
		['nothing', ''],
		['one segment', 'database'],
		['a slash at its start', '/database/creds/x'],
		['a slash at its end', 'database/creds/x/'],
		['".."', 'database/../sys/seal'],
		['"."', 'database/./creds'],
		['an escape', 'database/creds/%2e%2e'],
		['Vault’s own paths', 'sys/leases/revoke'],
		['Vault’s own paths in capitals', 'SYS/leases/revoke'],
		['Vault’s own paths in a namespace', 'team/sys/policies'],
		['logins', 'auth/token/create'],
		['identities', 'identity/oidc/token/x'],
		['the cubbyhole', 'cubbyhole/x'],
		['a fragment', 'database/creds/x#y'],
		['a blank', 'database/creds/read only'],
		['a line feed', 'database/creds/x\n'],
		['two queries', 'pki/issue/web?a=b?c=d'],
		['a parameter without a value', 'pki/issue/web?ttl='],
		['a parameter twice', 'pki/issue/web?ttl=1h&ttl=2h'],
		['a parameter with a blank', 'pki/issue/web?common_name=a b'],
		['a parameter with an escape', 'pki/issue/web?common_name=a%26b'],
		['a parameter with two "="', 'pki/issue/web?common_name=a=b'],
		['17 parameters', `pki/issue/web?${Array.from({ length: 17 }, (_, i) => `a${i}=b`).join('&')}`],
		['2,049 characters', `database/creds/${'a'.repeat(2034)}`],
	] as const)('%s is refused', ([, text]) => expect(parseLease(text).ok).toBe(false));

	test('each field has a key', () => {
		expect(leaseKey('DB', 'username')).toBe('DB_USERNAME');
		expect(leaseKey('TLS', 'issuing-ca')).toBe('TLS_ISSUING_CA');
		expect(leaseKey('DB', 'user name')).toBeUndefined();
		expect(isKeyOfLease('DB', 'DB_USERNAME')).toBe(true);
		expect(isKeyOfLease('DB', 'DB_')).toBe(false);
		expect(isKeyOfLease('DB', 'DBX_USERNAME')).toBe(false);
	});

	test.for([
		['secret/data/x', true],
		['team/secret/data/x', true],
		['database/creds/secret', false],
		['my-secret/creds/x', false],
		['database/creds/x', false],
	] as const)('%s is below the mount "secret": %s', ([path, below]) =>
		expect(isBelowMount(path, 'secret')).toBe(below),
	);
});
