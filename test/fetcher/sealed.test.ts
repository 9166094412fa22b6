import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import type { SealScope } from '../../contract/sealed.ts';
import type { OpenBao } from '../support/openbao.ts';
import { auditRequests, must, putSecret, removeSecret, seal } from '../support/openbao-setup.ts';
import { type Backend, startEmbedded, startReal, vaultEnv } from './support/backends.ts';
import { buildFetcher, makePod, type Pod, type Run, runFetcher } from './support/fetcher.ts';

/** Where the tests' pods are: service account shop/web, deployment shop. */
const HERE = { namespace: 'shop', deployment: 'shop' };
const SECRET = 'deployments/shop/services/web/secrets';

let fetcher: string;
beforeAll(async () => {
	fetcher = await buildFetcher();
});

describe.each([
	{ name: 'OpenBao', start: startReal },
	{ name: 'the embedded Vault', start: startEmbedded },
])('sealed values on $name', ({ name, start }) => {
	let vault: Backend;
	let pod: Pod;
	beforeAll(async () => {
		vault = await start();
	});
	afterAll(() => vault[Symbol.asyncDispose]());
	beforeEach(async () => {
		pod = await makePod(vault.jwt());
	});
	afterEach(() => pod.scratch.remove());

	const fetch = (env: Readonly<Record<string, string>>): Promise<Run> =>
		runFetcher(fetcher, pod, { ...vaultEnv(vault), ENVTIER_FORMAT: 'json', ...env });
	const written = (): unknown => JSON.parse(pod.files()['env.json'] ?? '{}');

	test('open in the scopes that they were sealed for, beside the tiers and over them', async () => {
		await putSecret(vault, `${SECRET}/OVER`, 'of the service');
		await putSecret(vault, `${SECRET}/PLAIN`, 'plain');
		const { code, message, last } = await fetch({
			ENVTIER_SEALED_OVER: await seal(vault, 'sealed é\n', 'deployment', HERE),
			ENVTIER_SEALED_WIDE: await seal(vault, 'of the namespace', 'namespace', HERE),
			ENVTIER_SEALED_WIDEST: await seal(vault, 'of the cluster', 'cluster', HERE),
			ENVTIER_REQUIRE: 'OVER,WIDE',
			ENVTIER_COMPOSE_ALL: '${PLAIN}:${OVER:url}',
		});
		expect([code, message]).toEqual([0, '']);
		expect(written()).toEqual({
			ALL: 'plain:sealed%20%C3%A9%0A',
			OVER: 'sealed é\n',
			PLAIN: 'plain',
			WIDE: 'of the namespace',
			WIDEST: 'of the cluster',
		});
		expect(last?.['keys']).toEqual({
			composed: ['ALL'],
			sealed: ['OVER', 'WIDE', 'WIDEST'],
			service: ['PLAIN'],
		});
		for (const key of ['OVER', 'PLAIN']) await removeSecret(vault, `${SECRET}/${key}`);
	});

	test('of one scope take one request, however many they are', async () => {
		const values = await Promise.all(
			['A', 'B', 'C', 'D'].map(async (key) => [
				`ENVTIER_SEALED_${key}`,
				await seal(vault, key, 'deployment', HERE),
			]),
		);
		const { code, last } = await fetch(Object.fromEntries(values));
		expect(code).toBe(0);
		expect(written()).toEqual({ A: 'A', B: 'B', C: 'C', D: 'D' });
		// Login, three lists, one decryption, revocation. All tiers are empty, so also the mount and the path of
		// each tier.
		expect(last?.['requests']).toBe(6 + 1 + 3);
	});

	test.each<{ what: string; scope: SealScope; from: typeof HERE; message: RegExp }>([
		{
			what: 'another deployment of the namespace',
			scope: 'deployment',
			from: { namespace: 'shop', deployment: 'blog' },
			message: /COPIED does not open for deployment "shop" of namespace "shop": it was sealed for another/,
		},
		{
			what: 'the same deployment in another namespace',
			scope: 'deployment',
			from: { namespace: 'blog', deployment: 'shop' },
			message: /COPIED does not open for deployment "shop" of namespace "shop": it was sealed for another/,
		},
		{
			what: 'another namespace',
			scope: 'namespace',
			from: { namespace: 'blog', deployment: 'shop' },
			message: /COPIED does not open for namespace "shop": it was sealed for another/,
		},
	])(
		'copied from $what do not open, and the message says which and why',
		async ({ scope, from, message }) => {
			// Both keys are there, so that it is not for want of one.
			const own = await seal(vault, 'own', scope, HERE);
			const copied = await seal(vault, 'stolen', scope, from);
			const run = await fetch({ ENVTIER_SEALED_OWN: own, ENVTIER_SEALED_COPIED: copied });
			expect(run.code).toBe(30);
			expect(run.message).toMatch(message);
			expect(run.message).not.toContain('OWN');
			expect(run.message).toContain('seal the value again with "envtier seal"');
			expect(`${run.stdout}${run.message}`).not.toContain('stolen');
			expect(pod.files()).toEqual({});
		},
	);

	test('of another scope than they say do not open', async () => {
		await seal(vault, 'x', 'namespace', HERE);
		const narrow = await seal(vault, 'x', 'deployment', HERE);
		const { code, message } = await fetch({ ENVTIER_SEALED_KEY: `namespace:${narrow}` });
		expect(code).toBe(30);
		expect(message).toContain('KEY does not open for namespace "shop": it was sealed for another');
	});

	test('that were altered do not open', async () => {
		const sealed = await seal(vault, 'value', 'deployment', HERE);
		const at = sealed.length - 8;
		const altered = `${sealed.slice(0, at)}${sealed[at] === 'A' ? 'B' : 'A'}${sealed.slice(at + 1)}`;
		const { code, message } = await fetch({ ENVTIER_SEALED_KEY: altered });
		expect(code).toBe(30);
		expect(message).toContain('KEY does not open for deployment "shop"');
		const newer = await fetch({ ENVTIER_SEALED_KEY: sealed.replace('vault:v1:', 'vault:v7:') });
		expect(newer.code).toBe(30);
		expect(newer.message).toContain(
			'KEY was sealed for deployment "shop" of namespace "shop" with a version of the key',
		);
	});

	test('a policy that does not open them: the message has the line to add, and it is the one', async () => {
		const sealed = await seal(vault, 'value', 'deployment', HERE);
		const env = { ENVTIER_SEALED_KEY: sealed, ENVTIER_VAULT_ROLE: 'stranger', ENVTIER_TIERS: 'org' };
		const { code, message } = await fetch(env);
		expect(code).toBe(22);
		const line = 'path "transit/decrypt/envtier-deployment_shop_shop" { capabilities = ["update"] }';
		expect(message).toContain('to open KEY (sealed for deployment "shop" of namespace "shop")');
		expect(message).toContain(line);
		expect(pod.files()).toEqual({});
		if (name !== 'OpenBao') return;
		const policy = `${line}\npath "secret/metadata/orgs/acme/secrets/" { capabilities = ["list"] }`;
		await must(vault, 'PUT', 'sys/policies/acl/pupil', { body: { policy } });
		expect((await fetch({ ...env, ENVTIER_VAULT_ROLE: 'pupil' })).code).toBe(0);
	});

	test('a missing transit key is reported', async () => {
		const sealed = await seal(vault, 'value', 'deployment', HERE);
		const { code, message } = await fetch({
			ENVTIER_SEALED_KEY: sealed,
			ENVTIER_DEPLOYMENT: 'empty',
			ENVTIER_VAULT_ROLE: 'wide',
		});
		expect(code).toBe(30);
		expect(message).toContain(
			'nothing was ever sealed for deployment "empty" of namespace "shop" in this Vault (no key "envtier-deployment_shop_empty" in "transit"), so KEY cannot be opened',
		);
	});

	test('that hold no text cannot be handed over', async () => {
		const bytes = await seal(vault, Buffer.from([0xff, 0xfe]), 'deployment', HERE);
		const empty = await seal(vault, '', 'deployment', HERE);
		const { code, message } = await fetch({ ENVTIER_SEALED_BYTES: bytes, ENVTIER_SEALED_EMPTY: empty });
		expect(code).toBe(27);
		expect(message).toContain(
			'BYTES (sealed) is not UTF-8 text and EMPTY (sealed) is empty: give it a value, or set',
		);
	});

	test('that are empty are skipped, or kept, where the pod says so', async () => {
		const empty = await seal(vault, '', 'deployment', HERE);
		const env = { ENVTIER_SEALED_EMPTY: empty, ENVTIER_FORMAT: 'shell' };
		expect((await fetch({ ...env, ENVTIER_EMPTY: 'keep' })).code).toBe(0);
		expect(pod.files()['env']).toContain("export EMPTY=''\n");
		expect((await fetch({ ...env, ENVTIER_EMPTY: 'skip' })).code).toBe(0);
		expect(pod.files()['env']).not.toContain('EMPTY');
		expect((await fetch({ ...env, ENVTIER_EMPTY: 'skip', ENVTIER_REQUIRE: 'EMPTY' })).code).toBe(23);
	});

	test('a transit engine that is not there is not taken for a missing key', async () => {
		const sealed = await seal(vault, 'value', 'deployment', HERE);
		const { code } = await fetch({ ENVTIER_SEALED_KEY: sealed, ENVTIER_VAULT_TRANSIT_MOUNT: 'nowhere' });
		expect(code).toBe(22);
	});

	test('text that is not a sealed value is a wrong setting, and is not repeated', async () => {
		const { code, message } = await fetch({ ENVTIER_SEALED_KEY: 'hunter2' });
		expect(code).toBe(20);
		expect(message).toContain('ENVTIER_SEALED_KEY must be what "envtier seal" prints');
		expect(message).not.toContain('hunter2');
	});
});

test('a fetch without sealed values asks the transit engine nothing', async () => {
	await using vault = await startReal();
	const pod = await makePod(vault.jwt());
	const since = await auditRequests(vault as Backend & OpenBao);
	expect((await runFetcher(fetcher, pod, vaultEnv(vault))).code).toBe(0);
	const paths = (await since()).map(({ path }) => path);
	expect(paths).toContain('auth/jwt/login');
	expect(paths.filter((path) => path.startsWith('transit'))).toEqual([]);
	await pod.scratch.remove();
});
