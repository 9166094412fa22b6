import { mkdtemp, readFile, rm, symlink } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import process from 'node:process';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { API_POLICY } from '../../cli/vault/api-policy.ts';
import { CONTROLLER_POLICIES } from '../../cli/vault/controller-policies.ts';
import { REVEAL_POLICIES } from '../../cli/vault/reveal-policies.ts';
import { POLICIES, ROLES } from '../../cli/vault/templates.ts';
import { type OpenBao, startOpenBao } from '../support/openbao.ts';
import { enableAuth } from '../support/openbao-setup.ts';
import { runProcess } from '../support/process.ts';
import { envtier } from './support/command.ts';

const SHIPPED = join(import.meta.dirname, '../../deploy/vault');

test.each(Object.entries(POLICIES))('the policy %s is the one of deploy/vault', async (name, text) => {
	expect(text).toBe(await readFile(join(SHIPPED, `policies/${name}.hcl`), 'utf8'));
});

test.each(Object.entries(ROLES))('the role for %s is the one of deploy/vault', async (name, text) => {
	expect(text).toBe(await readFile(join(SHIPPED, `roles/${name}.json`), 'utf8'));
});

test('the policy of the secrets API is the one of deploy/vault', async () => {
	expect(API_POLICY).toBe(await readFile(join(SHIPPED, 'api-policy.hcl'), 'utf8'));
	for (const [name, text] of Object.entries({ ...REVEAL_POLICIES, ...CONTROLLER_POLICIES }))
		expect(text, name).toBe(await readFile(join(SHIPPED, `${name}-policy.hcl`), 'utf8'));
});

const WEB = ['web', '--namespace', 'shop', '--deployment', 'shop'];

describe('envtier vault setup', () => {
	let bao: OpenBao;
	let dir: string;
	beforeAll(async () => {
		bao = await startOpenBao();
		await enableAuth(bao, 'kubernetes');
		await enableAuth(bao, 'kubernetes', { at: 'clusters/two' });
		await enableAuth(bao, 'jwt', { at: 'clusters/one' });
		dir = await mkdtemp(join(tmpdir(), 'envtier-setup-'));
		await symlink(bao.binary.path, join(dir, 'vault'));
	});
	afterAll(async () => {
		await bao?.stop();
		await rm(dir, { recursive: true, force: true });
	});
	const access = () => ({
		VAULT_ADDR: bao.addr,
		VAULT_TOKEN: bao.rootToken,
		VAULT_CACERT: bao.caFile,
		PATH: `${dir}:${process.env['PATH']}`,
		HOME: dir,
	});
	const setup = (args: readonly string[], env: Readonly<Record<string, string>> = {}) =>
		envtier(['vault', 'setup', ...args], { env });

	test.each([
		[
			[...WEB, '--service-account', 'web', '--org', 'acme', '--service', 'web'],
			[...WEB, '--account', 'web', '--org', 'acme', '--service', 'web'],
		],
		[
			[...WEB, '--service-account', '*', '--service', 'web,worker', '--kv-version', '1'],
			[...WEB, '--account', '*', '--service', 'web', '--service', 'worker', '--kv-version', '1'],
		],
		[
			[
				'r',
				'-n',
				'a,b',
				'--service-account',
				'x,y',
				'--org',
				'acme',
				'--type',
				'jwt',
				'--mount',
				'clusters/one',
				'--kv',
				'kv',
				'--audience',
				'https://vault',
			],
			[
				'r',
				'--namespace',
				'a,b',
				'--account',
				'x,y',
				'--org',
				'acme',
				'--type',
				'jwt',
				'--mount',
				'clusters/one',
				'--kv',
				'kv',
				'--audience',
				'https://vault',
			],
		],
		[
			[...WEB, '--service-account', 'web', '--org', 'acme', '--service', 'web', '--sealed'],
			[...WEB, '--account', 'web', '--org', 'acme', '--service', 'web', '--sealed'],
		],
		[
			['r', '-n', 'a', '--service-account', '*', '--sealed', '--transit', 'seals', '--mount', 'clusters/two'],
			[
				'r',
				'--namespace',
				'a',
				'--account',
				'*',
				'--sealed',
				'--transit',
				'seals',
				'--mount',
				'clusters/two',
			],
		],
		...(['namespace', 'account'] as const).map((own): [string[], string[]] => [
			['r', '-n', 'a,b', '--service-account', '*', '--own', own, '--sealed', '--mount', 'clusters/two'],
			['r', '--namespace', 'a,b', '--account', '*', '--own', own, '--sealed', '--mount', 'clusters/two'],
		]),
		[
			[
				...[...WEB, '--service-account', 'web', '--org', 'acme', '--service', 'web', '--refresh'],
				...[
					'--lease',
					'database/creds/readonly',
					'--lease',
					'pki/issue/web?common_name=a.svc&ip_sans=::1,::2',
				],
			],
			[
				...[...WEB, '--account', 'web', '--org', 'acme', '--service', 'web', '--refresh'],
				...[
					'--lease',
					'database/creds/readonly',
					'--lease',
					'pki/issue/web?common_name=a.svc&ip_sans=::1,::2',
				],
			],
		],
		...(['namespace', 'account'] as const).map((own): [string[], string[]] => [
			['r', '-n', 'a', '--service-account', '*', '--own', own, '--refresh', '--kv', 'kv'],
			['r', '--namespace', 'a', '--account', '*', '--own', own, '--refresh', '--kv', 'kv'],
		]),
		[
			['r', '-n', '*', '--service-account', '*', '--org', 'a', '--kv', 'Team_A/kv.v2-x'],
			['r', '--namespace', '*', '--account', '*', '--org', 'a', '--kv', 'Team_A/kv.v2-x'],
		],
	])('prints what deploy/vault/setup.sh prints: %j', async (ours, theirs) => {
		const printed = await setup(ours, access());
		expect([printed.code, printed.stderr]).toEqual([0, '']);
		const script = await runProcess({
			command: 'sh',
			args: [join(SHIPPED, 'setup.sh'), '--print', 'role', ...theirs],
			env: access(),
		});
		expect(script.stderr).toBe('');
		expect(printed.stdout.trim()).toBe(script.stdout.trim());
	});

	test.each([
		[[], []],
		[
			['-n', 'tools', '--service-account', 'keeper', '--type', 'jwt', '--mount', 'clusters/one'],
			['--namespace', 'tools', '--account', 'keeper', '--type', 'jwt', '--mount', 'clusters/one'],
		],
		[
			['--kv', 'teams/kv', '--audience', 'https://vault'],
			['--kv', 'teams/kv', '--audience', 'https://vault'],
		],
		[['--beside-reveal'], ['--beside-reveal']],
	])('setup-api prints what setup.sh api prints, and applies it: %j', async (ours, theirs) => {
		const printed = await envtier(['vault', 'setup-api', ...ours]);
		expect([printed.code, printed.stderr]).toEqual([0, '']);
		const args = [join(SHIPPED, 'setup.sh'), '--print', 'api', ...theirs];
		const script = await runProcess({ command: 'sh', args, env: access() });
		expect([script.stderr, printed.stdout.trim()]).toEqual(['', script.stdout.trim()]);
		const applied = await envtier(['vault', 'setup-api', ...ours, '--apply', '--replace'], { env: access() });
		expect([applied.code, applied.stderr]).toEqual([0, '']);
		const again = await envtier(['vault', 'setup-api', ...ours, '--apply'], { env: access() });
		expect(again.stdout.match(/there already/g)).toHaveLength(2);
	});

	test.each([
		[[], []],
		[
			['-n', 'tools', '--service-account', 'keeper', '--type', 'jwt', '--mount', 'clusters/one'],
			['--namespace', 'tools', '--account', 'keeper', '--type', 'jwt', '--mount', 'clusters/one'],
		],
		[
			['--kv', 'teams/kv', '--audience', 'https://vault'],
			['--kv', 'teams/kv', '--audience', 'https://vault'],
		],
	])('setup-reveal prints what setup.sh reveal prints, and applies it: %j', async (ours, theirs) => {
		const printed = await envtier(['vault', 'setup-reveal', ...ours]);
		expect([printed.code, printed.stderr]).toEqual([0, '']);
		const args = [join(SHIPPED, 'setup.sh'), '--print', 'reveal', ...theirs];
		const script = await runProcess({ command: 'sh', args, env: access() });
		expect([script.stderr, printed.stdout.trim()]).toEqual(['', script.stdout.trim()]);
		const apply = ['vault', 'setup-reveal', ...ours, '--apply'];
		const applied = await envtier([...apply, '--replace'], { env: access() });
		expect([applied.code, applied.stderr]).toEqual([0, '']);
		const again = await envtier(apply, { env: access() });
		expect(again.stdout.match(/there already/g)).toHaveLength(6);
		expect(again.stdout.match(/request-headers\/x-envtier-[a-z]+: written/g)).toHaveLength(4);
	});

	test.each(['controller', 'rotation'])(
		'setup-%s prints what setup.sh prints, and applies it',
		async (program) => {
			const printed = await envtier(['vault', `setup-${program}`]);
			expect([printed.code, printed.stderr]).toEqual([0, '']);
			const args = [join(SHIPPED, 'setup.sh'), '--print', program];
			const script = await runProcess({ command: 'sh', args, env: access() });
			expect([script.stderr, printed.stdout.trim()]).toEqual(['', script.stdout.trim()]);
			const applied = await envtier(['vault', `setup-${program}`, '--apply'], { env: access() });
			expect([applied.code, applied.stderr]).toEqual([0, '']);
			const { json } = await bao.request('GET', `auth/kubernetes/role/envtier-${program}`);
			expect(json).toMatchObject({
				data: {
					bound_service_account_names: ['envtier-controller'],
					token_policies: [`envtier_${program}_secret`],
				},
			});
		},
	);

	test('setup-reveal as JSON has each role with its uses', async () => {
		const { stdout } = await envtier(['vault', 'setup-reveal', '--output', 'json']);
		const { policies, roles } = JSON.parse(stdout) as {
			policies: readonly { name: string }[];
			roles: readonly { path: string; body: { token_num_uses: number; token_ttl: number } }[];
		};
		expect(policies).toHaveLength(3);
		expect(roles.map(({ path, body }) => [path, body.token_ttl, body.token_num_uses])).toEqual([
			['auth/kubernetes/role/envtier-reveal', 3600, undefined],
			['auth/kubernetes/role/envtier-reveal-value', 60, 2],
			['auth/kubernetes/role/envtier-reveal-restore', 60, 3],
		]);
	});

	test.each([
		[['--namespace', '*'], '--namespace must be'],
		[['--service-account', 'a,b'], '--service-account must be'],
		[['--kv', '../x'], '--kv must be'],
		[['--mount', 'auth/kubernetes'], '--mount must be without "auth/": kubernetes'],
	])('setup-api %j is a wrong usage', async (args, sentence) => {
		const { code, stdout, stderr } = await envtier(['vault', 'setup-api', ...args]);
		expect([code, stdout, stderr]).toEqual([2, '', expect.stringContaining(sentence)]);
	});

	test('a mount of the auth method with its prefix: the right one is named, by the script as well', async () => {
		const { code, stderr } = await setup(
			[...WEB, '--service-account', 'web', '--mount', 'auth/kubernetes'],
			access(),
		);
		expect([code, stderr]).toEqual([2, expect.stringContaining('must be without "auth/": kubernetes')]);
		const script = await runProcess({
			command: 'sh',
			args: [
				...[join(SHIPPED, 'setup.sh'), '--print', 'role', ...WEB.slice(0, 1), '--namespace', 'shop'],
				...['--account', 'web', '--deployment', 'shop', '--mount', 'auth/kubernetes'],
			],
			env: access(),
		});
		expect([script.code, script.stderr]).toEqual([
			2,
			expect.stringContaining('must be without "auth/": kubernetes'),
		]);
	});

	test('what it prints can be given to a shell', async () => {
		const printed = await setup(['piped', '-n', 'shop', '--service-account', 'web', '--deployment', 'piped']);
		const ran = await runProcess({ command: 'sh', args: ['-e'], input: printed.stdout, env: access() });
		expect([ran.code, ran.stderr]).toEqual([0, '']);
		const { json } = await bao.request('GET', 'auth/kubernetes/role/piped');
		expect(json).toMatchObject({
			data: { token_policies: ['envtier_session', 'envtier_deployment_secret_piped'] },
		});
	});

	test('--apply writes it, says so, and leaves alone what is there', async () => {
		const args = [...WEB, '--service-account', 'web', '--org', 'acme', '--apply'];
		const first = await setup(args, access());
		expect([first.code, first.stderr]).toEqual([0, '']);
		expect(first.stdout).toMatch(/^policy envtier_session: (?:created|there already)\n/);
		expect(first.stdout).toContain(
			'policy envtier_org_secret_acme: created\npolicy envtier_deployment_secret_shop: created\nrole auth/kubernetes/role/web: created\n',
		);
		const again = await setup(args, access());
		expect(again.stdout.match(/there already/g)).toHaveLength(4);
		for (const { stdout, stderr } of [first, again]) expect(stdout + stderr).not.toContain(bao.rootToken);
	});

	test('--apply shows what is there with other contents, and overwrites it with --replace alone', async () => {
		const args = ['mine', '-n', 'shop', '--service-account', 'web', '--org', 'initech', '--apply'];
		expect((await setup(args, access())).code).toBe(0);
		const other = args.map((arg) => (arg === 'web' ? 'other' : arg === 'initech' ? 'hooli' : arg));
		const refused = await setup(other, access());
		expect([refused.code, refused.stdout]).toEqual([7, '']);
		expect(refused.stderr).toContain('role auth/kubernetes/role/mine is there with other contents:\n');
		expect(refused.stderr).toContain(
			'  - bound_service_account_names "web"\n  + bound_service_account_names "other"\n',
		);
		expect(refused.stderr).toContain('nothing was changed: choose another name, or use --replace');
		const accounts = async () => {
			const { json } = await bao.request('GET', 'auth/kubernetes/role/mine');
			return (json as { data: { bound_service_account_names: string[] } }).data.bound_service_account_names;
		};
		expect(await accounts()).toEqual(['web']);
		// Nor was the policy written, which was not there.
		expect((await bao.request('GET', 'sys/policies/acl/envtier_org_secret_hooli')).status).toBe(404);
		const replaced = await setup([...other, '--replace'], access());
		expect([replaced.code, replaced.stderr]).toEqual([0, '']);
		expect(replaced.stdout).toContain('  + bound_service_account_names "other"\n');
		expect(replaced.stdout).toContain('role auth/kubernetes/role/mine: replaced\n');
		expect(await accounts()).toEqual(['other']);
		const byHand = { policy: '# by hand\n' };
		await bao.request('POST', 'sys/policies/acl/envtier_org_secret_hooli', { body: byHand });
		const policy = await setup(other, access());
		expect([policy.code, policy.stdout]).toEqual([7, '']);
		expect(policy.stderr).toContain(
			'policy envtier_org_secret_hooli is there with other contents:\n  - # by hand\n  + ',
		);
	});

	test('--own account refuses the policy of earlier versions, names its roles and the way to migrate', async () => {
		const old = 'envtier-own-account-clusters_two';
		const at = ['--mount', 'clusters/two'];
		await bao.request('POST', `sys/policies/acl/${old}`, { body: { policy: '# of an earlier version\n' } });
		const role = { bound_service_account_names: ['*'], bound_service_account_namespaces: ['blog'] };
		await bao.request('POST', 'auth/clusters/two/role/team', { body: { ...role, token_policies: [old] } });
		await bao.request('POST', 'auth/clusters/two/role/plain', { body: { ...role, token_policies: ['x'] } });
		const args = ['team', '-n', 'blog', '--service-account', '*', '--own', 'account', ...at];
		for (const more of [[], ['--apply']]) {
			const { code, stdout, stderr } = await setup([...args, ...more], access());
			expect([code, stdout]).toEqual([7, '']);
			expect(stderr).toContain(`an earlier version wrote the policy ${old}`);
			expect(stderr).toContain('roles of auth/clusters/two that grant it: team\n');
			expect(stderr).toContain('copy the secrets of deployments/ACCOUNT to deployments/NAMESPACE.ACCOUNT');
		}
		for (const change of ['created', 'there already']) {
			const done = await setup([...args, '--apply', '--replace'], access());
			expect([done.code, done.stderr]).toEqual([
				0,
				`warning: ${old} of an earlier version is still there; when no role grants it: vault policy delete ${old}\n`,
			]);
			expect(done.stdout).toContain(`policy envtier_own-account_clusters.two_secret: ${change}\n`);
		}
		await bao.request('DELETE', `sys/policies/acl/${old}`);
		const again = await setup([...args, '--apply'], access());
		expect([again.code, again.stderr]).toEqual([0, '']);
	});

	test('--sealed opens what is sealed for the pods, and says what it lacks', async () => {
		const args = ['opener', '-n', 'shop', '--service-account', 'web', '--deployment', 'shop', '--sealed'];
		const done = await setup([...args, '--apply'], access());
		expect([done.code, done.stderr]).toEqual([0, '']);
		expect(done.stdout).toContain('policy envtier_sealed_kubernetes_transit: created\n');
		expect(done.stdout).toContain('policy envtier_sealed-deployment_kubernetes_transit_shop: created\n');
		const again = await setup([...args, '--apply'], access());
		expect(again.stdout.match(/there already/g)).toHaveLength(5);
		const offline = await setup(args);
		expect([offline.code, offline.stderr]).toEqual([2, expect.stringContaining('VAULT_ADDR')]);
		const { VAULT_TOKEN: _, ...nobody } = access();
		expect((await setup(args, nobody)).stderr).toContain('--sealed needs the token of an administrator');
		const nowhere = await setup([...args, '--mount', 'nowhere'], access());
		expect([nowhere.code, nowhere.stderr]).toEqual([
			1,
			expect.stringContaining('there is no auth method at that mount'),
		]);
		const denied = await setup(args, { ...access(), VAULT_TOKEN: 'wrong' });
		expect([denied.code, denied.stdout]).toEqual([5, '']);
	});

	test('--output json is for programs', async () => {
		const { stdout } = await setup([...WEB, '--service-account', 'web', '--output', 'json']);
		const { policies, role } = JSON.parse(stdout);
		expect(policies.map(({ name }: { name: string }) => name)).toEqual([
			'envtier_session',
			'envtier_deployment_secret_shop',
		]);
		expect(role).toMatchObject({ path: 'auth/kubernetes/role/web', body: { audience: 'vault' } });
	});

	test.each([
		['no rights', { VAULT_TOKEN: 'wrong' }, [], 5, 'Vault answers 403'],
		['no auth method at the mount', {}, ['--mount', 'nowhere'], 1, 'there is no auth method at that mount'],
		['nobody there', { VAULT_ADDR: 'https://127.0.0.1:1' }, [], 8, 'nobody listens there'],
		['a CA that is not Vault’s', { VAULT_CACERT: '' }, [], 8, 'CA that is not trusted'],
		['no address', { VAULT_ADDR: '' }, [], 2, 'VAULT_ADDR (or BAO_ADDR) must be'],
		['no token', { VAULT_TOKEN: '' }, [], 2, 'VAULT_TOKEN (or BAO_TOKEN) is not set'],
	])('--apply with %s', async (_sentence, env, args, wanted, sentence) => {
		const { code, stderr } = await setup([...WEB, '--service-account', 'web', '--apply', ...args], {
			...access(),
			...env,
		});
		expect([code, stderr]).toEqual([wanted, expect.stringContaining(sentence)]);
		expect(stderr).not.toContain(bao.rootToken);
	});

	test.each([
		['nobody who may log in', ['r', '--deployment', 'shop'], '--namespace and --service-account are missing'],
		[
			'its own deployment and another',
			['r', '-n', 'a', '--service-account', 'web', '--deployment', 'x', '--own', 'account'],
			'exclude each other',
		],
		[
			'replacing without writing',
			['r', '-n', 'a', '--service-account', 'web', '--deployment', 'x', '--replace'],
			'--replace needs --apply',
		],
		['nothing to grant', ['r', '-n', 'shop', '--service-account', 'web'], 'the role would grant nothing'],
		[
			'a service of nothing',
			['r', '-n', 'shop', '--service-account', 'web', '--org', 'a', '--service', 's'],
			'--service needs --deployment',
		],
		[
			'a name that climbs',
			['r', '-n', 'shop', '--service-account', 'web', '--deployment', '../x'],
			'--deployment must be',
		],
		[
			'a transit mount that climbs',
			['r', '-n', 'shop', '--service-account', 'web', '--sealed', '--transit', '../x'],
			'--transit must be',
		],
		[
			'a lease of Vault’s own paths',
			['r', '-n', 'shop', '--service-account', 'web', '--org', 'a', '--lease', 'sys/leases/revoke'],
			'--lease must be',
		],
		[
			'a lease below the KV mount',
			['r', '-n', 'shop', '--service-account', 'web', '--org', 'a', '--lease', 'secret/data/x'],
			'--lease names a path in the mount "secret"',
		],
		[
			'refresh on KV version 1',
			['r', '-n', 'shop', '--service-account', 'web', '--org', 'a', '--refresh', '--kv-version', '1'],
			'--refresh needs KV version 2',
		],
		[
			'a role that climbs',
			['../r', '-n', 'shop', '--service-account', 'web', '--org', 'a'],
			'the role must be',
		],
		[
			'a quote in the audience',
			['r', '-n', 'shop', '--service-account', 'web', '--org', 'a', '--audience', 'a"b'],
			'--audience contains',
		],
		[
			'any namespace for one account',
			['r', '-n', '*', '--service-account', 'web', '--org', 'a'],
			'name the namespaces',
		],
	])('%s is a wrong usage', async (_sentence, args, sentence) => {
		const { code, stdout, stderr } = await setup(args);
		expect([code, stdout, stderr]).toEqual([2, '', expect.stringContaining(sentence)]);
	});
});
