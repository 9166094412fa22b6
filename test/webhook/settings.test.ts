import { describe, expect, test } from 'vitest';
import { VARIABLES, type Variable, type VariableName } from '../../contract/variables.ts';
import { readSettings, type Settings } from '../../webhook/settings.ts';
import { makeAuthority } from '../support/tls.ts';
import { ENV, type Env, read, settings } from './support/settings.ts';

const CA = (await makeAuthority()).certPem;
const KEY = (await makeAuthority()).keyPem;

/** The complaint about one variable, which never repeats its value. */
function complaint(env: Env): string {
	const result = read(env);
	if (result.ok) throw new Error('accepted');
	return result.error;
}

interface Table {
	readonly sees: (settings: Settings) => unknown;
	readonly default?: unknown;
	readonly accepts: readonly (readonly [sentence: string, value: string, result: unknown])[];
	readonly refuses: readonly (readonly [sentence: string, value: string])[];
	/** True when it is missed, though only with other settings as they are by default. */
	readonly missed?: true;
	/** Other settings that the values need. */
	readonly with?: Env;
}

const REFERENCES = [
	['a reference to another variable', '$(ENVTIER_OUT)'],
	['a line feed behind', 'a\n'],
	['a blank', 'a b'],
] as const;

const PATHS: Pick<Table, 'refuses'> = {
	refuses: [
		...REFERENCES,
		['a slash in front', '/kv'],
		['two slashes', 'kv//apps'],
		['a parent', '../sys'],
		['a parent in the middle', 'kv/../sys'],
		['an escaped slash', 'kv%2fapps'],
		['a question mark', 'kv?x'],
	],
};

const QUANTITIES: Pick<Table, 'refuses'> = {
	refuses: [
		['no name', '100m'],
		['no quantity', 'cpu='],
		['another resource', 'gpu=1'],
		['a negative one', 'cpu=-1'],
		['words', 'cpu=much'],
		['two signs', 'cpu=1=2'],
		['a comma behind', 'cpu=1,'],
		['a resource twice', 'cpu=100m,cpu=200m'],
	],
};

/** The webhook keeps its certificate itself. */
const SELF = {
	with: { ENVTIER_CERTIFICATES: 'self', ENVTIER_KUBECONFIG: '/etc/envtier/kubeconfig' },
} as const;

const DURATIONS: Table['refuses'] = [
	['no unit', '90'],
	['a unit that nobody knows', '1y'],
	['none', '0s'],
	['a fraction', '1.5h'],
];

const LEVELS = ['trace', 'debug', 'info', 'warn', 'error', 'fatal', 'silent'] as const;

const TABLES: Readonly<Partial<Record<VariableName, Table>>> = {
	ENVTIER_LISTEN: {
		sees: ({ host, port }) => ({ host, port }),
		default: { host: '0.0.0.0', port: 8443 },
		accepts: [
			['an address', '127.0.0.1:9443', { host: '127.0.0.1', port: 9443 }],
			['a name', 'localhost:0', { host: 'localhost', port: 0 }],
			['an IPv6 address', '[::1]:8443', { host: '::1', port: 8443 }],
			['every address', ':8443', { host: '', port: 8443 }],
		],
		refuses: [
			['no port', '0.0.0.0'],
			['a port alone', '8443'],
			['a port that does not exist', '0.0.0.0:65536'],
			['a word for a port', '0.0.0.0:https'],
			['an IPv6 address without brackets', '::1:8443'],
			['a URL', 'https://0.0.0.0:8443'],
		],
	},
	ENVTIER_CERTIFICATES: {
		sees: ({ certificates }) => certificates.kind,
		with: { ENVTIER_KUBECONFIG: '/etc/envtier/kubeconfig' },
		accepts: [
			['files', 'files', 'files'],
			['self', 'self', 'self'],
		],
		refuses: [['another word', 'cert-manager']],
	},
	ENVTIER_TLS_CERT_FILE: {
		sees: ({ certificates }) => certificates.kind === 'files' && certificates.certificateFile,
		missed: true,
		accepts: [['a path', '/tls/tls.crt', '/tls/tls.crt']],
		refuses: [],
	},
	ENVTIER_TLS_KEY_FILE: {
		sees: ({ certificates }) => certificates.kind === 'files' && certificates.keyFile,
		missed: true,
		accepts: [['a path', '/tls/tls.key', '/tls/tls.key']],
		refuses: [],
	},
	ENVTIER_CERTIFICATES_SECRET: {
		...SELF,
		sees: ({ certificates }) => certificates.kind === 'self' && certificates.secret,
		accepts: [['namespace and name', 'a/b.c', { namespace: 'a', name: 'b.c' }]],
		refuses: [
			['a name alone', 'certificates'],
			['too many parts', 'a/b/certificates'],
			['a way out', '../certificates'],
		],
	},
	ENVTIER_CERTIFICATES_WEBHOOK_CONFIGURATION: {
		...SELF,
		sees: ({ certificates }) => certificates.kind === 'self' && certificates.webhookConfiguration,
		accepts: [['a name', 'envtier-2', 'envtier-2']],
		refuses: [['a path', 'a/webhook-configuration']],
	},
	ENVTIER_CERTIFICATES_NAMES: {
		...SELF,
		sees: ({ certificates }) => certificates.kind === 'self' && certificates.names,
		accepts: [
			['one', 'a.b.svc', ['a.b.svc']],
			['names and addresses', 'a.b.svc, 10.0.0.1,::1', ['a.b.svc', '10.0.0.1', '::1']],
		],
		refuses: [
			['a URL', 'https://a.b.svc'],
			['an empty one', 'a.b.svc,,c'],
		],
	},
	ENVTIER_CERTIFICATES_LIFE: {
		...SELF,
		sees: ({ certificates }) => certificates.kind === 'self' && certificates.leafLife,
		accepts: [
			['days', '30d', 30 * 86_400_000],
			['seconds', '10s', 10_000],
		],
		refuses: [...DURATIONS, ['less than 5 s', '4s'], ['more than half a CA’s', '400d']],
	},
	ENVTIER_CERTIFICATES_CA_LIFE: {
		...SELF,
		sees: ({ certificates }) => certificates.kind === 'self' && certificates.caLife,
		accepts: [['days', '180d', 180 * 86_400_000]],
		refuses: [...DURATIONS, ['less than two certificates’', '179d']],
	},
	ENVTIER_CERTIFICATES_SETTLE: {
		...SELF,
		sees: ({ certificates }) => certificates.kind === 'self' && certificates.settle,
		accepts: [['a minute', '1m', 60_000]],
		refuses: DURATIONS,
	},
	ENVTIER_KUBECONFIG: {
		sees: ({ cluster }) => cluster?.kubeconfig,
		accepts: [['a path', '/etc/envtier/kubeconfig', '/etc/envtier/kubeconfig']],
		refuses: [],
	},
	ENVTIER_CLIENT_CA: {
		sees: ({ callers }) => callers?.ca,
		accepts: [['a certificate', CA, CA]],
		refuses: [
			['a path', '/etc/envtier/client-ca.crt'],
			['half a certificate', CA.slice(0, 200)],
		],
	},
	ENVTIER_CLIENT_NAMES: {
		with: { ENVTIER_CLIENT_CA: CA },
		sees: ({ callers }) => [callers?.names],
		accepts: [
			['one', 'kube-apiserver', [['kube-apiserver']]],
			['several', 'kube-apiserver, system:x', [['kube-apiserver', 'system:x']]],
		],
		refuses: [
			['a comma behind', 'kube-apiserver,'],
			['a blank', ' '],
		],
	},
	ENVTIER_FETCHER_IMAGE: {
		sees: ({ injection }) => injection.image,
		accepts: [
			['a name with a port and a tag', 'registry.example.com:5000/a/b:1', 'registry.example.com:5000/a/b:1'],
			['a name with a digest', `b@sha256:${'0'.repeat(64)}`, `b@sha256:${'0'.repeat(64)}`],
		],
		refuses: [
			['a blank', 'fetcher 1'],
			['a line feed behind', 'fetcher:1\n'],
		],
	},
	ENVTIER_FETCHER_PULL_POLICY: {
		sees: ({ injection }) => injection.pullPolicy,
		accepts: ['Always', 'IfNotPresent', 'Never'].map((policy) => [policy, policy, policy] as const),
		refuses: [['another case', 'always']],
	},
	ENVTIER_FETCHER_PULL_SECRETS: {
		sees: ({ injection }) => injection.pullSecrets,
		default: [],
		accepts: [
			['one', 'registry', ['registry']],
			['several', 'registry, registry.eu', ['registry', 'registry.eu']],
		],
		refuses: [
			['an upper-case letter', 'Registry'],
			['a namespace', 'shop/registry'],
			['one twice', 'registry,registry'],
			['a gap', 'registry,,other'],
			['seventeen', Array.from({ length: 17 }, (_, i) => `s${i}`).join(',')],
		],
	},
	ENVTIER_VAULT_TLS_NAME: {
		sees: ({ injection }) => injection.vault.tlsName,
		accepts: [['a name', 'Vault.internal.example', 'vault.internal.example']],
		refuses: [
			['an address', 'https://vault.example.com'],
			['a port', 'vault.example.com:8200'],
			['an IP address', '10.0.0.1'],
			['a wildcard', '*.example.com'],
			['a reference to another variable', '$(HOST)'],
		],
	},
	ENVTIER_VAULT_PROXY: {
		sees: ({ injection }) => injection.vault.proxy,
		accepts: [['an address', 'http://proxy.example.com:3128/', 'http://proxy.example.com:3128']],
		refuses: [
			['no scheme', 'egress.example.com:3128'],
			['TLS', 'https://proxy.example.com:3128'],
			['SOCKS', 'socks5://proxy.example.com:1080'],
			['credentials, which every pod would show', 'http://me:hunter2-not-a-secret@proxy.example.com:3128'],
			['a path', 'http://proxy.example.com:3128/x'],
			['a reference to another variable', 'http://$(HOST)'],
		],
	},
	ENVTIER_FETCHER_REQUESTS: {
		sees: ({ injection }) => injection.requests,
		default: { cpu: '50m', memory: '64Mi' },
		accepts: [
			['one', 'cpu=0.05', { cpu: '0.05' }],
			['both', ' memory=32Mi , cpu=10m', { cpu: '10m', memory: '32Mi' }],
			[
				'what a quota may ask for',
				'cpu=10m,ephemeral-storage=16Mi',
				{ cpu: '10m', 'ephemeral-storage': '16Mi' },
			],
			['as much as the limits', 'cpu=0.5,memory=131072Ki', { cpu: '0.5', memory: '131072Ki' }],
		],
		refuses: [
			...QUANTITIES.refuses,
			['more CPU than the limit', 'cpu=501m'],
			['more memory than the limit', 'memory=129Mi'],
		],
	},
	ENVTIER_FETCHER_LIMITS: {
		sees: ({ injection }) => injection.limits,
		default: { cpu: '500m', memory: '128Mi' },
		accepts: [['one', 'memory=1Gi', { memory: '1Gi' }]],
		refuses: QUANTITIES.refuses,
	},
	ENVTIER_VOLUME_SIZE: {
		sees: ({ injection }) => injection.volumeSize,
		default: '16Mi',
		accepts: [['bytes', '4194304', '4194304']],
		refuses: [
			['a negative one', '-1Mi'],
			['a unit that does not exist', '16MB'],
		],
	},
	ENVTIER_NATIVE_ENV: {
		sees: ({ injection }) => injection.nativeEnv.ok,
		default: false,
		accepts: [
			['true', 'true', true],
			['false', 'false', false],
		],
		refuses: [['another word', 'yes']],
	},
	ENVTIER_DEFAULT_ORG: {
		sees: ({ injection }) => injection.defaultOrg,
		accepts: [['a name', 'acme', 'acme']],
		refuses: [
			['a climb', '../acme'],
			['an upper-case letter', 'Acme'],
		],
	},
	ENVTIER_IN_PLACE_RESTART: {
		sees: ({ injection }) => injection.inPlaceRestart.ok,
		default: false,
		accepts: [
			['true', 'true', true],
			['false', 'false', false],
			['auto, which asks the API server', 'auto', false],
		],
		refuses: [['another word', 'on']],
	},
	ENVTIER_REFRESH_REQUESTS: {
		sees: ({ injection }) => injection.refreshRequests,
		default: { cpu: '5m', memory: '48Mi' },
		accepts: [['less', 'memory=32Mi', { memory: '32Mi' }]],
		refuses: [
			['another resource', 'gpu=1'],
			['more than the limits', 'cpu=2'],
		],
	},
	ENVTIER_REFRESH_LIMITS: {
		sees: ({ injection }) => injection.refreshLimits,
		default: { cpu: '100m', memory: '128Mi' },
		accepts: [['more', 'memory=256Mi', { memory: '256Mi' }]],
		refuses: [
			['another resource', 'gpu=1'],
			['less than the requests', 'memory=16Mi'],
		],
	},
	ENVTIER_EVENTS: {
		sees: ({ events }) => events,
		default: true,
		accepts: [
			['yes', 'true', true],
			['no', 'false', false],
		],
		refuses: [['another word', 'yes']],
	},
	ENVTIER_LOG_FORMAT: {
		sees: ({ logFormat }) => logFormat,
		default: 'auto',
		accepts: ['auto', 'json', 'text'].map((format) => [format, format, format] as const),
		refuses: [['another word', 'pretty']],
	},
	ENVTIER_ORG_LABEL: {
		sees: ({ injection }) => injection.orgLabelMode,
		default: 'default',
		accepts: [
			['that nobody looks at it', 'ignore', 'ignore'],
			['that pods may name another', 'default', 'default'],
			['that pods may not', 'enforce', 'enforce'],
		],
		refuses: [
			['another word', 'enforced'],
			['its earlier name', 'rules'],
		],
	},
	ENVTIER_DEFAULT_ROLE: {
		sees: ({ injection }) => injection.defaultRole,
		default: '{namespace}_{serviceAccount}',
		accepts: [
			['a fixed one', 'envtier', 'envtier'],
			['with placeholders', '{namespace}_{serviceAccount}.v1', '{namespace}_{serviceAccount}.v1'],
		],
		refuses: [
			['an unknown placeholder', '{pod}'],
			['a slash', '{namespace}/{serviceAccount}'],
			['a hyphen in front', '-{namespace}'],
			['a reference to another variable', '$(X)'],
		],
	},
	ENVTIER_DEFAULT_UID: {
		sees: ({ injection }) => injection.defaultUser,
		default: 65532,
		accepts: [['another', '1000', 1000]],
		refuses: [
			['root', '0'],
			['more than Kubernetes takes', '2147483648'],
			['a name', 'nobody'],
			['a fraction', '1.5'],
		],
	},
	ENVTIER_EMPTY: {
		sees: ({ injection }) => injection.empty,
		default: 'refuse',
		accepts: [
			['skip', 'skip', 'skip'],
			['keep', 'keep', 'keep'],
		],
		refuses: [['another word', 'ignore']],
	},
	ENVTIER_TOKEN_AUDIENCE: {
		sees: ({ injection }) => injection.tokenAudience,
		default: 'vault',
		accepts: [['a URL', 'https://vault.example.com', 'https://vault.example.com']],
		refuses: [['a blank', 'vault openbao']],
	},
	ENVTIER_VAULT_ADDR: {
		sees: ({ injection }) => injection.vault.address,
		accepts: [
			['a port', 'https://vault.example.com:8200', 'https://vault.example.com:8200'],
			['a slash behind', 'https://vault.example.com/', 'https://vault.example.com'],
			['an IPv6 address', 'https://[fd00::8]:8200', 'https://[fd00::8]:8200'],
			['a path', 'https://example.com/infra/vault/', 'https://example.com/infra/vault'],
		],
		refuses: [
			['a climb', 'https://vault.example.com/a/../b'],
			['an escaped climb', 'https://vault.example.com/a/%2e%2e/b'],
			['two slashes', 'https://vault.example.com//a'],
			['a backslash', 'https://vault.example.com\\\\a'],
			['a line feed', 'https://vault.example.com/a\nb'],
			['no scheme', 'vault.internal:8200'],
			['another scheme', 'ftp://vault.example.com'],
			['clear text', 'http://vault.example.com:8200'],
			['the path that begins every request', 'https://vault.example.com/v1'],
			['a query', 'https://vault.example.com/?x=1'],
			['a fragment', 'https://vault.example.com/#x'],
			['a user', 'https://me@vault.example.com'],
			['a password', 'https://:hunter2-not-a-secret@vault.example.com'],
			['a reference to another variable', 'https://$(HOST)'],
			['no host', 'https://'],
		],
	},
	ENVTIER_VAULT_INSECURE_HTTP: {
		sees: ({ injection }) => [injection.vault.insecureHttp, injection.vault.address],
		with: { ENVTIER_VAULT_ADDR: 'http://vault:8200' },
		accepts: [['true, for those who mean it', 'true', [true, 'http://vault:8200']]],
		refuses: [
			['false beside an address in clear text', 'false'],
			['another word', 'yes'],
		],
	},
	ENVTIER_VAULT_CA: {
		sees: ({ injection }) => injection.vault.ca,
		accepts: [
			['one certificate', CA, CA],
			['a bundle with comments', `# ours\n${CA}# theirs\n${CA}`, CA + CA],
			['two joined without a line break', `${CA.trim()}${CA.trim()}`, CA + CA],
			['line breaks of Windows', CA.replaceAll('\n', '\r\n'), CA],
		],
		refuses: [
			['a file’s name', '/etc/ssl/ca.pem'],
			['no certificate within the marks', '-----BEGIN CERTIFICATE-----\naaaa\n-----END CERTIFICATE-----\n'],
			['a certificate cut short', CA.slice(0, -40)],
			['a second certificate cut short', CA + CA.slice(0, -40)],
			['base64 of PEM', Buffer.from(CA).toString('base64')],
			['a private key, which every pod would show', CA + KEY],
			['a reference to another variable', `$(X)\n${CA}`],
			['more than an environment variable can hold', CA.repeat(300)],
		],
	},
	ENVTIER_VAULT_NAMESPACE: {
		sees: ({ injection }) => injection.vault.namespace,
		accepts: [
			['a path', 'team/blue', 'team/blue'],
			['a slash behind, as Vault prints it', 'team/blue/', 'team/blue'],
			['a name', 'admin', 'admin'],
		],
		...PATHS,
	},
	ENVTIER_VAULT_AUTH_MOUNT: {
		sees: ({ injection }) => injection.vault.authMount,
		default: 'kubernetes',
		accepts: [['a path', 'jwt/cluster_7', 'jwt/cluster_7']],
		...PATHS,
	},
	ENVTIER_VAULT_KV_MOUNT: {
		sees: ({ injection }) => injection.vault.kvMount,
		default: 'secret',
		accepts: [['a path', 'kv/apps', 'kv/apps']],
		...PATHS,
	},
	ENVTIER_VAULT_TRANSIT_MOUNT: {
		sees: ({ injection }) => injection.vault.transitMount,
		default: 'transit',
		accepts: [['a path', 'seals/cluster_7', 'seals/cluster_7']],
		...PATHS,
	},
	ENVTIER_VAULT_KV_VERSION: {
		sees: ({ injection }) => injection.vault.kvVersion,
		default: 2,
		accepts: [
			['the first', '1', 1],
			['the second', '2', 2],
		],
		refuses: [
			['a third', '3'],
			['a letter in front', 'v2'],
		],
	},
	ENVTIER_DEADLINE: {
		sees: ({ injection }) => injection.deadline,
		default: 60,
		accepts: [
			['the least', '1', 1],
			['the most', '3600', 3600],
		],
		refuses: [
			['none', '0'],
			['more', '3601'],
			['a unit', '60s'],
			['a fraction', '1.5'],
		],
	},
	ENVTIER_LOG_LEVEL: {
		sees: ({ logLevel, injection }) => [logLevel, injection.logLevel],
		default: ['info', 'info'],
		accepts: LEVELS.map((level) => [level, level, [level, level]] as const),
		refuses: [
			['another case', 'INFO'],
			['another word', 'verbose'],
		],
	},
};

describe.for(Object.entries(TABLES))('%s', ([name, table]) => {
	test.for(table.accepts)('accepts %s', ([, value, result]) =>
		expect(table.sees(settings({ ...table.with, [name]: value }))).toEqual(result),
	);

	test.for(table.refuses)('refuses %s without repeating it', ([, value]) => {
		const message = complaint({ ...table.with, [name]: value });
		for (const line of message.split('\n')) expect(line).toMatch(/^ENVTIER_[A-Z_]+ must /);
		expect(message).toContain(name);
		if (value.length > 8) expect(message).not.toContain(value.trim());
	});

	test('unset or empty, it has its default or is reported as missing', () => {
		const required = 'required' in VARIABLES[name as VariableName] || table.missed;
		for (const unset of [{ [name]: '' }, { [name]: undefined }]) {
			const result = readSettings({ ...ENV, ...unset });
			if (required)
				expect(result).toEqual({
					ok: false,
					error: expect.stringMatching(new RegExp(`^${name} is not set: `)),
				});
			else
				expect(result.ok && table.sees(result.value)).toEqual(table.with ? expect.anything() : table.default);
		}
	});
});

test('every variable that the webhook reads has its table here', () => {
	const known: readonly [string, Variable][] = Object.entries(VARIABLES);
	const read = known.filter(([, { readBy }]) => readBy.includes('webhook')).map(([name]) => name);
	expect(Object.keys(TABLES).sort()).toEqual(read.sort());
});

test('all errors are reported at once, one on each line', () => {
	const result = readSettings({
		ENVTIER_LOG_LEVEL: 'loud',
		ENVTIER_DEADLINE: 'soon',
		ENVTIER_LISTEN: 'here',
	});
	expect(result.ok).toBe(false);
	const lines = result.ok ? [] : result.error.split('\n');
	expect(lines.map((line) => line.split(' ')[0]).sort()).toEqual([
		'ENVTIER_DEADLINE',
		'ENVTIER_FETCHER_IMAGE',
		'ENVTIER_LISTEN',
		'ENVTIER_LOG_LEVEL',
		'ENVTIER_TLS_CERT_FILE',
		'ENVTIER_TLS_KEY_FILE',
		'ENVTIER_VAULT_ADDR',
	]);
});

test('names of callers without the CA that vouches for them are refused', () => {
	expect(complaint({ ENVTIER_CLIENT_NAMES: 'kube-apiserver' })).toMatch(
		/^ENVTIER_CLIENT_NAMES must have ENVTIER_CLIENT_CA beside it/,
	);
});

test('a webhook that keeps its certificate itself needs an API server, and no files', () => {
	const self = { ...ENV, ENVTIER_CERTIFICATES: 'self', ENVTIER_TLS_CERT_FILE: '', ENVTIER_TLS_KEY_FILE: '' };
	expect(readSettings({ ...self, KUBERNETES_SERVICE_HOST: '10.0.0.1' })).toMatchObject({ ok: true });
	expect(readSettings({ ...self, ENVTIER_KUBECONFIG: '/etc/envtier/kubeconfig' })).toMatchObject({
		ok: true,
	});
	expect(readSettings(self)).toEqual({
		ok: false,
		error: expect.stringMatching(/^ENVTIER_CERTIFICATES must be "files" outside a cluster/),
	});
});

test('inside a cluster the version of the API server decides what the operator leaves open', () => {
	const decides = (env: Record<string, string>) => {
		const result = readSettings({ ...ENV, ...env });
		return result.ok ? result.value.versionDecides : result.error;
	};
	expect(decides({ KUBERNETES_SERVICE_HOST: '10.0.0.1' })).toEqual({ nativeEnv: true, inPlaceRestart: true });
	expect(
		decides({
			KUBERNETES_SERVICE_HOST: '10.0.0.1',
			ENVTIER_NATIVE_ENV: 'false',
			ENVTIER_IN_PLACE_RESTART: 'true',
		}),
	).toEqual({ nativeEnv: false, inPlaceRestart: false });
	expect(decides({})).toBeUndefined();
});
