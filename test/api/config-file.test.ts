import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { stringify } from 'yaml';
import { parseConfigFile } from '../../api/settings/config-file.ts';
import { CONFIG_KEYS, type FileVariable } from '../../api/settings/config-keys.ts';
import { readSettings } from '../../api/settings/settings.ts';
import { API_VARIABLES } from '../../api/settings/variables.ts';
import { SHARED_VARIABLES } from '../../contract/variables.ts';
import { repeated, testHostile } from '../parsers/cpu.ts';
import { call } from '../support/http.ts';
import { runProcess, startProcess } from '../support/process.ts';

const MAIN = join(import.meta.dirname, '../../api/main.ts');

const VAULT = `vault:
  address: https://vault.example.com
  token: \${VAULT_TOKEN}
  namespace: platform
`;
const MEMORY = `secrets:
  backend: memory   # development only
`;

/** The settings of a file and an environment. */
function settings(file: string, env: Readonly<Record<string, string>> = {}) {
	const parsed = parseConfigFile(file, env);
	return parsed.ok ? readSettings(env, parsed.value) : parsed;
}

describe('a configuration file', () => {
	test('says where Vault is, its token from the environment', () => {
		expect(settings(VAULT, { VAULT_TOKEN: 'test-only' })).toMatchObject({
			ok: true,
			value: {
				store: {
					kind: 'vault',
					endpoint: { address: 'https://vault.example.com', namespace: 'platform' },
					login: { kind: 'token', token: 'test-only' },
				},
			},
		});
	});

	test('says to keep secrets in memory', () => {
		expect(settings(MEMORY)).toMatchObject({ ok: true, value: { store: { kind: 'memory' } } });
	});

	test('a variable wins over it', () => {
		const env = {
			VAULT_TOKEN: 't',
			ENVTIER_VAULT_ADDR: 'https://other.example.com',
			ENVTIER_VAULT_NAMESPACE: '',
		};
		expect(settings(VAULT, env)).toMatchObject({
			ok: true,
			value: { store: { endpoint: { address: 'https://other.example.com', namespace: 'platform' } } },
		});
	});

	test('a login in the environment replaces the one in the file, whose variable need not be set then', () => {
		expect(settings(VAULT, { ENVTIER_API_VAULT_ROLE: 'api' })).toMatchObject({
			ok: true,
			value: { store: { login: { kind: 'kubernetes', role: 'api' } } },
		});
	});

	test.for<readonly [sentence: string, file: string, error: string]>([
		['a variable that is not set', VAULT, 'vault.token: the environment variable VAULT_TOKEN is not set'],
		[
			'a key that is misspelt',
			'vault:\n  adress: https://v',
			'unknown setting "vault.adress": did you mean "vault.address"?',
		],
		[
			'a section that is misspelt',
			'valt:\n  address: https://v',
			'unknown setting "valt": did you mean "vault"?',
		],
		['a key without its section', 'token: a', 'unknown setting "token": did you mean "vault.token"?'],
		[
			'a key in the wrong section',
			'vault:\n  issuer: https://i',
			'unknown setting "vault.issuer": did you mean "oidc.issuer"?',
		],
		['a section that is none', 'vault: https://v', 'vault must be a map of settings'],
		[
			'a map in the place of a text',
			'vault:\n  address:\n    host: v',
			'vault.address: must be text, a number',
		],
		['a list of lists', 'oidc:\n  scopes: [[a]]', 'a list in a list'],
		['a list in the place of the whole', '- a', 'the file must be a map of settings'],
		['a reference without an end', 'keysFile: a${HOME', 'keysFile: "${" must begin ${NAME}'],
		['a reference to no name', 'keysFile: a${1 + 1}', 'keysFile: "${" must begin ${NAME}'],
		['no YAML', 'a: [', 'the file is not YAML: see line 1, column 5'],
		['a key twice', 'listen: a\nlisten: b', 'has a key twice in one map: see line 2'],
		['a value that is wrong', 'listen: test-only-value', 'listen (ENVTIER_API_LISTEN) must be host:port'],
		[
			'a number that is too large',
			'limits:\n  body: 99999999',
			'limits.body (ENVTIER_API_BODY_LIMIT) must be a whole number',
		],
	])('%s is refused by name, and no value is repeated', ([, file, error]) => {
		const read = settings(file);
		expect(read.ok ? 'read' : read.error).toContain(error);
		expect(JSON.stringify(read)).not.toContain('test-only-value');
	});

	test('all that is wrong is said at once', () => {
		const read = settings('adress: a\nvault:\n  token: ${NONE}\n  x: 1\n');
		expect(read.ok ? [] : read.error.split('\n')).toHaveLength(3);
	});

	test('numbers, truth and lists are what variables hold as text; an empty value is none', () => {
		const file =
			'trustProxy: true\nlimits: {callsPerMinute: 5}\noidc:\n  scopes: [a, b]\nlogLevel:\nvault:\n';
		expect(parseConfigFile(file, {})).toEqual({
			ok: true,
			value: {
				ENVTIER_API_TRUST_PROXY: 'true',
				ENVTIER_API_CALLS_PER_MINUTE: '5',
				ENVTIER_API_OIDC_SCOPES: 'a,b',
			},
		});
	});

	test('what a variable holds is never read as YAML or as another reference', () => {
		const env = { A: '${B}: [', B: 'b' };
		expect(parseConfigFile('keysFile: x${A}$${B}', env)).toEqual({
			ok: true,
			value: { ENVTIER_API_KEYS_FILE: 'x${B}: [${B}' },
		});
	});

	test('every setting has a key, and every key one setting', () => {
		const variables = [...Object.keys(API_VARIABLES), ...SHARED_VARIABLES].filter(
			(name) => name !== 'ENVTIER_API_CONFIG',
		);
		expect(Object.keys(CONFIG_KEYS).sort()).toEqual(variables.sort());
		expect(new Set(Object.values(CONFIG_KEYS)).size).toBe(variables.length);
	});

	test('docs/api.md lists every key', async () => {
		const page = await readFile(join(import.meta.dirname, '../../docs/api.md'), 'utf8');
		for (const [variable, key] of Object.entries(CONFIG_KEYS))
			expect(page).toMatch(new RegExp(`\\| \`${key}\` +\\| \`${variable}\` +\\|`));
	});

	test('whatever text a setting has comes out of the file', () => {
		const entry = fc.tuple(
			fc.constantFrom(...(Object.keys(CONFIG_KEYS) as FileVariable[])),
			fc.string({ minLength: 1, unit: 'grapheme' }),
		);
		fc.assert(
			fc.property(entry, ([variable, value]) => {
				const text = value.replaceAll('${', '$${');
				const nested = CONFIG_KEYS[variable]
					.split('.')
					.reduceRight<unknown>((inner, key) => ({ [key]: inner }), text);
				expect(parseConfigFile(stringify(nested), {})).toEqual({ ok: true, value: { [variable]: value } });
			}),
		);
	});
});

describe('a file that somebody wrote to keep it busy', () =>
	testHostile({
		limit: 128 * 1024,
		parse: (text) => parseConfigFile(text, {}),
		texts: {
			'unknown settings': (size) => repeated(Math.min(size, 60_000), (i) => `${'a'.repeat(60)}${i}: 1\n`),
			'unknown settings of Vault': (size) =>
				`vault:\n${repeated(Math.min(size, 60_000), (i) => ` ${'a'.repeat(60)}${i}: 1\n`)}`,
			'references without an end': (size) => `keysFile: ${'${'.repeat(size / 2 - 10)}`,
			references: (size) => `keysFile: ${'${A}'.repeat(size / 4 - 10)}`,
		},
	}));

describe('the program', () => {
	async function inFile<T>(text: string, work: (name: string) => Promise<T>): Promise<T> {
		const dir = await mkdtemp(join(tmpdir(), 'envtier-api-config-'));
		try {
			const name = join(dir, 'config.yaml');
			await writeFile(name, text, { mode: 0o600 });
			return await work(name);
		} finally {
			await rm(dir, { recursive: true });
		}
	}
	const started = (args: readonly string[], env: Readonly<Record<string, string>>) =>
		runProcess({ command: process.execPath, args: [MAIN, ...args], env });

	test.for(['--config', 'ENVTIER_API_CONFIG'])('serves as the file of %s says', (way) =>
		inFile(`${MEMORY}listen: 127.0.0.1:0\n`, async (name) => {
			await using api = await startProcess({
				name: 'api',
				command: process.execPath,
				args: way === '--config' ? [MAIN, way, name] : [MAIN],
				env: way === '--config' ? {} : { [way]: name },
			});
			await api.waitUntil('it serves', () => api.stdout().includes('"msg":"serving"'));
			expect(api.stderr()).toContain('DEVELOPMENT ONLY');
			const port = /"port":([0-9]+)/.exec(api.stdout())?.[1];
			expect((await call({ url: `http://127.0.0.1:${port}/readyz` })).status).toBe(200);
		}),
	);

	test('names a file that it cannot read', async () => {
		const { code, stderr } = await started(['--config', '/no/such/file'], {});
		expect([code, stderr]).toEqual([
			1,
			expect.stringContaining('the configuration file /no/such/file cannot be read (ENOENT)'),
		]);
	});

	test('names what is wrong in a file', () =>
		inFile(VAULT, async (name) => {
			const { code, stderr } = await started(['--config', name], {});
			expect([code, stderr]).toEqual([1, expect.stringContaining('VAULT_TOKEN is not set')]);
		}));
});
