import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type SealScope, sealKey } from '../../../contract/sealed.ts';
import { envtier } from '../../cli/support/command.ts';
import {
	diagnose,
	type Fixture,
	lineOf,
	setUpVault,
	startFixture,
	TIER_FOLDERS,
	tierPolicy,
} from '../../cli/support/doctor.ts';
import { openShell, runExamples } from '../../cli/support/examples.ts';
import { expectStatus } from '../../support/kubernetes/cluster.ts';
import {
	mountKv,
	mountTransit,
	must,
	putSecret,
	removeSecret,
	seal,
	writePolicy,
	writeRole,
} from '../../support/openbao-setup.ts';
import { describeWithServers } from '../../support/servers.ts';
import { makeAuthority } from '../../support/tls.ts';
import { until } from '../../support/until.ts';
import { vaultSetup } from '../../support/vault-setup.ts';
import { startWebhook, type WebhookEnv } from '../../support/webhook.ts';
import { minorOf, problemsOf } from './support/version.ts';

// Servers of its own: what the doctor is to find wrong must be broken first.
describeWithServers('envtier doctor on Vault', () => {
	let fixture: Fixture;
	beforeAll(async () => {
		fixture = await startFixture();
		await fixture.register();
		await until('the webhook configuration', async () =>
			lineOf(await diagnose(fixture), 'admission').startsWith('ok'),
		);
	});
	afterAll(() => fixture?.stop());

	const role = (over: object) =>
		writeRole(fixture.bao, 'kubernetes', 'web', {
			bound_service_account_names: ['web'],
			bound_service_account_namespaces: [fixture.namespace],
			audience: 'vault',
			token_policies: ['shop-web'],
			...over,
		});
	const [org = '', deployment = '', service = ''] = TIER_FOLDERS;

	const broken: readonly (readonly [string, () => Promise<unknown>, string, RegExp])[] = [
		[
			'the role is bound to another service account',
			() => role({ bound_service_account_names: ['other'] }),
			'vault-login',
			/^fail: .*not bound to service account.*envtier vault setup/,
		],
		[
			'the role grants what earlier versions wrote for --own account',
			() => role({ token_policies: ['shop-web', 'envtier-own-account-kubernetes'] }),
			'vault-login',
			/^warn: .*grants envtier-own-account-kubernetes of an earlier version.*From earlier versions/,
		],
		[
			'the role wants another audience',
			() => role({ audience: 'elsewhere' }),
			'vault-login',
			/^fail: .*audience/,
		],
		[
			'the role does not exist',
			() => fixture.bao.request('DELETE', 'auth/kubernetes/role/web'),
			'vault-login',
			/^fail: .*role "web".* does not exist/,
		],
		[
			'no policy at all',
			() => role({ token_policies: ['default'] }),
			'vault-kv',
			/^fail: .*no policy of the role gives any right/,
		],
		[
			'the deployment tier cannot be listed',
			() => writePolicy(fixture.bao, 'shop-web', tierPolicy([org, service])),
			'tier-deployment',
			/^fail: the deployment tier of "shop" cannot be listed at .*: is envtier.dev\/deployment right\?.*if so, add to a policy of the role "web": path "secret\/metadata\/deployments\/shop\/secrets\/" \{ capabilities = \["list"\] \}/,
		],
		[
			'the service tier can be listed but not read',
			() =>
				writePolicy(
					fixture.bao,
					'shop-web',
					`${tierPolicy([org, deployment])}\npath "secret/metadata/${service}/" { capabilities = ["list"] }`,
				),
			'tier-service',
			/^fail: .*1 of its 1 keys cannot be read.*path "secret\/data\/deployments\/shop\/services\/web\/secrets\/\+" \{ capabilities = \["read"\]/,
		],
		[
			'an empty tier that could not be read either',
			async () => {
				await removeSecret(fixture.bao, `${org}/DATABASE_URL`);
				await writePolicy(
					fixture.bao,
					'shop-web',
					`${tierPolicy([deployment, service])}\npath "secret/metadata/${org}/" { capabilities = ["list"] }`,
				);
			},
			'tier-org',
			/^fail: .*but not read/,
		],
		[
			'a token that cannot be given back',
			() => role({ token_no_default_policy: true }),
			'vault-revoke',
			/^warn: .*stays valid until it expires.*path "auth\/token\/revoke-self"/,
		],
		[
			'a key that no pod gets',
			() => putSecret(fixture.bao, `${deployment}/my.secret`, 'x'),
			'tier-deployment',
			/^warn: .*1 that no variable can be named for.*"my\.secret"/,
		],
	];
	test.each(broken)('%s', async (_sentence, breakIt, id, wanted) => {
		await breakIt();
		try {
			const diagnosis = await diagnose(fixture);
			expect(lineOf(diagnosis, id)).toMatch(wanted);
			expect(diagnosis.code).toBe(wanted.source.startsWith('^warn') ? 0 : 1);
		} finally {
			await removeSecret(fixture.bao, `${deployment}/my.secret`);
			await setUpVault(fixture.bao, fixture.namespace);
		}
	});

	test('the examples of docs/cli.md check the cluster, and Vault as a service account', async () => {
		const { bao, cluster, namespace } = fixture;
		// A controller of the cluster creates it, which does not run here.
		await cluster.createServiceAccount('default', 'default');
		// A forwarded port is an address of this machine, as that of the Vault of this test is.
		await using shell = await openShell({ kubectl: 'exit 0' });
		const env = { KUBECONFIG: cluster.kubeconfig, NO_COLOR: '1' };
		const ran = async (line: string): Promise<void> => {
			const here = line
				.replace('--namespace shop', `--namespace ${namespace}`)
				.replace('localhost:8200', new URL(bao.addr).host);
			const { code, stdout, stderr } = await shell.run(here, env);
			expect(code, `${line}\n${stdout}${stderr}`).toBe(0);
			if (line.includes('--service-account')) expect(stdout).toMatch(/ok +vault-login:/);
		};
		await runExamples('envtier doctor', ran);
		await runExamples('kubectl --namespace vault port-forward', ran);
	});

	describe('sealed values', () => {
		const SCOPES = ['deployment', 'namespace', 'cluster'] as const;
		const sealed = () => diagnose(fixture, ['--sealed', SCOPES.join(',')]);
		const place = () => ({ namespace: fixture.namespace, deployment: 'shop' });
		const decrypt = (scope: SealScope) =>
			`path "transit/decrypt/${sealKey(scope, place())}" { capabilities = ["update"] }`;
		const grant = (...scopes: readonly SealScope[]) =>
			writePolicy(fixture.bao, 'shop-web', [tierPolicy(TIER_FOLDERS), ...scopes.map(decrypt)].join('\n'));
		afterAll(() => setUpVault(fixture.bao, fixture.namespace));

		test('are not looked at unless asked for', async () => {
			const { checks } = await diagnose(fixture);
			expect(checks.map(({ id }) => id).filter((id) => /transit|sealed/.test(id))).toEqual([]);
		});

		test('no transit engine, one that is another engine, rights that are missing, nothing sealed yet, and all well', async () => {
			const missing = await sealed();
			expect(lineOf(missing, 'vault-transit')).toMatch(
				/^fail: there is no secrets engine at "transit\/".*setup\.sh sealing.*envtier vault setup … --sealed/,
			);
			expect(missing.code).toBe(1);
			await mountKv(fixture.bao, 'transit', 2);
			await grant(...SCOPES);
			expect(lineOf(await sealed(), 'vault-transit')).toMatch(
				/^fail: "transit\/" is of type kv, not transit .*ENVTIER_VAULT_TRANSIT_MOUNT/,
			);
			await must(fixture.bao, 'DELETE', 'sys/mounts/transit');
			await mountTransit(fixture.bao);
			for (const scope of ['deployment', 'cluster'] as const)
				await seal(fixture.bao, 'of the test', scope, place());
			await grant('deployment', 'namespace');
			const some = await sealed();
			expect(lineOf(some, 'vault-transit')).toBe('ok: "transit/" is a transit engine // ');
			expect(lineOf(some, 'sealed-deployment')).toMatch(
				/^ok: what is sealed for the deployment can be opened/,
			);
			expect(lineOf(some, 'sealed-namespace')).toMatch(
				/^warn: nothing was ever sealed for the namespace .*envtier seal/,
			);
			expect(lineOf(some, 'sealed-cluster')).toMatch(
				/^fail: .*add to a policy of the role "web": path "transit\/decrypt\/envtier-cluster" \{ capabilities = \["update"\] \}/,
			);
			expect(some.code).toBe(1);
			await seal(fixture.bao, 'of the test', 'namespace', place());
			await grant(...SCOPES);
			const well = await sealed();
			for (const scope of SCOPES) expect(lineOf(well, `sealed-${scope}`)).toMatch(/^ok: /);
			expect(well.code).toBe(0);
		});

		test('what the command sets up is what the doctor is content with', async () => {
			const { bao, namespace } = fixture;
			const env = { VAULT_ADDR: bao.addr, VAULT_TOKEN: bao.rootToken, VAULT_CACERT: bao.caFile };
			const whom = ['--namespace', namespace, '--service-account', 'web'];
			const what = ['--org', 'acme', '--deployment', 'shop', '--service', 'web', '--sealed'];
			const done = await envtier(['vault', 'setup', 'web', ...whom, ...what, '--apply', '--replace'], {
				env,
			});
			expect([done.code, done.stderr]).toEqual([0, '']);
			const { code, checks } = await sealed();
			expect(problemsOf(checks, await minorOf(fixture.cluster))).toEqual([]);
			expect(code).toBe(0);
		});
	});

	test('a deployment without any secret: its name may be wrong', async () => {
		for (const folder of [deployment, service]) await removeSecret(fixture.bao, `${folder}/DATABASE_URL`);
		const diagnosis = await diagnose(fixture);
		await setUpVault(fixture.bao, fixture.namespace);
		expect(lineOf(diagnosis, 'tier-deployment')).toMatch(
			/^warn: the deployment tier of "shop" and the service tier of "web" are empty: are envtier.dev\/deployment and envtier.dev\/service right\? Looked for at .*vault kv put -mount=secret deployments\/shop\/secrets\/KEY value=/,
		);
		expect(diagnosis.code).toBe(0);
	});

	test('a role whose tokens may be used a few times only', async () => {
		await role({ token_num_uses: 50 });
		const diagnosis = await diagnose(fixture);
		await setUpVault(fixture.bao, fixture.namespace);
		expect(lineOf(diagnosis, 'vault-login')).toMatch(/^warn: .*tokens for 50 uses \(token_num_uses\)/);
	});

	test('an empty tier is nothing wrong', async () => {
		await removeSecret(fixture.bao, `${org}/DATABASE_URL`);
		const diagnosis = await diagnose(fixture);
		await setUpVault(fixture.bao, fixture.namespace);
		expect(lineOf(diagnosis, 'tier-org')).toMatch(/^ok: the org tier is empty/);
	});

	test('what `envtier vault setup --apply` makes is all that it wants', async () => {
		const { addr, caFile, rootToken } = fixture.bao;
		const made = await envtier(
			[
				...['vault', 'setup', 'web', '--namespace', fixture.namespace, '--service-account', 'web'],
				...['--org', 'acme', '--deployment', 'shop', '--service', 'web', '--apply', '--replace'],
			],
			{ env: { VAULT_ADDR: addr, VAULT_CACERT: caFile, VAULT_TOKEN: rootToken } },
		);
		expect(made.code, made.stderr).toBe(0);
		const diagnosis = await diagnose(fixture);
		await setUpVault(fixture.bao, fixture.namespace);
		expect(problemsOf(diagnosis.checks, await minorOf(fixture.cluster))).toEqual([]);
		expect(lineOf(diagnosis, 'vault-login')).toContain('policies: envtier_deployment_secret_shop');
	});

	test('the token that it got from Vault is given back', async () => {
		const count = async (): Promise<number> => {
			const { json } = await fixture.bao.request('GET', 'auth/token/accessors?list=true');
			return (json as { data: { keys: string[] } }).data.keys.length;
		};
		const before = await count();
		expect((await diagnose(fixture)).code).toBe(0);
		expect(await count()).toBe(before);
	});

	test('Vault is sealed', async () => {
		await fixture.bao.seal();
		try {
			const diagnosis = await diagnose(fixture);
			expect(lineOf(diagnosis, 'vault')).toMatch(/^fail: .*is sealed.*unseal Vault/);
			expect(diagnosis.code).toBe(1);
		} finally {
			await fixture.bao.unseal();
		}
	});

	/** Another webhook, whose settings lead pods astray. */
	const misled = async (
		env: Partial<WebhookEnv>,
		id: string,
		wanted: RegExp,
		args: readonly string[] = [],
	): Promise<void> => {
		const webhook = await startWebhook({
			ENVTIER_VAULT_ADDR: fixture.bao.addr,
			ENVTIER_VAULT_CA: fixture.bao.caPem,
			ENVTIER_DEFAULT_ROLE: '{serviceAccount}',
			...env,
		});
		try {
			await fixture.register((registered) => {
				registered.clientConfig = {
					url: `${webhook.url}/mutate`,
					caBundle: Buffer.from(webhook.caPem).toString('base64'),
				};
			});
			await until(`the doctor to say ${wanted}`, async () =>
				wanted.test(lineOf(await diagnose(fixture, args), id)),
			);
		} finally {
			await webhook.stop();
			await fixture.register();
		}
	};

	test('pods are told of a Vault where nobody listens', () =>
		misled(
			{ ENVTIER_VAULT_ADDR: 'https://127.0.0.1:1' },
			'vault',
			/^fail: https:\/\/127\.0\.0\.1:1 refuses the connection/,
		));

	test('pods are told of another CA', async () => {
		const { certPem } = await makeAuthority();
		await misled({ ENVTIER_VAULT_CA: certPem }, 'vault', /^fail: .*CA that is not trusted.*ENVTIER_VAULT_CA/);
	});

	test('pods are told of another KV version', () =>
		misled(
			{ ENVTIER_VAULT_KV_VERSION: '1' },
			'vault-kv',
			/^fail: "secret\/" is KV version 2, but ENVTIER_VAULT_KV_VERSION is 1: pods find nothing.*correct ENVTIER_VAULT_KV_VERSION in .*, to "2"/,
		));

	test('whether Vault has an audit device is asked where the login may, else skipped; none is a warning', async () => {
		await setUpVault(fixture.bao, fixture.namespace);
		const seen = async () => lineOf(await diagnose(fixture), 'vault-audit');
		expect(await seen()).toMatch(
			/^skip: .*audit devices of Vault cannot be read.*"sys\/audit" \{ capabilities = \["read", "sudo"\] \}/,
		);
		await writePolicy(fixture.bao, 'may-ask', 'path "sys/audit" { capabilities = ["read", "sudo"] }');
		await role({ token_policies: ['shop-web', 'may-ask'] });
		expect(await seen()).toMatch(/^warn: Vault has no audit device.*setup\.sh audit/);
		await must(fixture.bao, 'PUT', 'sys/audit/file', {
			body: { type: 'file', options: { file_path: `${fixture.bao.dir}/audit.log` } },
		});
		expect(await seen()).toBe('ok: Vault keeps an audit log: file/ // ');
		await must(fixture.bao, 'DELETE', 'sys/audit/file');
		await setUpVault(fixture.bao, fixture.namespace);
	});

	test('the Reveal program: its replicas, and with a token of an administrator what Vault has for it', async () => {
		const { cluster, bao } = fixture;
		const admin = { VAULT_ADDR: bao.addr, VAULT_TOKEN: bao.rootToken };
		const seen = async (id: string, env: Readonly<Record<string, string>> = admin) =>
			lineOf(await diagnose(fixture, [], undefined, env), id);
		// Where it is not installed, nothing is said of it.
		expect((await diagnose(fixture)).checks.map(({ id }) => id)).not.toContain('reveal');
		const labels = { 'app.kubernetes.io/name': 'envtier-reveal' };
		const path = `/apis/apps/v1/namespaces/${fixture.namespace}/deployments`;
		const made = await cluster.request('POST', path, {
			metadata: { name: 'envtier-reveal', labels },
			spec: {
				selector: { matchLabels: labels },
				template: { metadata: { labels }, spec: { containers: [{ name: 'reveal', image: 'none' }] } },
			},
		});
		expectStatus(made, 201, 'creating a Deployment');
		expect(await seen('reveal')).toMatch(/^fail: the Reveal program .* has no ready replica/);
		const status = { status: { replicas: 2, readyReplicas: 2 } };
		const merge = { contentType: 'application/merge-patch+json' };
		await cluster.request('PATCH', `${path}/envtier-reveal/status`, status, merge);
		expect(await seen('reveal')).toMatch(/^ok: the Reveal program .* has 2 of 2 replicas ready/);
		expect(await seen('reveal-vault', {})).toMatch(/^skip: .*VAULT_ADDR and VAULT_TOKEN/);
		const elsewhere = { ...admin, VAULT_ADDR: 'https://127.0.0.1:1' };
		expect(await seen('reveal-vault', elsewhere)).toMatch(/^skip: /);
		expect(await seen('reveal-vault')).toMatch(
			/^fail: role envtier-reveal-value does not exist.*setup\.sh reveal/,
		);
		const setup = vaultSetup(bao);
		await setup('api');
		await setup('reveal');
		expect(await seen('reveal-vault')).toMatch(
			/^fail: .* lets the API change who has access.*--beside-reveal/,
		);
		await setup('api', '--beside-reveal', '--replace');
		expect(await seen('reveal-vault')).toMatch(/^ok: tokens for one value have two uses and 60 seconds/);
		await must(bao, 'DELETE', 'sys/config/auditing/request-headers/x-envtier-actor');
		expect(await seen('reveal-vault')).toMatch(/^warn: Vault does not audit the header x-envtier-actor/);
		const uses = 'auth/kubernetes/role/envtier-reveal-value';
		const role = (await must(bao, 'GET', uses)) as { data: object };
		await must(bao, 'POST', uses, { body: { ...role.data, token_num_uses: 0 } });
		expect(await seen('reveal-vault')).toMatch(/^fail: role envtier-reveal-value gives tokens for 0 uses/);
		await cluster.request('DELETE', `${path}/envtier-reveal`);
	});

	test('the rotation: where the controller has it switched on, its replicas, role, policy and late passwords', async () => {
		const { cluster, bao } = fixture;
		const admin = { VAULT_ADDR: bao.addr, VAULT_TOKEN: bao.rootToken };
		const seen = async (id: string, env: Readonly<Record<string, string>> = admin) =>
			lineOf(await diagnose(fixture, [], undefined, env), id);
		const ids = async () => (await diagnose(fixture)).checks.map(({ id }) => id).join();
		const merge = { contentType: 'application/merge-patch+json' };
		const configMaps = `/api/v1/namespaces/${fixture.namespace}/configmaps`;
		const settings = { metadata: { name: 'settings' }, data: { ENVTIER_CONTROLLER_ROLLOUTS: 'true' } };
		expectStatus(await cluster.request('POST', configMaps, settings), 201, 'creating a ConfigMap');
		const labels = { 'app.kubernetes.io/name': 'envtier-controller' };
		const path = `/apis/apps/v1/namespaces/${fixture.namespace}/deployments`;
		const envFrom = [
			{ configMapRef: { name: 'absent', optional: true } },
			{ configMapRef: { name: 'settings' } },
		];
		const made = await cluster.request('POST', path, {
			metadata: { name: 'envtier-controller', labels },
			spec: {
				selector: { matchLabels: labels },
				template: {
					metadata: { labels },
					spec: { containers: [{ name: 'controller', image: 'none', envFrom }] },
				},
			},
		});
		expectStatus(made, 201, 'creating a Deployment');
		// A controller that rotates nothing.
		expect(await ids()).not.toContain('rotation');
		const on = { data: { ENVTIER_CONTROLLER_ROTATION: 'true' } };
		await cluster.request('PATCH', `${configMaps}/settings`, on, merge);
		expect(await seen('rotation')).toMatch(
			/^fail: the controller .* has no ready replica: no password rotates/,
		);
		const status = { status: { replicas: 2, readyReplicas: 2 } };
		await cluster.request('PATCH', `${path}/envtier-controller/status`, status, merge);
		expect(await seen('rotation')).toMatch(
			/^ok: the controller .* rotates passwords, and has 2 of 2 replicas/,
		);

		expect(await seen('rotation-vault', {})).toMatch(/^skip: .*VAULT_ADDR and VAULT_TOKEN/);
		expect(await seen('rotation-vault')).toMatch(
			/^fail: role envtier-rotation does not exist.*setup\.sh rotation/,
		);
		await vaultSetup(bao)('rotation');
		expect(await seen('rotation-vault')).toMatch(
			/^ok: role envtier-rotation may write .* and reads no value/,
		);
		expect(await seen('rotation-due')).toMatch(/^ok: no password rotates/);
		await cluster.request('DELETE', `${path}/envtier-controller`);
	});

	test('the tiers are not looked at where the KV version is another', () =>
		misled({ ENVTIER_VAULT_KV_VERSION: '1' }, 'tiers', /^skip: not checked/));

	test('pods are told of an auth mount that is not there', () =>
		misled({ ENVTIER_VAULT_AUTH_MOUNT: 'elsewhere' }, 'vault-login', /^fail: .*"elsewhere"/));

	test('a name known inside the cluster alone: --vault-via connects elsewhere and checks the certificate as pods do', async () => {
		const { host } = new URL(fixture.bao.addr);
		const inside = `https://localhost:1`;
		await misled({ ENVTIER_VAULT_ADDR: inside }, 'tier-service', /^ok/, ['--vault-via', host]);
		await misled(
			{ ENVTIER_VAULT_ADDR: 'https://vault.vault.svc:8200' },
			'vault',
			/^fail: .*not for this name/,
			['--vault-via', host],
		);
	});
});
