import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { makeJwtSigner, serviceAccountClaims } from '../support/jwt.ts';
import {
	createNamespace,
	createToken,
	enableAuth,
	mountKv,
	must,
	putSecret,
} from '../support/openbao-setup.ts';
import { onPath, runProcess } from '../support/process.ts';
import { makeVaultHouse, type VaultHouse } from './support.ts';

const ROLE = ['role', 'web', '--type', 'jwt', '--namespace', 'shop', '--account', 'web'] as const;

let fixture: VaultHouse;
const signer = makeJwtSigner();
beforeAll(async () => {
	fixture = await makeVaultHouse();
	await enableAuth(fixture.bao, 'jwt', { config: { jwt_validation_pubkeys: [signer.publicKeyPem] } });
});
afterAll(() => fixture[Symbol.asyncDispose]());

/** All that setup.sh may have written. */
async function state(): Promise<unknown> {
	const read = async (method: string, path: string) => (await fixture.bao.request(method, path)).json;
	const { data } = (await read('LIST', 'sys/policies/acl')) as { data: { keys: string[] } };
	const policies = await Promise.all(data.keys.map((name) => read('GET', `sys/policies/acl/${name}`)));
	const texts = policies.map((answer) => {
		const { name, policy } = (answer as { data: { name: string; policy: string } }).data;
		return { name, policy };
	});
	const role = (await read('GET', 'auth/jwt/role/web')) as { data?: unknown };
	const mounts = (await read('GET', 'sys/auth')) as { data: object };
	return { texts, role: role.data, mounts: Object.keys(mounts.data) };
}

describe('wrong usage changes nothing and says what is wrong:', () => {
	test.each([
		{ args: [], says: 'Usage' },
		{ args: ['rolle', 'web'], says: 'no command rolle' },
		{ args: [...ROLE, '--orgg', 'acme'], says: 'no option --orgg' },
		{ args: [...ROLE, '--org'], says: '--org needs a value' },
		{ args: ROLE, says: 'would grant nothing' },
		{
			args: ['role', '--namespace', 'shop', '--account', 'web', '--org', 'acme'],
			says: 'the name of the role',
		},
		{ args: ['role', 'web', '--account', 'web', '--org', 'acme'], says: 'role needs --namespace' },
		{ args: ['role', 'web', '--namespace', 'shop', '--org', 'acme'], says: 'role needs --account' },
		{ args: [...ROLE, '--service', 'web'], says: '--service needs --deployment' },
		{ args: [...ROLE, '--own', 'cluster'], says: '--own is namespace or account' },
		{ args: [...ROLE, '--own', 'namespace', '--deployment', 'shop'], says: 'exclude each other' },
		{ args: [...ROLE, '--org', 'acme', '--namespace', '*'], says: 'nothing without its namespace' },
		{ args: [...ROLE, '--org', 'acme', '--kv-version', '3'], says: '--kv-version is 1 or 2' },
		{ args: [...ROLE, '--org', 'acme', '--type', 'ldap'], says: '--type is kubernetes or jwt' },
		{
			args: [...ROLE, '--org', 'acme', '--refresh', '--kv-version', '1'],
			says: '--refresh needs KV version 2',
		},
		{ args: [...ROLE, '--org', 'acme', '--lease', 'sys/leases/revoke'], says: "Vault's own paths" },
		{ args: [...ROLE, '--org', 'acme', '--lease', 'ns/AUTH/token/create'], says: "Vault's own paths" },
		{ args: [...ROLE, '--org', 'acme', '--lease', 'secret/data/x'], says: 'in the mount secret' },
		{ args: [...ROLE, '--org', 'acme', '--lease', 'database'], says: 'is not the path of a dynamic secret' },
		{ args: ['api', 'web'], says: 'unexpected: web' },
		{ args: ['api', '--kv-version', '1'], says: 'needs KV version 2' },
		{ args: ['reveal', '--kv-version', '1'], says: 'the Reveal program needs KV version 2' },
		{ args: ['reveal', '--account', 'a,b'], says: '"a,b" is not a name' },
		{ args: ['api', '--namespace', '*'], says: '"*" is not a name' },
		{ args: ['api', '--account', 'a,b'], says: '"a,b" is not a name' },
		...['shop,', ',shop', 'shop,,blog', ',', 'shop, blog', 'shop\nblog'].flatMap((names) => [
			{
				args: ['role', 'web', '--namespace', names, '--account', 'web', '--org', 'acme'],
				says: '--namespace: "',
			},
			{
				args: ['role', 'web', '--namespace', 'shop', '--account', names, '--org', 'acme'],
				says: '--account: "',
			},
			{ args: ['sealing', '--namespace', names], says: 'one comma between them, without blanks' },
		]),
		{ args: ['sealing'], says: 'sealing needs --namespace' },
		{ args: ['sealing', '--namespace', '*'], says: 'name the namespaces' },
		{ args: ['auth-kubernetes', '--host', 'https://a'], says: 'needs --ca' },
		{ args: ['auth-jwt', '--issuer', 'https://a'], says: 'needs --jwks-url' },
	])('$args', async ({ args, says }) => {
		const before = await state();
		const { code, stdout, stderr } = await fixture.setup(...args);
		expect([code, stdout, stderr]).toEqual([2, '', expect.stringContaining(says)]);
		expect(await state()).toEqual(before);
	});
});

describe('a value that could leave its place is refused:', () => {
	const hostile = [
		...[
			'a/../b',
			'a"b',
			"a'b",
			'a b',
			'a\nb',
			'a$(id)b',
			'a`id`',
			'a|b',
			'a&b',
			'a\\b',
			'{{x}}',
			'+',
			'*',
			'ä',
		],
	];
	test.each([
		{ option: '--org', values: [...hostile, 'A', '.', '..', '-a', 'a.'] },
		{ option: '--deployment', values: [...hostile, 'A', '.', '..', '-a', 'a.'] },
		{ option: '--kv', values: [...hostile, '/a', 'a//b', '..'] },
		{ option: '--transit', values: [...hostile, '/a', 'a//b', '..'] },
		{
			option: '--lease',
			values: [...hostile.filter((value) => value !== 'a/../b'), 'a/../b', '/a/b', 'a//b', 'a/b?x|y'],
		},
		{ option: '--audience', values: hostile.filter((value) => value !== 'a/../b') },
	])('of $option', async ({ option, values }) => {
		const before = await state();
		const grants = option === '--org' ? [] : ['--org', 'acme'];
		for (const value of values) {
			const { code, stderr } = await fixture.setup(...ROLE, ...grants, option, value);
			expect([value, code, stderr]).toEqual([value, 2, expect.stringContaining(option)]);
		}
		expect(await state()).toEqual(before);
	});

	test.each(['../web', 'a/b', 'a b', '', 'a"b'])('as the name of a role, "%s"', async (role) => {
		const { code } = await fixture.setup('role', role, '--namespace', 'a', '--account', 'b', '--org', 'acme');
		expect(code).toBe(2);
	});
});

test('run again, it gives the same', async () => {
	const what = ['--org', 'acme', '--deployment', 'shop', '--service', 'web', '--service', 'api'];
	const args = [...ROLE, '--replace', ...what];
	const said = await fixture.mustSetup(...args);
	expect(said).toContain(
		'envtier_session,envtier_org_secret_acme,envtier_deployment_secret_shop,envtier_service_secret_shop_web,envtier_service_secret_shop_api',
	);
	const first = await state();
	await fixture.mustSetup(...args);
	expect(await state()).toEqual(first);
});

test.each(['dash', 'busybox'])('it runs under %s', async (shell) => {
	if (onPath(shell) === undefined) throw new Error(`${shell} is not on PATH: run make prepare`);
	const before = await state();
	const { code } = await fixture.setupUnder(
		shell,
		...ROLE,
		'--replace',
		'--org',
		`of-${shell}`,
		'--own',
		'namespace',
	);
	expect(code).toBe(0);
	expect(await state()).not.toEqual(before);
});

test('what --print prints does the same when it is run, and printing does nothing', async () => {
	const args = [...ROLE, '--org', 'initech', '--own', 'namespace', '--audience', 'vault.example'];
	const before = await state();
	const printed = await fixture.mustSetup('--print', ...args);
	expect(await state()).toEqual(before);
	const { code, stderr } = await runProcess({ command: 'sh', input: printed, env: fixture.env });
	expect([code, stderr]).toEqual([0, '']);
	const after = await state();
	expect(after).not.toEqual(before);
	await fixture.mustSetup(...args);
	expect(await state()).toEqual(after);
});

test('--print keeps the reviewer’s token to itself', async () => {
	const token = await fixture.file('token', 'a-test-token-of-the-reviewer');
	const at = ['--host', 'https://10.0.0.1:6443', '--ca', fixture.bao.caFile];
	const printed = await fixture.mustSetup('--print', 'auth-kubernetes', ...at, '--reviewer-token', token);
	expect(printed).toContain('BEGIN CERTIFICATE');
	expect(printed).not.toContain('a-test-token');
});

test('a mount of another type is left alone', async () => {
	const token = await fixture.file('token', 'a-test-token');
	const at = ['--host', 'https://10.0.0.1:6443', '--ca', fixture.bao.caFile, '--reviewer-token', token];
	const { code, stderr } = await fixture.setup('auth-kubernetes', ...at, '--mount', 'jwt');
	expect([code, stderr]).toEqual([
		1,
		expect.stringContaining('the mount jwt is of type jwt, not kubernetes'),
	]);
});

test('sealing: the engine once, a policy for each namespace, which seals there alone and opens nothing', async () => {
	const said = await fixture.mustSetup('sealing', '--namespace', 'shop,blog', '--transit', 'seals');
	expect(said).toContain('envtier_sealer_seals_shop,envtier_sealer_seals_blog');
	const first = await state();
	await fixture.mustSetup('sealing', '--namespace', 'shop,blog', '--transit', 'seals');
	expect(await state()).toEqual(first);
	const token = await createToken(fixture.bao, ['envtier_sealer_seals_shop']);
	const ask = async (path: string) => {
		const body = { plaintext: 'eA==', context: 'eA==', ciphertext: 'vault:v1:AAAA' };
		return (await fixture.bao.request('POST', `seals/${path}`, { token, body })).status;
	};
	for (const path of ['encrypt/envtier-deployment_shop_web', 'encrypt/envtier-namespace_shop'])
		expect([path, await ask(path)]).toEqual([path, 200]);
	for (const path of [
		...['encrypt/envtier-deployment_blog_web', 'encrypt/envtier-deployment_shop-2_web'],
		...['encrypt/envtier-namespace_blog', 'encrypt/envtier-cluster', 'encrypt/other'],
		...['decrypt/envtier-deployment_shop_web', 'decrypt/envtier-namespace_shop', 'keys/other'],
	])
		expect([path, await ask(path)]).toEqual([path, 403]);
	const { code, stderr } = await fixture.setup('sealing', '--namespace', 'shop', '--transit', 'secret');
	expect([code, stderr]).toEqual([1, expect.stringContaining('the mount secret is of type kv, not transit')]);
});

test('api: a role for its account and the policy that ships, for the mount that is named; run again, the same', async () => {
	await mountKv(fixture.bao, 'teams/kv', 2);
	const args = ['api', '--type', 'jwt', '--kv', 'teams/kv'] as const;
	expect(await fixture.mustSetup(...args)).toContain(
		'role envtier-api of auth/jwt grants envtier_api_teams.kv\n',
	);
	const role = async () => {
		const { json } = await fixture.bao.request('GET', 'auth/jwt/role/envtier-api');
		return (json as { data: object }).data;
	};
	const first = [await state(), await role()];
	await fixture.mustSetup(...args);
	expect([await state(), await role()]).toEqual(first);
	const login = (namespace: string, account: string) => {
		const jwt = signer.sign(serviceAccountClaims(namespace, account));
		return fixture.bao.request('POST', 'auth/jwt/login', { token: '', body: { role: 'envtier-api', jwt } });
	};
	expect((await login('shop', 'envtier-api')).status).toBe(400);
	expect((await login('envtier-system', 'envtier-webhook')).status).toBe(400);
	const { auth } = (await login('envtier-system', 'envtier-api')).json as {
		auth: { client_token: string; token_policies: string[]; lease_duration: number };
	};
	expect([auth.token_policies, auth.lease_duration]).toEqual([['envtier_api_teams.kv'], 3600]);
	const as = { token: auth.client_token };
	const value = { ...as, body: { data: { value: 'of the test' } } };
	expect((await fixture.bao.request('POST', 'teams/kv/data/orgs/acme/secrets/KEY', value)).status).toBe(200);
	expect((await fixture.bao.request('GET', 'teams/kv/data/orgs/acme/secrets/KEY', as)).status).toBe(403);
	expect((await fixture.bao.request('POST', 'secret/data/orgs/acme/secrets/KEY', value)).status).toBe(403);
});

test('what Vault refuses is shown', async () => {
	const { code, stderr } = await fixture.setup(...ROLE, '--org', 'acme', '--mount', 'nowhere');
	expect([code, stderr]).toEqual([1, expect.stringMatching(/no handler for route|unsupported path/)]);
});

// Why a capital letter in ENVTIER_DEFAULT_ROLE parts nothing (ADR 35).
test('Vault keeps names of roles of kubernetes auth in lower case', async () => {
	await enableAuth(fixture.bao, 'kubernetes', { at: 'lower-case' });
	const who = ['--namespace', 'shop', '--account', 'web', '--org', 'acme', '--mount', 'lower-case'];
	await fixture.mustSetup('role', 'aXb', ...who);
	expect((await fixture.bao.request('GET', 'auth/lower-case/role/axb')).status).toBe(200);
});

test('deployments and services whose names run together have policies of their own', async () => {
	await fixture.mustSetup(...ROLE, '--replace', '--deployment', 'a-b', '--service', 'c');
	await fixture.mustSetup(...ROLE, '--replace', '--deployment', 'a', '--service', 'b-c');
	const text = async (name: string): Promise<string> => {
		const { data } = (await must(fixture.bao, 'GET', `sys/policies/acl/${name}`)) as {
			data: { policy: string };
		};
		return data.policy;
	};
	expect(await text('envtier_service_secret_a-b_c')).toContain('deployments/a-b/services/c/');
	expect(await text('envtier_service_secret_a_b-c')).toContain('deployments/a/services/b-c/');
});

test('in KV version 1 the same policies hold', async () => {
	await mountKv(fixture.bao, 'legacy', 1);
	await must(fixture.bao, 'POST', 'legacy/deployments/shop/secrets/KEY', { body: { value: 'of the test' } });
	await must(fixture.bao, 'POST', 'legacy/deployments/blog/secrets/KEY', { body: { value: 'of the test' } });
	await fixture.mustSetup(
		...ROLE,
		'--replace',
		'--deployment',
		'shop',
		'--kv',
		'legacy',
		'--kv-version',
		'1',
	);
	const jwt = signer.sign(serviceAccountClaims('shop', 'web'));
	const login = await fixture.bao.request('POST', 'auth/jwt/login', {
		token: '',
		body: { role: 'web', jwt },
	});
	const { client_token: token } = (login.json as { auth: { client_token: string } }).auth;
	const status = async (method: string, path: string) =>
		(await fixture.bao.request(method, `legacy/${path}`, { token })).status;
	expect(await status('LIST', 'deployments/shop/secrets')).toBe(200);
	expect(await status('GET', 'deployments/shop/secrets/KEY')).toBe(200);
	expect(await status('PUT', 'deployments/shop/secrets/KEY')).toBe(403);
	expect(await status('LIST', 'deployments/blog/secrets')).toBe(403);
	expect(await status('GET', 'deployments/blog/secrets/KEY')).toBe(403);
});

test('controller: a role for its account and the policy that ships, which sees versions and no value; run again, the same', async () => {
	const args = ['controller', '--type', 'jwt'] as const;
	expect(await fixture.mustSetup(...args)).toContain(
		'role envtier-controller of auth/jwt grants envtier_controller_secret\n',
	);
	const role = async () => {
		const { json } = await fixture.bao.request('GET', 'auth/jwt/role/envtier-controller');
		return (json as { data: object }).data;
	};
	const first = [await state(), await role()];
	await fixture.mustSetup(...args);
	expect([await state(), await role()]).toEqual(first);
	const folder = 'deployments/of-the-controller/secrets';
	await putSecret(fixture.bao, `${folder}/KEY`, 'v');
	const token = await createToken(fixture.bao, ['envtier_controller_secret']);
	const status = async (method: string, path: string) =>
		(await fixture.bao.request(method, path, { token })).status;
	expect(await status('GET', `secret/detailed-metadata/${folder}/?list=true`)).toBe(200);
	expect(await status('GET', `secret/metadata/${folder}/KEY`)).toBe(200);
	for (const method of ['GET', 'POST', 'DELETE'])
		expect(await status(method, `secret/data/${folder}/KEY`)).toBe(403);
	expect(await status('DELETE', `secret/metadata/${folder}/KEY`)).toBe(403);
});

test('rotation: a role of its own for the controller’s account, which may write a new version and reads no value', async () => {
	const args = ['rotation', '--type', 'jwt'] as const;
	expect(await fixture.mustSetup(...args)).toContain(
		'role envtier-rotation of auth/jwt grants envtier_rotation_secret\n',
	);
	const { json } = await fixture.bao.request('GET', 'auth/jwt/role/envtier-rotation');
	expect(json).toMatchObject({
		data: { bound_claims: { '/kubernetes.io/serviceaccount/name': ['envtier-controller'] } },
	});
	const path = 'deployments/of-the-rotation/secrets/KEY';
	await putSecret(fixture.bao, path, 'v');
	const token = await createToken(fixture.bao, ['envtier_rotation_secret']);
	const status = async (method: string, at: string, body?: object) =>
		(await fixture.bao.request(method, `secret/${at}`, { token, body })).status;
	expect(await status('GET', `metadata/${path}`)).toBe(200);
	for (const method of ['GET', 'DELETE']) expect(await status(method, `data/${path}`)).toBe(403);
	expect(await status('POST', `data/${path}`, { data: { value: 'w' } })).toBe(403);
	const again = await fixture.setup('rotation', '--kv-version', '1');
	expect([again.code, again.stderr]).toEqual([2, expect.stringContaining('the rotation needs KV version 2')]);
});

test('controller: KV version 1 is refused, which has no versions', async () => {
	const { code, stderr } = await fixture.setup('controller', '--kv-version', '1');
	expect([code, stderr]).toEqual([2, expect.stringContaining('the controller needs KV version 2')]);
});

test('reveal: three roles, of which those for values are short and have few uses; run again, the same', async () => {
	const args = ['reveal', '--type', 'jwt'] as const;
	const said = await fixture.mustSetup(...args);
	for (const kind of ['reveal', 'reveal-value', 'reveal-restore'])
		expect(said).toContain(`role envtier-${kind} of auth/jwt grants envtier_${kind}_secret\n`);
	const roles = async () =>
		await Promise.all(
			['reveal', 'reveal-value', 'reveal-restore'].map(async (kind) => {
				const { json } = await fixture.bao.request('GET', `auth/jwt/role/envtier-${kind}`);
				return (json as { data: Record<string, unknown> }).data;
			}),
		);
	const first = [await state(), await roles()];
	await fixture.mustSetup(...args);
	expect([await state(), await roles()]).toEqual(first);
	expect((await roles()).map((role) => [role['token_max_ttl'], role['token_num_uses']])).toEqual([
		[86_400, 0],
		[60, 2],
		[60, 3],
	]);
	const header = 'sys/config/auditing/request-headers/x-envtier-actor';
	expect((await fixture.bao.request('GET', header)).json).toMatchObject({
		data: { 'x-envtier-actor': { hmac: false } },
	});
	const login = (namespace: string, role: string) => {
		const jwt = signer.sign(serviceAccountClaims(namespace, 'envtier-reveal'));
		return fixture.bao.request('POST', 'auth/jwt/login', { token: '', body: { role, jwt } });
	};
	expect((await login('envtier-system', 'envtier-reveal-value')).status).toBe(200);
	expect((await login('shop', 'envtier-reveal-value')).status).toBe(400);
});

test('reveal in a namespace of Vault: says that the headers are for its root namespace, and does the rest', async () => {
	const namespace = 'team-reveal';
	await createNamespace(fixture.bao, namespace);
	const config = { jwt_validation_pubkeys: [signer.publicKeyPem] };
	await enableAuth(fixture.bao, 'jwt', { namespace, config });
	const script = join(import.meta.dirname, '../../deploy/vault/setup.sh');
	const { code, stdout, stderr } = await runProcess({
		command: 'sh',
		args: [script, 'reveal', '--type', 'jwt'],
		env: { ...fixture.env, VAULT_NAMESPACE: namespace },
	});
	expect([code, stderr]).toEqual([
		0,
		expect.stringContaining('a token of its root namespace must write them'),
	]);
	expect(stdout).toContain('role envtier-reveal-value of auth/jwt grants envtier_reveal-value_secret\n');
	expect(stdout).not.toContain('Vault audits');
});

test('api --beside-reveal: replaces the policy of an API alone, and changes nothing of who has access', async () => {
	const args = ['api', '--type', 'jwt'] as const;
	await fixture.mustSetup(...args, '--replace');
	const { code, stderr } = await fixture.setup(...args, '--beside-reveal');
	expect([code, stderr]).toEqual([1, expect.stringContaining('nothing was changed')]);
	await fixture.mustSetup(...args, '--beside-reveal', '--replace');
	const token = await createToken(fixture.bao, ['envtier_api_secret']);
	const record = 'secret/data/registry/access/deployments/beside';
	const write = { token, body: { data: { access: '{}' } } };
	expect((await fixture.bao.request('POST', record, write)).status).toBe(403);
	await putSecret(fixture.bao, 'registry/access/deployments/beside', 'v');
	expect((await fixture.bao.request('GET', record, { token })).status).toBe(200);
	const metadata = record.replace('/data/', '/metadata/');
	for (const method of ['DELETE', 'POST'])
		expect((await fixture.bao.request(method, metadata, { token, body: {} })).status).toBe(403);
	// A later setup.sh api does not bring the right back by itself.
	const back = await fixture.setup(...args);
	expect([back.code, back.stderr]).toEqual([1, expect.stringContaining('nothing was changed')]);
});

describe('docs/vault-setup.md shows commands that the script takes:', () => {
	const page = readFileSync(join(import.meta.dirname, '../../docs/vault-setup.md'), 'utf8');
	// A command goes on in the next line after a backslash.
	const oneLine = page.replaceAll(/ \\\n\s*/g, ' ');
	const commands = [...oneLine.matchAll(/^deploy\/vault\/setup\.sh (.+)$/gm)].map((match) => match[1] ?? '');

	test('it shows some', () => expect(commands.length).toBeGreaterThan(4));

	test.each(commands)('%s', async (command) => {
		const ca = fixture.bao.caFile;
		const token = await fixture.file('token', 'a-test-token');
		const known = command.replace(' ca.crt', ` ${ca}`).replace(' reviewer.jwt', ` ${token}`);
		const args = known.replace('"$issuer"', 'https://kubernetes.default.svc').replaceAll("'", '').split(' ');
		await fixture.bao.request('POST', 'sys/auth/kubernetes', { body: { type: 'kubernetes' } });
		const { code, stdout, stderr } = await fixture.setup('--print', ...args);
		expect([code, stderr, stdout]).toEqual([0, '', expect.stringMatching(/ write auth\/|enable/)]);
	});
});
