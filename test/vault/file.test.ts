import { readFileSync } from 'node:fs';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { USAGE } from '../../dev/vault/cli.ts';
import { parseVaultFile } from '../../dev/vault/file.ts';
import { vaultFile } from '../../dev/vault/schema.ts';
import { seed, unusableKeys } from '../../dev/vault/seed.ts';

/** The secrets of a file's root namespace, by path in the mount. */
function stored(text: string, mount = 'secret'): Readonly<Record<string, unknown>> {
	const file = parseVaultFile(text, 'vault.yaml');
	if (!file.ok) throw new Error(file.error.join('\n'));
	const engine = seed(file.value, 0).get('')?.engines.get(mount);
	if (engine?.version === 1) return Object.fromEntries(engine.secrets);
	return Object.fromEntries(
		[...(engine?.secrets ?? [])].map(([path, { versions }]) => [path, versions.get(1)?.data]),
	);
}

function faults(text: string): readonly string[] {
	const file = parseVaultFile(text, 'vault.yaml');
	return file.ok ? [] : file.error;
}

describe('a file of secrets', () => {
	test('puts each tier where pods look for it', () => {
		const text = `
orgs: {acme: {LOG_LEVEL: info}}
deployments:
  shop:
    secrets: {DATABASE_URL: postgres://db}
    services: {web: {SESSION_KEY: hush}}
templates:
  small:
    secrets: {DATABASE_URL: change-me}
    services: {web: {SESSION_KEY: change-me}}
`;
		expect(stored(text)).toEqual({
			'orgs/acme/secrets/LOG_LEVEL': { value: 'info' },
			'deployments/shop/secrets/DATABASE_URL': { value: 'postgres://db' },
			'deployments/shop/services/web/secrets/SESSION_KEY': { value: 'hush' },
			'templates/small/secrets/DATABASE_URL': { value: 'change-me' },
			'templates/small/services/web/secrets/SESSION_KEY': { value: 'change-me' },
		});
	});

	test('takes every value as the text that was written', () => {
		const text = `orgs: {acme: {A: 010, B: on, C: 1e3, D: ~, E: null, F: 2026-01-01, G: "a\\nb", H: 'it''s', I: 0x1F}}`;
		const values = Object.values(stored(text)).map((fields) => (fields as { value: string }).value);
		expect(values).toEqual(['010', 'on', '1e3', '~', 'null', '2026-01-01', 'a\nb', "it's", '0x1F']);
	});

	test('takes any value that YAML can write', () => {
		fc.assert(
			fc.property(fc.string({ unit: 'grapheme', minLength: 1 }), (value) => {
				const text = `orgs: {acme: {KEY: ${JSON.stringify(value)}}}`;
				expect(stored(text)).toEqual({ 'orgs/acme/secrets/KEY': { value } });
			}),
		);
	});

	test('shares values by anchors and writes long ones in blocks', () => {
		const text = `
orgs:
  acme: {DB: &db postgres://db}
deployments:
  shop:
    secrets:
      DB: *db
      KEY: |
        -----BEGIN KEY-----
        hush
`;
		expect(stored(text)).toMatchObject({
			'deployments/shop/secrets/DB': { value: 'postgres://db' },
			'deployments/shop/secrets/KEY': { value: '-----BEGIN KEY-----\nhush\n' },
		});
	});

	test('fills every KV mount that it names', () => {
		const text = `{kv: {team/kv: 2, legacy: 1}, orgs: {acme: {A: b}}}`;
		expect(stored(text, 'team/kv')).toEqual({ 'orgs/acme/secrets/A': { value: 'b' } });
		expect(stored(text, 'legacy')).toEqual({ 'orgs/acme/secrets/A': { value: 'b' } });
		expect(stored(text, 'secret')).toEqual({});
	});

	test('tells which secrets no pod receives', () => {
		const text = `{orgs: {acme: {my.secret: x, FINE: x}}, namespaces: {team: {deployments: {shop: {secrets: {9LIVES: x}}}}}}`;
		const file = parseVaultFile(text, 'vault.yaml');
		expect(file.ok && unusableKeys(file.value)).toEqual([
			'orgs/acme/secrets/my.secret',
			'team/deployments/shop/secrets/9LIVES',
		]);
	});

	test('describes namespaces, each like a file of its own', () => {
		const text = `namespaces: {team: {orgs: {acme: {A: b}}, namespaces: {inner: {kv: {legacy: 1}}}}}`;
		const file = parseVaultFile(text, 'vault.yaml');
		const spaces = file.ok ? seed(file.value, 0) : new Map();
		expect([...spaces.keys()]).toEqual(['', 'team/', 'team/inner/']);
		expect([...(spaces.get('team/inner/')?.engines.keys() ?? [])]).toEqual(['legacy']);
	});
});

/** Nine levels of ten aliases each. */
const BOMB = `a0: &a0 [hush]\n${Array.from({ length: 9 }, (_, n) => `a${n + 1}: &a${n + 1} [${`*a${n}, `.repeat(10)}]\n`).join('')}`;

describe('a fault in the file is told by line and column, and never with a value', () => {
	test.each([
		['an empty file', '', 'vault.yaml: is empty; it needs at least "orgs" or "deployments"'],
		['a file that is no map', 'hush', 'vault.yaml:1:1: must be a map, {} when there is nothing in it'],
		['broken YAML', 'orgs:\n  acme: {A: hush', /^vault\.yaml:2:\d+: /],
		['a tab that indents', 'orgs:\n\tacme: {A: hush}', /^vault\.yaml:2:1: /],
		['a key twice', 'orgs: {acme: {A: hush, A: hush}}', 'vault.yaml:1:24: Map keys must be unique'],
		['an alias without anchor', 'orgs: {acme: {A: *nothing}}', /^vault\.yaml:1:18: /],
		['too many aliases', BOMB, /^vault\.yaml: Excessive alias count/],
		['a word that is not known', 'org: {acme: {A: hush}}', 'vault.yaml:1:1: org: is not known here'],
		[
			'a service in the wrong place',
			'deployments:\n  shop:\n    web: {A: hush}',
			'vault.yaml:3:5: deployments.shop.web: is not known here',
		],
		[
			'an organization that is no name',
			'orgs:\n  Acme Ltd: {A: hush}',
			/^vault\.yaml:2:3: orgs\.Acme Ltd: the name must be lower-case letters/,
		],
		[
			'a deployment that climbs',
			'deployments: {"..": {secrets: {A: hush}}}',
			/^vault\.yaml:1:15: deployments\.\.\.: the name must be/,
		],
		[
			'a key with a slash',
			'orgs: {acme: {a/b: hush}}',
			'vault.yaml:1:15: orgs.acme.a/b: the name must be one path segment: not empty, no "/"',
		],
		[
			'an empty value',
			'orgs:\n  acme:\n    A: ""',
			'vault.yaml:3:5: orgs.acme.A: has no value; Vault keeps no empty secrets for Envtier',
		],
		['a value that is a list', 'orgs: {acme: {A: [hush]}}', 'vault.yaml:1:15: orgs.acme.A: must be text'],
		[
			'a map with nothing in it',
			'deployments:\n  shop:\n    secrets:\n',
			'vault.yaml:3:5: deployments.shop.secrets: must be a map, {} when there is nothing in it',
		],
		[
			'a version of KV',
			'kv: {secret: 3}',
			'vault.yaml:1:6: kv.secret: must be 1 or 2, the version of the KV engine',
		],
		['an auth method', 'auth: {ldap: ldap}', 'vault.yaml:1:8: auth.ldap: must be "kubernetes" or "jwt"'],
		[
			'a role’s life',
			'roles:\n  web:\n    ttl: soon',
			'vault.yaml:3:5: roles.web.ttl: must be a duration such as "30s", "5m" or "1h"',
		],
		[
			'a capability',
			'policies:\n  web:\n    secret/data/*:\n      - read\n      - reed',
			/^vault\.yaml:5:9: policies\.web\.secret\/data\/\*\.1: must be one of create, read/,
		],
		[
			'a policy’s path',
			'policies: {web: {"/secret": [read]}}',
			'vault.yaml:1:18: policies.web./secret: the name is no path of a policy: it starts with "/"',
		],
		[
			'a name that JavaScript treats in its own way',
			'orgs: {acme: {__proto__: hush}}',
			`vault.yaml:1:15: "__proto__" can't be a name here`,
		],
		[
			'a fault inside a namespace',
			'namespaces:\n  team:\n    orgs:\n      acme: hush',
			/^vault\.yaml:4:7: namespaces\.team\.orgs\.acme: must be a map/,
		],
	])('%s', (_, text, expected) => {
		const found = faults(text);
		expect(found.length).toBeGreaterThanOrEqual(1);
		if (typeof expected === 'string') expect(found[0]).toBe(expected);
		else expect(found[0]).toMatch(expected);
		expect(found.join('\n')).not.toContain('hush');
	});

	test('all faults are told at once', () => {
		expect(faults('orgs: {A: {}, b: {c: ""}}\nkv: {secret: 9}')).toHaveLength(3);
	});
});

describe('the page about it', () => {
	const page = readFileSync(new URL('../../docs/development-vault.md', import.meta.url), 'utf8');
	const examples = [...page.matchAll(/^```yaml\n(.*?)^```$/gms)].map((match) => match[1] ?? '');

	test.each(examples)('has an example that loads: %#', (text) => {
		expect(faults(text)).toEqual([]);
	});

	test('names every field of the file, and no other', () => {
		const table = /## The file\n(.*?)\n## /s.exec(page)?.[1] ?? '';
		const named = [...table.matchAll(/^\| `(\w+)` +\|/gm)].map((match) => match[1]);
		expect(named.sort()).toEqual(Object.keys(vaultFile.shape).sort());
	});

	test('names every option of the command', () => {
		const named = [...page.matchAll(/^\| `(--[a-z-]+) /gm)].map((match) => match[1]);
		const known = [...USAGE.matchAll(/^ {2}(--[a-z-]+) /gm)].map((match) => match[1]);
		expect(named).toEqual(known);
	});
});
