import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { EXIT_CODES } from '../../contract/exit-codes.ts';
import { type SealOwner, type SealScope, sealContext, sealKey } from '../../contract/sealed.ts';
import { call } from '../support/http.ts';
import { seal } from '../support/openbao-setup.ts';
import { until } from '../support/until.ts';
import { type Account, describeWithFixture, type Fixture, fillTiers, keyOf, REVIEWER } from './support.ts';

const WEB: Account = { namespace: 'shop', name: 'web' };
const WORKER: Account = { namespace: 'shop', name: 'worker' };
const BLOG: Account = { namespace: 'blog', name: 'web' };
/** By default the API server takes tokens for its issuer alone. */
const API_AUDIENCE = 'https://kubernetes.default.svc';

/** The three ways for Vault to know that a token is genuine, each set up as docs/vault-setup.md tells. */
const WAYS = [
	{
		name: 'kubernetes auth with a reviewer',
		mount: 'kubernetes',
		reviewed: true,
		type: 'kubernetes',
		audience: 'vault',
		prepare: async (fixture: Fixture) => {
			await fixture.apply('reviewer.yaml');
			const token = await fixture.cluster.token(REVIEWER.namespace, REVIEWER.name, [], 3600);
			const reviewer = await fixture.file('reviewer-token', `${token}\n`);
			await fixture.mustSetup('auth-kubernetes', ...(await apiServer(fixture)), '--reviewer-token', reviewer);
		},
	},
	{
		name: 'kubernetes auth with the pod’s own token',
		mount: 'own',
		reviewed: true,
		type: 'kubernetes',
		audience: API_AUDIENCE,
		prepare: async (fixture: Fixture) => {
			await fixture.apply('own-token.yaml');
			await fixture.apply('own-token.yaml', { shop: 'blog' });
			await fixture.mustSetup(
				'auth-kubernetes',
				...(await apiServer(fixture)),
				'--own-token',
				'--mount',
				'own',
			);
		},
	},
	{
		name: 'jwt auth with the cluster’s public keys',
		mount: 'jwt',
		reviewed: false,
		type: 'jwt',
		audience: 'vault',
		prepare: async (fixture: Fixture) => {
			const { url, caPem } = fixture.cluster;
			const keys = { url: `${url}/openid/v1/jwks`, caPem };
			expect((await call(keys)).status).toBe(403);
			await fixture.apply('public-keys.yaml');
			await until('the keys to be public', async () => (await call(keys)).status === 200);
			const at = ['--jwks-url', `${url}/openid/v1/jwks`, '--ca', await fixture.file('ca.crt', caPem)];
			await fixture.mustSetup('auth-jwt', '--issuer', 'https://kubernetes.default.svc', ...at);
		},
	},
] as const;

async function apiServer({ cluster, file }: Fixture): Promise<readonly string[]> {
	return ['--host', cluster.url, '--ca', await file('ca.crt', cluster.caPem)];
}

await describeWithFixture('deploy/vault on a real OpenBao and a real API server', (fixture) => {
	beforeAll(async () => {
		for (const name of ['vault', 'shop', 'blog']) await fixture.cluster.createNamespace({ name });
		for (const { namespace, name } of [WEB, WORKER, BLOG])
			await fixture.cluster.createServiceAccount(namespace, name);
		await fixture.cluster.createServiceAccount('blog', 'shop');
		await fillTiers(fixture);
	});
	afterAll(() => fixture[Symbol.asyncDispose]());

	describe.each(WAYS)('$name', ({ mount, type, audience, reviewed, prepare }) => {
		const at = ['--type', type, '--mount', mount, '--audience', audience];
		/** The environment of a pod of deployment shop and service web; `more` replaces any of it. */
		const env = (more: Readonly<Record<string, string>> = {}) => ({
			ENVTIER_VAULT_AUTH_MOUNT: mount,
			ENVTIER_VAULT_ROLE: 'web',
			ENVTIER_ORG: 'acme',
			ENVTIER_DEPLOYMENT: 'shop',
			ENVTIER_SERVICE: 'web',
			ENVTIER_FORMAT: 'json',
			...more,
		});
		const fetch = (account: Account, more: Readonly<Record<string, string>> = {}) =>
			fixture.fetch(account, env(more), audience);

		beforeAll(async () => {
			await prepare(fixture);
			const grants = ['--org', 'acme', '--deployment', 'shop', '--service', 'web'];
			await fixture.mustSetup('role', 'web', '--namespace', 'shop', '--account', 'web', ...grants, ...at);
			await fixture.mustSetup(
				'role',
				'acme',
				'--namespace',
				'shop,blog',
				'--account',
				'*',
				'--org',
				'acme',
				...own('namespace'),
			);
			await fixture.mustSetup('role', 'team', '--namespace', 'blog', '--account', '*', ...own('account'));
		});
		const own = (kind: string): readonly string[] => ['--own', kind, ...at];

		test('the pod that the role is bound to reads its three tiers', async () => {
			const { code, message, files } = await fetch(WEB);
			expect([code, message]).toEqual([0, '']);
			expect(JSON.parse(files['env.json'] ?? '')).toEqual({
				PLACE: 'test of deployments/shop/services/web',
				...Object.fromEntries(
					['orgs/acme', 'deployments/shop', 'deployments/shop/services/web'].map((folder) => [
						keyOf(folder),
						`test of ${folder}`,
					]),
				),
			});
		});

		describe('says why it refuses the login of', () => {
			test.each([
				{ who: 'another service account of the namespace', account: WORKER },
				{ who: 'the same name in another namespace', account: BLOG },
			])('$who', async ({ account }) => {
				const { code, message, files } = await fetch(account);
				expect([code, files]).toEqual([EXIT_CODES['login-refused'].code, {}]);
				const who = `"${account.namespace}/${account.name}"`;
				expect(message).toContain(
					`role "web" of auth mount "${mount}" is not bound to service account ${who}`,
				);
			});

			test('a token for another audience', async () => {
				const { code, message, files } = await fixture.fetch(WEB, env(), 'elsewhere');
				expect([code, files]).toEqual([EXIT_CODES['login-refused'].code, {}]);
				expect(message).toContain('does not accept the audience "elsewhere" of the pod’s token');
			});

			test('a role that does not exist', async () => {
				const { code, message } = await fetch(WEB, { ENVTIER_VAULT_ROLE: 'nobody' });
				expect([code, message]).toEqual([
					EXIT_CODES['login-refused'].code,
					expect.stringContaining('role "nobody" of auth mount'),
				]);
			});

			test('a role that does not exist, with the command that creates it', async () => {
				const missing = { ENVTIER_VAULT_ROLE: 'missing' };
				const { message } = await fetch(WEB, missing);
				const [, command = ''] = /deploy\/vault\/setup\.sh (role missing .*?), or name/.exec(message) ?? [];
				await fixture.mustSetup(...command.split(' '));
				expect([command, (await fetch(WEB, missing)).code]).toEqual([command, 0]);
			});
		});

		test(`a token whose service account is deleted is ${reviewed ? 'refused' : 'accepted until it expires'}`, async () => {
			const gone: Account = { namespace: 'shop', name: `gone-${mount}` };
			const path = `/api/v1/namespaces/shop/serviceaccounts/${gone.name}`;
			await fixture.cluster.createServiceAccount(gone.namespace, gone.name);
			await fixture.mustSetup(
				'role',
				'gone',
				'--namespace',
				'shop',
				'--account',
				gone.name,
				'--org',
				'acme',
				...at,
			);
			const token = await fixture.cluster.token(gone.namespace, gone.name, [audience]);
			const login = () =>
				fixture.bao.request('POST', `auth/${mount}/login`, { token: '', body: { role: 'gone', jwt: token } });
			expect((await login()).status).toBe(200);
			expect((await fixture.cluster.request('DELETE', path)).status).toBe(200);
			// The API server remembers for some seconds which tokens are good.
			if (reviewed) await until('the login to be refused', async () => (await login()).status === 403);
			else expect((await login()).status).toBe(200);
		});

		describe('names the missing line of a policy to a pod that asks for', () => {
			test.each([
				{
					what: 'another deployment',
					more: { ENVTIER_DEPLOYMENT: 'blog' },
					path: 'deployments/blog/secrets',
				},
				{
					what: 'another service',
					more: { ENVTIER_SERVICE: 'api' },
					path: 'deployments/shop/services/api/secrets',
				},
				{ what: 'another organization', more: { ENVTIER_ORG: 'globex' }, path: 'orgs/globex/secrets' },
			])('$what', async ({ more, path }) => {
				const { code, message, files } = await fetch(WEB, more);
				expect([code, files]).toEqual([EXIT_CODES['read-refused'].code, {}]);
				expect(message).toContain(`path "secret/metadata/${path}/"`);
			});
		});

		describe('grants no more than that:', () => {
			const shop = 'deployments/shop/secrets';
			test.each([
				{ method: 'GET', path: `secret/data/${shop}/PLACE`, status: 200 },
				{ method: 'LIST', path: `secret/metadata/${shop}`, status: 200 },
				{ method: 'LIST', path: 'secret/metadata/deployments', status: 403 },
				{ method: 'LIST', path: 'secret/metadata/orgs', status: 403 },
				{ method: 'LIST', path: 'secret/metadata', status: 403 },
				{ method: 'LIST', path: 'secret/metadata/deployments/shop', status: 403 },
				{ method: 'LIST', path: 'secret/metadata/deployments/shop/services', status: 403 },
				{ method: 'LIST', path: 'secret/metadata/deployments/blog/secrets', status: 403 },
				{ method: 'GET', path: 'secret/data/deployments/blog/secrets/PLACE', status: 403 },
				{ method: 'GET', path: 'secret/data/deployments/shop/services/api/secrets/PLACE', status: 403 },
				{ method: 'GET', path: 'secret/data/orgs/globex/secrets/PLACE', status: 403 },
				{ method: 'LIST', path: 'secret/metadata/templates', status: 403 },
				{ method: 'LIST', path: 'secret/metadata/templates/web/secrets', status: 403 },
				{ method: 'GET', path: 'secret/data/templates/web/secrets/PLACE', status: 403 },
				{ method: 'GET', path: `secret/metadata/${shop}/PLACE`, status: 403 },
				{ method: 'GET', path: `secret/data/${shop}/PLACE/deeper`, status: 403 },
				{ method: 'POST', path: `secret/data/${shop}/PLACE`, status: 403 },
				{ method: 'POST', path: `secret/data/${shop}/NEW`, status: 403 },
				{ method: 'DELETE', path: `secret/data/${shop}/PLACE`, status: 403 },
				{ method: 'DELETE', path: `secret/metadata/${shop}/PLACE`, status: 403 },
				{ method: 'GET', path: 'auth/token/lookup-self', status: 200 },
				{ method: 'POST', path: 'auth/token/create', status: 403 },
				{ method: 'GET', path: 'sys/mounts', status: 403 },
			])('$method $path is answered with $status', async ({ method, path, status }) => {
				const token = await fixture.login(WEB, mount, 'web', audience);
				const body = method === 'POST' ? { body: { data: { value: 'x' } } } : {};
				const answer = await fixture.bao.request(method, path, { token, ...body });
				expect(answer.status).toBe(status);
			});

			test('a token gives itself back, and is gone', async () => {
				const token = await fixture.login(WEB, mount, 'web', audience);
				expect((await fixture.bao.request('POST', 'auth/token/revoke-self', { token })).status).toBe(204);
				expect((await fixture.bao.request('GET', `secret/data/${shop}/PLACE`, { token })).status).toBe(403);
			});
		});

		describe('with one policy for all namespaces', () => {
			const as = (account: Account, more: Readonly<Record<string, string>> = {}) =>
				fetch(account, { ENVTIER_VAULT_ROLE: 'acme', ...more });

			test.each([WEB, WORKER, BLOG])(
				'$namespace/$name reads its own deployment and service',
				async (account) => {
					const names = { ENVTIER_DEPLOYMENT: account.namespace, ENVTIER_SERVICE: account.name };
					const { code, message, files } = await as(account, names);
					expect([code, message]).toEqual([0, '']);
					const { PLACE } = JSON.parse(files['env.json'] ?? '');
					expect(PLACE).toBe(`test of deployments/${account.namespace}/services/${account.name}`);
				},
			);

			test.each([
				{
					what: 'another namespace’s deployment',
					more: { ENVTIER_DEPLOYMENT: 'shop', ENVTIER_SERVICE: 'web' },
					path: 'deployments/shop/secrets',
				},
				{
					what: 'a service of another account',
					more: { ENVTIER_DEPLOYMENT: 'blog', ENVTIER_SERVICE: 'worker' },
					path: 'deployments/blog/services/worker/secrets',
				},
				{
					what: 'an organization that the role does not grant',
					more: { ENVTIER_DEPLOYMENT: 'blog', ENVTIER_SERVICE: 'web', ENVTIER_ORG: 'globex' },
					path: 'orgs/globex/secrets',
				},
			])('no pod reads $what', async ({ more, path }) => {
				const { code, message, files } = await as(BLOG, more);
				expect([code, files]).toEqual([EXIT_CODES['read-refused'].code, {}]);
				expect(message).toContain(`path "secret/metadata/${path}/"`);
			});
		});

		describe('opens sealed values', () => {
			const sealed = async (value: string, scope: SealScope, place: SealOwner) => ({
				ENVTIER_SEALED_TOKEN: await seal(fixture.bao, value, scope, place),
			});
			const SHOP = { namespace: 'shop', deployment: 'shop' };
			const BLOGS = { namespace: 'blog', deployment: 'shop' };
			/** Two namespaces share a role, and a deployment's name. */
			const shared = { ENVTIER_VAULT_ROLE: 'sealed', ENVTIER_TIERS: 'deployment' };
			beforeAll(async () => {
				await fixture.mustSetup('sealing', '--namespace', 'shop,blog');
				const both = ['--namespace', 'shop,blog', '--account', '*', '--sealed', ...at];
				await fixture.mustSetup('role', 'sealed', '--deployment', 'shop', ...both);
				await fixture.mustSetup('role', 'sealed-own', '--own', 'namespace', ...both);
			});

			test.each<SealScope>(['deployment', 'namespace', 'cluster'])(
				'of scope %s, for whom they are',
				async (scope) => {
					const { code, message, files } = await fetch(WEB, {
						...shared,
						...(await sealed('mine', scope, SHOP)),
					});
					expect([code, message]).toEqual([0, '']);
					expect(JSON.parse(files['env.json'] ?? '').TOKEN).toBe('mine');
				},
			);

			test('of the deployment named like the namespace, with one policy for all namespaces', async () => {
				const own = { ENVTIER_VAULT_ROLE: 'sealed-own', ENVTIER_TIERS: 'deployment' };
				const { code, message, files } = await fetch(WEB, {
					...own,
					...(await sealed('own', 'deployment', SHOP)),
				});
				expect([code, message]).toEqual([0, '']);
				expect(JSON.parse(files['env.json'] ?? '').TOKEN).toBe('own');
			});

			test.each<SealScope>(['deployment', 'namespace'])(
				'but not in another namespace, where a copy of scope %s stays closed',
				async (scope) => {
					await sealed('its own', scope, BLOGS);
					const { code, message, files } = await fetch(BLOG, {
						...shared,
						...(await sealed('mine', scope, SHOP)),
					});
					expect([code, files]).toEqual([EXIT_CODES['not-opened'].code, {}]);
					expect(message).toContain('TOKEN does not open for');
				},
			);

			test('but not for another deployment of the namespace', async () => {
				const env = { ENVTIER_DEPLOYMENT: 'blog', ENVTIER_VAULT_ROLE: 'sealed', ENVTIER_TIERS: 'deployment' };
				await sealed('its own', 'deployment', { namespace: 'shop', deployment: 'blog' });
				const { code, message } = await fetch(WEB, { ...env, ...(await sealed('mine', 'deployment', SHOP)) });
				expect(code).toBe(EXIT_CODES['read-refused'].code);
				expect(message).toContain('deployments/blog/secrets');
			});

			test('whatever context somebody chooses who asks Vault without the fetcher', async () => {
				const { ENVTIER_SEALED_TOKEN: ciphertext } = await sealed('mine', 'deployment', SHOP);
				const context = Buffer.from(sealContext('deployment', SHOP)).toString('base64');
				const ask = async (account: Account) =>
					fixture.bao.request('POST', `transit/decrypt/${sealKey('deployment', SHOP)}`, {
						token: await fixture.login(account, mount, 'sealed', audience),
						body: { ciphertext, context },
					});
				expect((await ask(WEB)).status).toBe(200);
				expect((await ask(BLOG)).status).toBe(403);
				const path = `transit/decrypt/${sealKey('deployment', { namespace: 'shop', deployment: 'blog' })}`;
				const token = await fixture.login(WEB, mount, 'sealed', audience);
				expect(
					(await fixture.bao.request('POST', path, { token, body: { ciphertext, context } })).status,
				).toBe(403);
			});

			test('and seals none', async () => {
				const token = await fixture.login(WEB, mount, 'sealed', audience);
				const body = { plaintext: 'eA==', context: 'eA==' };
				const path = `transit/encrypt/${sealKey('deployment', SHOP)}`;
				expect((await fixture.bao.request('POST', path, { token, body })).status).toBe(403);
			});
		});

		describe('with one policy by which each account has a deployment of its own', () => {
			const SHOP: Account = { namespace: 'blog', name: 'shop' };
			const as = (account: Account, deployment: string, more: Readonly<Record<string, string>> = {}) =>
				fetch(account, {
					ENVTIER_VAULT_ROLE: 'team',
					ENVTIER_TIERS: 'deployment,service',
					ENVTIER_SERVICE: 'api',
					ENVTIER_DEPLOYMENT: deployment,
					...more,
				});

			test('a pod reads the deployment of its namespace and account, with any of its services', async () => {
				const { code, message, files } = await as(SHOP, 'blog.shop');
				expect([code, message]).toEqual([0, '']);
				expect(JSON.parse(files['env.json'] ?? '').PLACE).toBe('test of deployments/blog.shop/services/api');
			});

			test.each([
				['the deployment that bears its account’s name alone', SHOP, 'shop'],
				['the deployment that bears its namespace’s name', SHOP, 'blog'],
				['the deployment of another account of the namespace', BLOG, 'blog.shop'],
				['the deployment of the same account in another namespace', SHOP, 'shop.shop'],
			] as const)('no pod reads %s', async (_sentence, account, deployment) => {
				const { code, message, files } = await as(account, deployment);
				expect([code, files]).toEqual([EXIT_CODES['read-refused'].code, {}]);
				expect(message).toContain(`path "secret/metadata/deployments/${deployment}/secrets/"`);
			});

			test('an account with a dot in its name has a deployment that no other account has', async () => {
				const dotted: Account = { namespace: 'blog', name: 'shop.web' };
				await fixture.cluster.createServiceAccount(dotted.namespace, dotted.name).catch(() => undefined);
				expect((await as(dotted, 'blog.shop.web')).code).toBe(0);
				expect((await as(SHOP, 'blog.shop.web')).code).toBe(EXIT_CODES['read-refused'].code);
				expect((await as(dotted, 'blog.shop')).code).toBe(EXIT_CODES['read-refused'].code);
			});

			test('no account of a namespace that the role does not name logs in', async () => {
				expect((await as(WEB, 'shop.web')).code).toBe(EXIT_CODES['login-refused'].code);
			});

			test('opens what is sealed for that deployment, and nothing sealed for another account’s', async () => {
				await fixture.mustSetup('sealing', '--namespace', 'blog');
				const all = ['--namespace', 'blog', '--account', '*', '--sealed', '--replace'];
				await fixture.mustSetup('role', 'sealed-team', ...all, ...own('account'));
				const open = async (account: Account, deployment: string) => {
					const place = { namespace: 'blog', deployment: 'blog.shop' };
					const token = await fixture.login(account, mount, 'sealed-team', audience);
					const ciphertext = (await seal(fixture.bao, 'mine', 'deployment', place)).replace(
						/^.*:vault/,
						'vault',
					);
					const context = Buffer.from(sealContext('deployment', place)).toString('base64');
					const path = `transit/decrypt/${sealKey('deployment', { ...place, deployment })}`;
					return (await fixture.bao.request('POST', path, { token, body: { ciphertext, context } })).status;
				};
				expect(await open(SHOP, 'blog.shop')).toBe(200);
				expect(await open(BLOG, 'blog.shop')).toBe(403);
				expect(await open(SHOP, 'shop')).toBe(403);
			});
		});
	});

	// docs/vault-setup.md, "Who must be trusted": this is what --namespace '*' means.
	test("with --namespace '*', whoever creates a namespace gets the deployment of its name, or what begins with it", async () => {
		const made: Account = { namespace: 'web', name: 'worker' };
		await fixture.cluster.createNamespace({ name: made.namespace });
		await fixture.cluster.createServiceAccount(made.namespace, made.name);
		for (const own of ['namespace', 'account'])
			await fixture.mustSetup('role', `all-${own}`, '--namespace', '*', '--account', '*', '--own', own);
		const read = async (own: string, deployment: string) => {
			const env = {
				ENVTIER_VAULT_ROLE: `all-${own}`,
				ENVTIER_TIERS: 'deployment',
				ENVTIER_DEPLOYMENT: deployment,
			};
			return (await fixture.fetch(made, env)).code;
		};
		expect(await read('namespace', 'web')).toBe(0);
		expect(await read('namespace', 'shop')).toBe(EXIT_CODES['read-refused'].code);
		expect(await read('namespace', 'blog.shop')).toBe(EXIT_CODES['read-refused'].code);
		expect(await read('account', 'web.worker')).toBe(0);
		for (const other of ['web', 'worker', 'shop', 'blog.shop'])
			expect([other, await read('account', other)]).toEqual([other, EXIT_CODES['read-refused'].code]);
	});

	test('a pod whose account may not ask for a review cannot log in with its own token', async () => {
		const lone: Account = { namespace: await fixture.cluster.createNamespace(), name: 'default' };
		const at = ['--mount', 'own', '--audience', API_AUDIENCE, '--deployment', 'shop'];
		await fixture.mustSetup('role', 'lone', '--namespace', lone.namespace, '--account', 'default', ...at);
		const env = { ENVTIER_VAULT_AUTH_MOUNT: 'own', ENVTIER_VAULT_ROLE: 'lone', ENVTIER_DEPLOYMENT: 'shop' };
		const { code, message } = await fixture.fetch(lone, env, API_AUDIENCE);
		expect([code, message]).toEqual([
			EXIT_CODES['login-refused'].code,
			expect.stringContaining('could not have the token reviewed'),
		]);
	});

	test('a token for Vault alone cannot be reviewed by itself: that way needs the API server’s audience', async () => {
		const at = ['--mount', 'own', '--audience', 'vault', '--deployment', 'shop'];
		await fixture.mustSetup('role', 'narrow', '--namespace', 'shop', '--account', 'web', ...at);
		const env = { ENVTIER_VAULT_AUTH_MOUNT: 'own', ENVTIER_VAULT_ROLE: 'narrow', ENVTIER_DEPLOYMENT: 'shop' };
		const { code, message } = await fixture.fetch(WEB, env, 'vault');
		expect([code, message]).toEqual([
			EXIT_CODES['login-refused'].code,
			expect.stringContaining('could not have the token reviewed'),
		]);
	});
});
