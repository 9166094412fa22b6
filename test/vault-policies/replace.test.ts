import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { createToken, enableAuth, mountKv, must, writePolicy, writeRole } from '../support/openbao-setup.ts';
import { runProcess } from '../support/process.ts';
import { makeVaultHouse, type VaultHouse } from './support.ts';

const SCRIPT = join(import.meta.dirname, '../../deploy/vault/setup.sh');

let fixture: VaultHouse;
beforeAll(async () => {
	fixture = await makeVaultHouse();
	for (const at of ['jwt', 'a/b', 'a_b']) await enableAuth(fixture.bao, 'jwt', { at });
});
afterAll(() => fixture[Symbol.asyncDispose]());

const who = (namespace: string) => ['--type', 'jwt', '--namespace', namespace, '--account', 'web'];
async function contents(path: string): Promise<Readonly<Record<string, unknown>>> {
	return ((await must(fixture.bao, 'GET', path)) as { data: Readonly<Record<string, unknown>> }).data;
}
const policyText = async (name: string) => String((await contents(`sys/policies/acl/${name}`))['policy']);

describe('two teams that set up the same names', () => {
	test('on KV mounts of their own have policies of their own', async () => {
		await mountKv(fixture.bao, 'team-a', 2);
		await mountKv(fixture.bao, 'team-b', 2);
		const what = ['--org', 'acme', '--deployment', 'shop', '--service', 'web'];
		const own = ['--own', 'namespace'];
		for (const team of ['team-a', 'team-b']) {
			await fixture.mustSetup('role', `${team}-web`, ...who(team), ...what, '--kv', team);
			await fixture.mustSetup('role', `${team}-own`, ...who(team), ...own, '--kv', team);
		}
		for (const policy of ['org_team-a_acme', 'deployment_team-a_shop', 'service_team-a_shop_web'])
			expect(await policyText(`envtier_${policy}`)).not.toContain('team-b/');
		const { token_policies: policies } = await contents('auth/jwt/role/team-a-own');
		expect(policies).toEqual(['envtier_session', 'envtier_own-namespace_jwt_team-a']);
		expect(await policyText('envtier_own-namespace_jwt_team-a')).toContain('team-a/data/');
	});

	test('on mounts whose paths look alike, or differ in capitals alone, too', async () => {
		const text = async (args: readonly string[], policy: string) => {
			await fixture.mustSetup('role', 'alike', '--replace', ...who('shop'), ...args);
			return policyText(policy);
		};
		const sealed = ['--sealed', '--mount', 'a/b', '--transit'];
		expect(await text([...sealed, 'T'], 'envtier_sealed_a.b_~54')).toContain('"T/decrypt/');
		expect(await text([...sealed, 't'], 'envtier_sealed_a.b_t')).toContain('"t/decrypt/');
		const own = ['--own', 'namespace', '--mount'];
		const slash = await text([...own, 'a/b'], 'envtier_own-namespace_a.b_secret');
		const underscore = await text([...own, 'a_b'], 'envtier_own-namespace_a~5fb_secret');
		expect(slash).not.toBe(underscore);
		expect(await policyText('envtier_own-namespace_a.b_secret')).toBe(slash);
	});

	test('and the same name for a role: the second is shown what the first wrote, and changes nothing', async () => {
		await fixture.mustSetup('role', 'same', ...who('shop'), '--deployment', 'shop');
		const before = await contents('auth/jwt/role/same');
		const second = ['role', 'same', ...who('blog'), '--deployment', 'blog'];
		const { code, stdout, stderr } = await fixture.setup(...second);
		expect([code, stdout]).toEqual([1, '']);
		expect(stderr).toContain('role auth/jwt/role/same is there with other contents:\n');
		expect(stderr).toContain('  - bound_claims./kubernetes.io/namespace "shop"\n');
		expect(stderr).toContain('  + bound_claims./kubernetes.io/namespace "blog"\n');
		expect(stderr).toContain('  + token_policies "envtier_deployment_secret_blog"\n');
		expect(stderr).toContain('nothing was changed');
		expect(await contents('auth/jwt/role/same')).toEqual(before);
		// Not even the policy, which was not there.
		const policy = await fixture.bao.request('GET', 'sys/policies/acl/envtier_deployment_secret_blog');
		expect(policy.status).toBe(404);
		const replaced = await fixture.mustSetup(...second, '--replace');
		expect(replaced).toContain('  + bound_claims./kubernetes.io/namespace "blog"\n');
		expect((await contents('auth/jwt/role/same'))['bound_claims']).toMatchObject({
			'/kubernetes.io/namespace': ['blog'],
		});
	});
});

test('a policy that somebody wrote by hand is shown and kept, until --replace', async () => {
	const byHand =
		'# by hand\npath "secret/data/orgs/initech/secrets/+" {\n  capabilities = ["read", "list"]\n}\n';
	await writePolicy(fixture.bao, 'envtier_org_secret_initech', byHand);
	const args = ['role', 'hand', ...who('shop'), '--org', 'initech'];
	const { code, stderr } = await fixture.setup(...args);
	expect(code).toBe(1);
	expect(stderr).toContain(
		'policy envtier_org_secret_initech is there with other contents:\n  - # by hand\n',
	);
	expect(await policyText('envtier_org_secret_initech')).toBe(byHand);
	await fixture.mustSetup('--replace', ...args);
	expect(await policyText('envtier_org_secret_initech')).not.toContain('by hand');
});

test('fields of a role that the script does not set stay as they are', async () => {
	const args = ['role', 'fields', ...who('shop'), '--org', 'acme'];
	await fixture.mustSetup(...args);
	await writeRole(fixture.bao, 'jwt', 'fields', {
		...(await contents('auth/jwt/role/fields')),
		token_num_uses: 9,
	});
	await fixture.mustSetup(...args);
	expect((await contents('auth/jwt/role/fields'))['token_num_uses']).toBe(9);
});

test('somebody who may write and not read overwrites nothing', async () => {
	await fixture.mustSetup('role', 'blind', ...who('shop'), '--org', 'acme');
	const before = await contents('auth/jwt/role/blind');
	const write = '{ capabilities = ["create", "update"] }';
	await writePolicy(
		fixture.bao,
		'blind',
		`path "sys/policies/acl/*" ${write}\npath "auth/jwt/role/*" ${write}`,
	);
	const token = await createToken(fixture.bao, ['blind']);
	const { code, stderr } = await runProcess({
		command: 'sh',
		args: [SCRIPT, 'role', 'blind', ...who('blog'), '--org', 'acme'],
		env: { ...fixture.env, VAULT_TOKEN: token },
	});
	expect([code, stderr]).toEqual([1, expect.stringContaining('permission denied')]);
	expect(await contents('auth/jwt/role/blind')).toEqual(before);
});

test('an auth method that trusts another cluster is shown and kept; a new token of the reviewer is taken', async () => {
	const token = await fixture.file('token', 'a-test-token');
	const at = (host: string) => [
		...['auth-kubernetes', '--mount', 'clusters/one', '--host', host],
		...['--ca', fixture.bao.caFile, '--reviewer-token', token],
	];
	await fixture.mustSetup(...at('https://10.0.0.1:6443'));
	await fixture.mustSetup(...at('https://10.0.0.1:6443'));
	const { code, stdout, stderr } = await fixture.setup(...at('https://10.0.0.2:6443'));
	expect([code, stdout]).toEqual([1, '']);
	expect(stderr).toContain('config auth/clusters/one/config is there with other contents:\n');
	expect(stderr).toContain('  - kubernetes_host "https://10.0.0.1:6443"\n');
	expect(stderr).not.toContain('a-test-token');
	const host = async () => (await contents('auth/clusters/one/config'))['kubernetes_host'];
	expect(await host()).toBe('https://10.0.0.1:6443');
	const said = await fixture.mustSetup('--replace', ...at('https://10.0.0.2:6443'));
	expect(said).not.toContain('a-test-token');
	expect(await host()).toBe('https://10.0.0.2:6443');
});

describe('the policy that earlier versions wrote for --own account', () => {
	const args = ['role', 'team', ...who('blog'), '--own', 'account'];
	beforeAll(async () => {
		const path =
			'secret/data/deployments/{{identity.entity.aliases.x.metadata.service_account_name}}/secrets/+';
		await writePolicy(fixture.bao, 'envtier-own-account-jwt', `path "${path}" { capabilities = ["read"] }`);
		const role = { role_type: 'jwt', user_claim: 'sub', bound_audiences: ['vault'] };
		for (const [name, policies] of [
			['team', ['envtier-session', 'envtier-own-account-jwt']],
			['other', ['envtier-session']],
		] as const)
			await writeRole(fixture.bao, 'jwt', name, { ...role, token_policies: policies });
	});

	test('is refused with the roles that grant it and the way to migrate; nothing changes', async () => {
		const before = await contents('auth/jwt/role/team');
		const { code, stdout, stderr } = await fixture.setup(...args);
		expect([code, stdout]).toEqual([1, '']);
		for (const words of [
			'an earlier version wrote the policy envtier-own-account-jwt',
			'roles of auth/jwt that grant it: team\n',
			'deployments/ACCOUNT to deployments/NAMESPACE.ACCOUNT',
			'--replace',
			'policy delete envtier-own-account-jwt',
		])
			expect(stderr).toContain(words);
		expect(stderr).not.toContain('other');
		expect(await contents('auth/jwt/role/team')).toEqual(before);
	});

	test('with --replace the role grants the new one; the old one is left for its roles', async () => {
		const { code, stderr } = await fixture.setup(...args, '--replace');
		expect([code, stderr]).toEqual([0, expect.stringContaining('policy delete envtier-own-account-jwt')]);
		const { token_policies: policies } = await contents('auth/jwt/role/team');
		expect(policies).toEqual(['envtier_session', 'envtier_own-account_jwt_secret']);
		expect(await policyText('envtier-own-account-jwt')).toContain('service_account_name');
		expect((await fixture.setup(...args)).stderr).toContain('grant it: none\n');
	});

	test('once it is deleted, the command needs nothing more', async () => {
		await must(fixture.bao, 'DELETE', 'sys/policies/acl/envtier-own-account-jwt');
		expect(await fixture.mustSetup(...args)).toContain('envtier_own-account_jwt_secret');
	});
});
