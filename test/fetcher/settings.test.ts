import { expect, test } from 'vitest';
import { readSettings, terminationLog } from '../../fetcher/settings.ts';

/** A DER sequence of two bytes: the fetcher leaves the rest of the check to OpenSSL. */
const CA = '-----BEGIN CERTIFICATE-----\nMAIFAA==\n-----END CERTIFICATE-----\n';

const LEAST = {
	ENVTIER_VAULT_ADDR: 'https://vault.example.com:8200',
	ENVTIER_VAULT_ROLE: 'web',
	ENVTIER_DEPLOYMENT: 'shop',
} as const;

type Env = Readonly<Record<string, string | undefined>>;

const read = (env: Env) => readSettings({ ...LEAST, ...env });

function settings(env: Env) {
	const result = read(env);
	if (!result.ok) throw new Error(result.error.join('\n'));
	return result.value;
}

test('with only the required variables, all others have their defaults', () => {
	expect(settings({})).toEqual({
		vault: {
			address: 'https://vault.example.com:8200',
			tlsName: undefined,
			proxy: undefined,
			ca: undefined,
			namespace: undefined,
			authMount: 'kubernetes',
			kvMount: 'secret',
			kvVersion: 2,
			transitMount: 'transit',
			role: 'web',
		},
		tokenFile: '/var/run/secrets/envtier.dev/token',
		tierNames: { deployment: 'shop' },
		tiers: ['deployment'],
		require: [],
		allow: [],
		empty: 'refuse',
		envKeys: [],
		formats: ['shell'],
		sealed: new Map(),
		leases: new Map(),
		templates: new Map(),
		volumes: [{ out: '/secrets', selection: undefined }],
		deadline: 60_000,
		logLevel: 'info',
		mode: 'once',
		period: 300_000,
		onChange: { kind: 'none' },
		spread: 300_000,
		privateDir: '/var/lib/envtier.dev',
	});
});

test.each<readonly [string, Env, object]>([
	[
		'an address loses its last slash',
		{ ENVTIER_VAULT_ADDR: 'https://v:8200/' },
		{ vault: { address: 'https://v:8200' } },
	],
	[
		'an IPv6 address',
		{ ENVTIER_VAULT_ADDR: 'https://[::1]:8200' },
		{ vault: { address: 'https://[::1]:8200' } },
	],
	['the default port', { ENVTIER_VAULT_ADDR: 'https://v' }, { vault: { address: 'https://v' } }],
	[
		'plain HTTP, said twice',
		{ ENVTIER_VAULT_ADDR: 'http://v:8200', ENVTIER_VAULT_INSECURE_HTTP: 'true' },
		{ vault: { address: 'http://v:8200' } },
	],
	['a CA', { ENVTIER_VAULT_CA: CA }, { vault: { ca: CA } }],
	['a nested namespace', { ENVTIER_VAULT_NAMESPACE: 'team/inner/' }, { vault: { namespace: 'team/inner' } }],
	[
		'a mount with a slash',
		{ ENVTIER_VAULT_AUTH_MOUNT: 'kubernetes/prod' },
		{ vault: { authMount: 'kubernetes/prod' } },
	],
	['KV version 1', { ENVTIER_VAULT_KV_VERSION: '1' }, { vault: { kvVersion: 1 } }],
	[
		'every tier that has a name is read',
		{ ENVTIER_ORG: 'acme', ENVTIER_SERVICE: 'web' },
		{ tiers: ['org', 'deployment', 'service'] },
	],
	[
		'only the tiers named, in merge order',
		{ ENVTIER_ORG: 'acme', ENVTIER_SERVICE: 'web', ENVTIER_TIERS: 'service, org' },
		{ tiers: ['org', 'service'] },
	],
	['keys to require', { ENVTIER_REQUIRE: 'A, B' }, { require: ['A', 'B'] }],
	['keys for the kubelet', { ENVTIER_ENV_KEYS: 'A' }, { envKeys: ['A'] }],
	['formats in the documented order', { ENVTIER_FORMAT: 'files,shell' }, { formats: ['shell', 'files'] }],
	['no format', { ENVTIER_FORMAT: 'none' }, { formats: [] }],
	['a deadline in seconds', { ENVTIER_DEADLINE: '3600' }, { deadline: 3_600_000 }],
	[
		'an empty variable counts as unset',
		{ ENVTIER_ORG: '', ENVTIER_DEADLINE: '', ENVTIER_VAULT_CA: '' },
		{ deadline: 60_000, tiers: ['deployment'] },
	],
	[
		'variables of others are not looked at',
		{ VAULT_ADDR: 'x', VAULT_TOKEN: 'y', ENVTIER_LISTEN: '?', ENVTIER_PORT_8443_TCP: '?' },
		{},
	],
])('%s', (_what, env, expected) => {
	expect(settings(env)).toMatchObject(expected);
});

test.each<readonly [string, Env, string]>([
	[
		'no address',
		{ ENVTIER_VAULT_ADDR: undefined },
		'ENVTIER_VAULT_ADDR is not set: Vault’s address, https://host:port',
	],
	[
		'an address without a scheme',
		{ ENVTIER_VAULT_ADDR: 'vault:8200' },
		'ENVTIER_VAULT_ADDR must be an address such as https://',
	],
	[
		'an address with the path that begins every request',
		{ ENVTIER_VAULT_ADDR: 'https://v/v1' },
		'ENVTIER_VAULT_ADDR must be an address such as https://',
	],
	[
		'an address with a password',
		{ ENVTIER_VAULT_ADDR: 'https://a:b@v' },
		'ENVTIER_VAULT_ADDR must be an address such as https://',
	],
	[
		'plain HTTP',
		{ ENVTIER_VAULT_ADDR: 'http://v' },
		'ENVTIER_VAULT_ADDR must start with https:// unless ENVTIER_VAULT_INSECURE_HTTP is "true"',
	],
	[
		'insecurity that is neither true nor false',
		{ ENVTIER_VAULT_INSECURE_HTTP: 'yes' },
		'ENVTIER_VAULT_INSECURE_HTTP must be one of true, false',
	],
	[
		'a CA that is a file name',
		{ ENVTIER_VAULT_CA: '/etc/ca.pem' },
		'ENVTIER_VAULT_CA must be PEM text of certificates',
	],
	[
		'a private key for a CA',
		{ ENVTIER_VAULT_CA: '-----BEGIN PRIVATE KEY-----\nAA\n-----END PRIVATE KEY-----' },
		'ENVTIER_VAULT_CA must be PEM text',
	],
	[
		'a namespace that climbs',
		{ ENVTIER_VAULT_NAMESPACE: 'a/../b' },
		'ENVTIER_VAULT_NAMESPACE must be a path of letters',
	],
	[
		'a header in the namespace',
		{ ENVTIER_VAULT_NAMESPACE: 'a\r\nX-Vault-Token: b' },
		'ENVTIER_VAULT_NAMESPACE must be a path of letters',
	],
	[
		'a mount with a query',
		{ ENVTIER_VAULT_KV_MOUNT: 'secret?x' },
		'ENVTIER_VAULT_KV_MOUNT must be a path of letters',
	],
	[
		'a mount from the root',
		{ ENVTIER_VAULT_AUTH_MOUNT: '/kubernetes' },
		'ENVTIER_VAULT_AUTH_MOUNT must be a path of letters',
	],
	['KV version 3', { ENVTIER_VAULT_KV_VERSION: '3' }, 'ENVTIER_VAULT_KV_VERSION must be one of 1, 2'],
	['no role', { ENVTIER_VAULT_ROLE: undefined }, 'ENVTIER_VAULT_ROLE is not set: Vault role to log in with'],
	['a role that is a path', { ENVTIER_VAULT_ROLE: 'a/b' }, 'ENVTIER_VAULT_ROLE must be letters'],
	[
		'no deployment',
		{ ENVTIER_DEPLOYMENT: undefined },
		'ENVTIER_DEPLOYMENT is not set: deployment whose tier is read',
	],
	['a deployment that climbs', { ENVTIER_DEPLOYMENT: '..' }, 'ENVTIER_DEPLOYMENT must be lower-case letters'],
	['an organization with an escape', { ENVTIER_ORG: 'a%2fb' }, 'ENVTIER_ORG must be lower-case letters'],
	['a service with a slash', { ENVTIER_SERVICE: 'a/b' }, 'ENVTIER_SERVICE must be lower-case letters'],
	[
		'an unknown tier',
		{ ENVTIER_TIERS: 'global' },
		'ENVTIER_TIERS must be a comma-separated list of "org", "deployment", "service"',
	],
	[
		'a tier without its name',
		{ ENVTIER_TIERS: 'org,service' },
		'ENVTIER_TIERS names the tier "org", but ENVTIER_ORG is not set; it names the tier "service", but ENVTIER_SERVICE is not set',
	],
	[
		'a key that is none',
		{ ENVTIER_REQUIRE: 'A,my.key' },
		'ENVTIER_REQUIRE must be a comma-separated list of keys',
	],
	[
		'an unknown format',
		{ ENVTIER_FORMAT: 'yaml' },
		'ENVTIER_FORMAT must be a comma-separated list of "shell", "dotenv", "json", "files", or "none"',
	],
	['no time at all', { ENVTIER_DEADLINE: '0' }, 'ENVTIER_DEADLINE must be a whole number from 1 to 3600'],
	[
		'a deadline with a unit',
		{ ENVTIER_DEADLINE: '60s' },
		'ENVTIER_DEADLINE must be a whole number from 1 to 3600',
	],
	[
		'an unknown level',
		{ ENVTIER_LOG_LEVEL: 'verbose' },
		'ENVTIER_LOG_LEVEL must be one of trace, debug, info',
	],
])('%s is refused, naming the variable and what is accepted', (_what, env, message) => {
	const result = read(env);
	expect(result.ok ? [] : result.error).toEqual([expect.stringContaining(message)]);
});

test('all errors are reported at once, without values', () => {
	const secret = 'hvs.Pasted_Into_The_Wrong_Place';
	const result = readSettings({
		ENVTIER_VAULT_ADDR: secret,
		ENVTIER_VAULT_ROLE: `${secret} `,
		ENVTIER_DEPLOYMENT: secret,
		ENVTIER_DEADLINE: secret,
		ENVTIER_VAULT_CA: secret,
	});
	expect(result.ok ? [] : result.error).toHaveLength(5);
	expect(JSON.stringify(result)).not.toContain(secret);
});

test('the path of the termination message does not depend on other settings', () => {
	expect(terminationLog({})).toBe('/dev/termination-log');
	expect(terminationLog({ ENVTIER_TERMINATION_LOG: '/tmp/words' })).toBe('/tmp/words');
});
