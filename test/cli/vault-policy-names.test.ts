import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import {
	POLICY_FIELDS,
	type PolicyFields,
	type PolicyKind,
	policyName,
} from '../../cli/vault/policy-names.ts';
import { parseVaultPath } from '../../contract/values.ts';

const DEPLOY = join(import.meta.dirname, '../../deploy/vault');
const KINDS = Object.keys(POLICY_FIELDS) as PolicyKind[];

/** Few letters, so that different values look alike often. */
const word = (alphabet: string, max: number) =>
	fc.string({ unit: fc.constantFrom(...alphabet), minLength: 1, maxLength: max });
const mount = word('aA_-.b/~', 6).filter((text) => parseVaultPath(text).ok && !text.endsWith('/'));
const name = fc.stringMatching(/^[ab](?:[-.]?[ab]){0,3}$/);
const fields = fc.record({
	...{ auth: mount, kv: mount, transit: mount, lease: mount },
	...{ org: name, deployment: name, service: name },
});

/** Those of the fields that the text of the policy depends on. */
const relevant = (kind: PolicyKind, all: PolicyFields): readonly unknown[] =>
	POLICY_FIELDS[kind].map((field) => all[field]);

describe('the name of a policy', () => {
	test('two policies have the same name only when they are the same, in capitals or not', () => {
		const kind = fc.constantFrom(...KINDS);
		fc.assert(
			fc.property(kind, fields, kind, fields, (oneKind, one, otherKind, other) => {
				const same = policyName(oneKind, one).toLowerCase() === policyName(otherKind, other).toLowerCase();
				const equal =
					oneKind === otherKind &&
					JSON.stringify(relevant(oneKind, one)) === JSON.stringify(relevant(otherKind, other));
				expect(same).toBe(equal);
			}),
			{ numRuns: 5000 },
		);
	});

	test('two mounts never give the same name', () => {
		fc.assert(
			fc.property(mount, mount, (one, other) => {
				fc.pre(one !== other);
				expect(policyName('api', { kv: one })).not.toBe(policyName('api', { kv: other }));
			}),
			{ numRuns: 5000 },
		);
	});

	test('it needs no escaping in a URL, in a list with commas or in a shell', () => {
		fc.assert(
			fc.property(fc.constantFrom(...KINDS), fields, (kind, all) => {
				expect(policyName(kind, all)).toMatch(/^envtier_[-a-z0-9_.~]+$/);
			}),
		);
	});

	test.each([
		['session', {}, 'envtier_session'],
		['org', { kv: 'secret', org: 'acme' }, 'envtier_org_secret_acme'],
		['service', { kv: 'teams/kv', deployment: 'a-b', service: 'c' }, 'envtier_service_teams.kv_a-b_c'],
		['own-account', { auth: 'Kube_1', kv: 'v1.2' }, 'envtier_own-account_~4bube~5f1_v1~2e2'],
	] as const)('%s of %j is %s', (kind, all, wanted) => expect(policyName(kind, all)).toBe(wanted));

	test('a field that is missing is a defect', () => {
		expect(() => policyName('org', { kv: 'secret' })).toThrow('needs org');
	});
});

/** Which field of the name stands for each word of a template. */
const FIELD_OF: Readonly<Record<string, string>> = {
	...{ DATA: 'kv', METADATA: 'kv', DETAILED: 'kv', ACCESSOR: 'auth', TRANSIT: 'transit', LEASE: 'lease' },
	...{ ORG: 'org', DEPLOYMENT: 'deployment', SERVICE: 'service' },
};

test.each(KINDS.filter((kind) => !/^(api|reveal|controller|rotation)/.test(kind)))(
	'the name of %s holds all that its text depends on',
	async (kind) => {
		const text = await readFile(join(DEPLOY, `policies/${kind}.hcl`), 'utf8');
		const words = new Set([...text.matchAll(/@([A-Z]+)@/g)].map(([, found = '']) => FIELD_OF[found]));
		expect([...words].sort()).toEqual([...POLICY_FIELDS[kind]].sort());
	},
);
