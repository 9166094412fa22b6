import { readFileSync } from 'node:fs';
import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import type { PolicyPaths } from '../support/openbao-setup.ts';
import {
	deleteSecret,
	destroySecret,
	enableAuth,
	must,
	putFields,
	putSecret,
	removeSecret,
	writeRole,
} from '../support/openbao-setup.ts';
import { type Backend, startEmbedded, startReal, vaultEnv } from './support/backends.ts';
import {
	buildFetcher,
	filesBelow,
	makePod,
	type Pod,
	type Run,
	runFetcher,
	startFetcher,
} from './support/fetcher.ts';

const ORG = 'orgs/acme/secrets';
const DEPLOYMENT = 'deployments/shop/secrets';
const SERVICE = 'deployments/shop/services/web/secrets';

let fetcher: string;
beforeAll(async () => {
	fetcher = await buildFetcher();
});

describe.each([
	{ name: 'OpenBao', real: true, start: startReal },
	{ name: 'the embedded Vault', real: false, start: startEmbedded },
])('on $name', ({ start, real }) => {
	/** Of what the embedded Vault does not have. */
	const testOnReal: (name: string, body: () => Promise<void>) => void = real ? test : () => undefined;
	let vault: Backend;
	let pod: Pod;
	const made: [path: string, place: PolicyPaths][] = [];

	beforeAll(async () => {
		vault = await start();
	});
	afterAll(() => vault[Symbol.asyncDispose]());
	beforeEach(async () => {
		pod = await makePod(vault.jwt());
	});
	afterEach(async () => {
		await pod.scratch.remove();
		for (const [path, place] of made.splice(0)) await removeSecret(vault, path, place);
	});

	const put = async (path: string, value: string, place: PolicyPaths = {}): Promise<void> => {
		await putSecret(vault, path, value, place);
		made.push([path, place]);
	};
	const putEmpty = async (path: string): Promise<void> => {
		await put(path, 'to be replaced');
		await putFields(vault, path, { value: '' });
	};
	const fetch = (env: Readonly<Record<string, string>> = {}): Promise<Run> =>
		runFetcher(fetcher, pod, { ...vaultEnv(vault), ...env });

	test('the service overrides the deployment, and that the organization, key by key', async () => {
		for (const [i, folder] of [ORG, DEPLOYMENT, SERVICE].entries()) {
			for (const key of ['ALL', ...['O', 'D', 'S'].slice(0, i + 1).map((tier) => `FROM_${tier}`)])
				await put(`${folder}/${key}`, `${key} of ${folder}`);
			await put(`${folder}/ONLY_${i}`, `only ${folder}`);
		}
		const { code, last } = await fetch();
		expect(code).toBe(0);
		expect(pod.files()).toEqual({
			env: [
				`export ALL='ALL of ${SERVICE}'`,
				`export FROM_D='FROM_D of ${SERVICE}'`,
				`export FROM_O='FROM_O of ${SERVICE}'`,
				`export FROM_S='FROM_S of ${SERVICE}'`,
				`export ONLY_0='only ${ORG}'`,
				`export ONLY_1='only ${DEPLOYMENT}'`,
				`export ONLY_2='only ${SERVICE}'`,
				'',
			].join('\n'),
		});
		expect(last?.['keys']).toEqual({
			org: ['ONLY_0'],
			deployment: ['ONLY_1'],
			service: ['ALL', 'FROM_D', 'FROM_O', 'FROM_S', 'ONLY_2'],
		});
	});

	test('a deleted, destroyed or removed secret lets the tier below show through', async () => {
		for (const key of ['DELETED', 'DESTROYED', 'REMOVED']) {
			await put(`${ORG}/${key}`, 'below');
			await put(`${SERVICE}/${key}`, 'above');
		}
		await put(`${SERVICE}/GONE`, 'nothing below');
		await put(`${SERVICE}/REVIVED`, 'first');
		await deleteSecret(vault, `${SERVICE}/DELETED`);
		await destroySecret(vault, `${SERVICE}/DESTROYED`, [1]);
		await must(vault, 'DELETE', `secret/metadata/${SERVICE}/REMOVED`);
		await deleteSecret(vault, `${SERVICE}/GONE`);
		await deleteSecret(vault, `${SERVICE}/REVIVED`);
		await put(`${SERVICE}/REVIVED`, 'second');
		const { code } = await fetch({ ENVTIER_FORMAT: 'json' });
		expect(code).toBe(0);
		expect(JSON.parse(pod.files()['env.json'] ?? '')).toEqual({
			DELETED: 'below',
			DESTROYED: 'below',
			REMOVED: 'below',
			REVIVED: 'second',
		});
	});

	test('all formats and the kubelet’s file hold the same, each in its way', async () => {
		await put(`${ORG}/QUOTE`, 'it\'s "5" $HOME\nnext');
		await put(`${ORG}/PLAIN`, 'plain');
		const { code, last, stdout } = await fetch({
			ENVTIER_FORMAT: 'files,json,shell,dotenv',
			ENVTIER_ENV_KEYS: 'PLAIN',
		});
		expect(code).toBe(0);
		const files = Object.entries(pod.files()).filter(([path]) => !path.startsWith('..envtier-'));
		expect(Object.fromEntries(files)).toEqual({
			env: `export PLAIN='plain'\nexport QUOTE='it'\\''s "5" $HOME\nnext'\n`,
			'.env': `PLAIN=plain\nQUOTE=\`it's "5" $HOME\nnext\`\n`,
			'env.json': `{\n  "PLAIN": "plain",\n  "QUOTE": "it's \\"5\\" $HOME\\nnext"\n}\n`,
			'files/PLAIN': 'plain',
			'files/QUOTE': 'it\'s "5" $HOME\nnext',
			'native.env': "PLAIN='plain'\n",
		});
		expect(stdout).toContain(
			'QUOTE: dotenv before 16 and python-dotenv read other values out of the .env file',
		);
		expect(last?.['files']).toEqual(
			['env', '.env', 'env.json', 'files', 'native.env'].map((path) => `${pod.out}/${path}`),
		);
	});

	test('with format "none" only the kubelet’s file is written', async () => {
		await put(`${ORG}/A`, '1');
		await put(`${ORG}/B`, '2');
		const { code } = await fetch({ ENVTIER_FORMAT: 'none', ENVTIER_ENV_KEYS: 'B' });
		expect(code).toBe(0);
		expect(pod.files()).toEqual({ 'native.env': "B='2'\n" });
	});

	test('with format "none" only the keys of native variables are read, and what others hold does not matter', async () => {
		await put(`${ORG}/NAMED`, '1');
		// A file for shells could not hold it, and a program would run its code.
		await put(`${ORG}/LD_PRELOAD`, '/tmp/x.so');
		await put(`${ORG}/NUL`, 'a\0b');
		const { code, last } = await fetch({ ENVTIER_FORMAT: 'none', ENVTIER_ENV_KEYS: 'NAMED' });
		expect(code).toBe(0);
		expect(pod.files()).toEqual({ 'native.env': "NAMED='1'\n" });
		expect(last?.['keys']).toEqual({ org: ['NAMED'] });
	});

	test('no secret at all is an empty file and a warning', async () => {
		const { code, log } = await fetch();
		expect(code).toBe(0);
		expect(pod.files()).toEqual({ env: '' });
		expect(log.map(({ level, msg }) => [level, msg])).toEqual([
			[
				40,
				'the deployment tier of "shop" and the service tier of "web" are empty: are envtier.dev/deployment and envtier.dev/service right?',
			],
			[40, 'none of the tiers holds a secret'],
			[30, 'secrets written'],
		]);
	});

	test('without a service two tiers are read, and ENVTIER_TIERS reads fewer', async () => {
		await put(`${ORG}/KEY`, 'org');
		await put(`${DEPLOYMENT}/KEY`, 'deployment');
		await put(`${SERVICE}/KEY`, 'service');
		expect((await fetch({ ENVTIER_SERVICE: '' })).code).toBe(0);
		expect(pod.files()['env']).toBe("export KEY='deployment'\n");
		expect((await fetch({ ENVTIER_TIERS: 'org' })).code).toBe(0);
		expect(pod.files()['env']).toBe("export KEY='org'\n");
	});

	test('a name that can be no variable is left out with a warning that names it and its tier', async () => {
		await put(`${ORG}/GOOD`, 'yes');
		await put(`${SERVICE}/my.secret`, 'no');
		await put(`${SERVICE}/8TH`, 'no');
		await put(`${SERVICE}/folder/INNER`, 'no');
		const { code, log } = await fetch();
		expect(code).toBe(0);
		expect(pod.files()).toEqual({ env: "export GOOD='yes'\n" });
		expect(log[0]).toMatchObject({ level: 40, tier: 'service' });
		expect(log[0]?.msg).toContain('"8TH" and "my.secret" of the service tier');
	});

	test('a key that must exist and does not is named, and nothing is written', async () => {
		await put(`${ORG}/HERE`, 'yes');
		const { code, message } = await fetch({
			ENVTIER_REQUIRE: 'HERE,MISSING,GONE',
			ENVTIER_ENV_KEYS: 'NATIVE',
		});
		expect(code).toBe(23);
		expect(message).toContain(
			'(org, deployment, service) has MISSING and GONE (asked for by envtier.dev/require)',
		);
		expect(message).toContain('NATIVE (asked for by envtier.dev/env)');
		expect(pod.files()).toEqual({});
	});

	test('each directory gets its own part, and nothing else is read', async () => {
		await put(`${ORG}/APP`, 'app');
		await put(`${ORG}/DB_HOST`, 'db');
		await put(`${SERVICE}/DB_PASS`, 'pass');
		await putFields(vault, `${ORG}/UNUSABLE`, { other: 'no value, and nobody wants it' });
		made.push([`${ORG}/UNUSABLE`, {}]);
		const second = `${pod.out}/../second`;
		await mkdir(second);
		const { code, message, last } = await fetch({
			ENVTIER_KEYS: 'URL,APP_NAME=APP',
			ENVTIER_OUT_2: second,
			ENVTIER_PREFIX_2: 'PG=DB_',
			ENVTIER_FORMAT: 'json,shell',
			ENVTIER_ENV_KEYS: 'APP',
			ENVTIER_COMPOSE_URL: 'postgres://${DB_PASS}@db',
		});
		expect([code, message]).toEqual([0, '']);
		const json = (text = ''): unknown => JSON.parse(text);
		expect(json(pod.files()['env.json'])).toEqual({ APP_NAME: 'app', URL: 'postgres://pass@db' });
		expect(pod.files()['native.env']).toBe("APP='app'\n");
		expect(filesBelow(second)['env']).toBe("export PGHOST='db'\nexport PGPASS='pass'\n");
		// Login, three lists, three keys, the path of the empty tier, revocation.
		expect(last?.['requests']).toBe(9);
		expect(last?.['files']).toEqual([
			...['env', 'env.json', 'native.env'].map((path) => `${pod.out}/${path}`),
			...['env', 'env.json', 'native.env'].map((path) => join(second, path)),
		]);
	});

	test('a part that is not there is an error that names it, as are two keys of one name', async () => {
		await put(`${ORG}/A_X`, '1');
		await put(`${ORG}/B_X`, '2');
		const missing = await fetch({ ENVTIER_KEYS: 'A_X,NOWHERE', ENVTIER_PREFIX: 'NO_' });
		expect(missing.code).toBe(23);
		expect(missing.message).toContain(
			'has NOWHERE (asked for by envtier.dev/keys) and a key that begins with NO_ (asked for by envtier.dev/prefix)',
		);
		const clash = await fetch({ ENVTIER_PREFIX: '=A_,=B_' });
		expect(clash.code).toBe(27);
		expect(clash.message).toContain('A_X and B_X would both be X');
		expect(pod.files()).toEqual({});
	});

	test('composed values come from the merged secrets, encoded for their place', async () => {
		await put(`${ORG}/DB_PASSWORD`, 'of the organization');
		await put(`${SERVICE}/DB_PASSWORD`, "p@ss/w:rd '$HOME'");
		await put(`${DEPLOYMENT}/DB_USER`, 'shop');
		await put(`${DEPLOYMENT}/OPTIONS`, 'sslmode=require');
		const { code, last } = await fetch({
			ENVTIER_FORMAT: 'json',
			ENVTIER_REQUIRE: 'DATABASE_URL',
			ENVTIER_COMPOSE_DATABASE_URL: 'postgres://${DB_USER:url}:${DB_PASSWORD:url}@db/shop?${OPTIONS}',
			ENVTIER_COMPOSE_OPTIONS: '${OPTIONS}&price=$$5',
		});
		expect(code).toBe(0);
		expect(JSON.parse(pod.files()['env.json'] ?? '')).toEqual({
			DATABASE_URL: 'postgres://shop:p%40ss%2Fw%3Ard%20%27%24HOME%27@db/shop?sslmode=require&price=$5',
			DB_PASSWORD: "p@ss/w:rd '$HOME'",
			DB_USER: 'shop',
			OPTIONS: 'sslmode=require&price=$5',
		});
		expect(last?.['keys']).toEqual({
			composed: ['DATABASE_URL', 'OPTIONS'],
			service: ['DB_PASSWORD'],
			deployment: ['DB_USER'],
		});
	});

	test('a composed value whose parts are missing: all of them are named, and nothing is written', async () => {
		await put(`${ORG}/HERE`, 'yes');
		const { code, message } = await fetch({
			ENVTIER_REQUIRE: 'MISSING',
			ENVTIER_COMPOSE_URL: '${ONE}${HERE}${TWO:url}',
			ENVTIER_COMPOSE_TOP: '${URL}${THREE}',
			ENVTIER_COMPOSE_SELF: '${SELF}',
		});
		expect(code).toBe(23);
		expect(message).toContain('has ONE and TWO (asked for by envtier.dev/compose.URL)');
		expect(message).toContain('THREE (asked for by envtier.dev/compose.TOP)');
		expect(message).toContain('SELF (asked for by envtier.dev/compose.SELF)');
		expect(message).toContain('MISSING (asked for by envtier.dev/require)');
		expect(pod.files()).toEqual({});
	});

	test('a composed value that a format cannot hold is named as such; a template that is none, by its place', async () => {
		await put(`${ORG}/NUL`, 'NUL \0 inside');
		const unfit = await fetch({ ENVTIER_FORMAT: 'shell', ENVTIER_COMPOSE_OUT: 'x${NUL}' });
		expect(unfit.code).toBe(27);
		expect(unfit.message).toContain('OUT (composed) holds a NUL byte');
		const broken = await fetch({ ENVTIER_COMPOSE_OUT: 'sensitive $' });
		expect(broken.code).toBe(20);
		expect(broken.message).toContain('ENVTIER_COMPOSE_OUT must be a template');
		expect(broken.message).toContain('the "$" at character 11 begins none of them');
		expect(broken.message).not.toContain('sensitive');
	});

	test.each([
		{ fields: { other: 'x' }, why: 'has no field "value", but the field "other"' },
		{ fields: { user: 'x', password: 'y' }, why: 'has no field "value", but the fields ' },
		{ fields: { value: '' }, why: 'has an empty field "value"' },
		{ fields: { value: 5432 }, why: 'has no text in the field "value" but a number' },
		{ fields: { value: true }, why: 'has no text in the field "value" but a boolean' },
		{ fields: { value: { a: 1 } }, why: 'has no text in the field "value" but an object' },
		{ fields: { value: ['a'] }, why: 'has no text in the field "value" but a list' },
		{ fields: { value: null }, why: 'has no field "value"' },
	])('a secret of $fields is refused, naming tier and key', async ({ fields, why }) => {
		await put(`${ORG}/ODD`, 'below');
		await put(`${SERVICE}/ODD`, 'to be replaced');
		await putFields(vault, `${SERVICE}/ODD`, fields);
		const { code, message } = await fetch();
		expect(code).toBe(27);
		expect(message).toContain(`ODD of the service tier ${why}`);
		if (why !== 'has an empty field "value"')
			expect(message).toContain(
				`What to do: store it again: vault kv put -mount=secret ${SERVICE}/ODD value=…`,
			);
		expect(pod.files()).toEqual({});
	});

	test('a variable by which programs run code ends the fetch, unless the pod allows it', async () => {
		await put(`${SERVICE}/NODE_OPTIONS`, '--require /tmp/evil.js');
		await put(`${ORG}/LD_PRELOAD`, '/tmp/evil.so');
		const refused = await fetch({ ENVTIER_FORMAT: 'shell,json', ENVTIER_COMPOSE_PS4: '${LD_PRELOAD}' });
		expect(refused.code).toBe(31);
		for (const [key, where, effect] of [
			['LD_PRELOAD', 'of the org tier', 'makes the dynamic loader load other libraries'],
			['NODE_OPTIONS', 'of the service tier', 'makes Node.js load modules or take options'],
			['PS4', '(composed)', 'makes shells run commands'],
		])
			expect(refused.message).toContain(`${key} ${where} ${effect}`);
		expect(refused.message).toContain('name the variable in envtier.dev/allow');
		expect(refused.stdout + refused.message).not.toContain('evil');
		expect(pod.files()).toEqual({});
		const one = await fetch({ ENVTIER_ALLOW: 'NODE_OPTIONS' });
		expect(one.code).toBe(31);
		expect(one.message).not.toContain('NODE_OPTIONS of');
		const both = await fetch({ ENVTIER_ALLOW: 'NODE_OPTIONS,LD_PRELOAD' });
		expect(both.code).toBe(0);
		expect(pod.files()).toEqual({
			env: "export LD_PRELOAD='/tmp/evil.so'\nexport NODE_OPTIONS='--require /tmp/evil.js'\n",
		});
		expect((await fetch({ ENVTIER_FORMAT: 'json,files' })).code).toBe(0);
	});

	test('a prefix that makes such a variable is told of with the key that it comes from', async () => {
		await put(`${SERVICE}/APP_PATH`, '/tmp');
		const { code, message } = await fetch({ ENVTIER_PREFIX: '=APP_' });
		expect(code).toBe(31);
		expect(message).toContain(
			'APP_PATH of the service tier becomes PATH, which says where programs are searched for',
		);
	});

	test('an empty value is refused with a sentence that names the annotation, skipped, or kept', async () => {
		await put(`${ORG}/OVERRIDDEN`, 'below');
		await putEmpty(`${SERVICE}/OVERRIDDEN`);
		await putEmpty(`${DEPLOYMENT}/ALONE`);
		const refused = await fetch();
		expect(refused.code).toBe(27);
		expect(refused.message).toBe(
			'secret-unusable: ALONE of the deployment tier has an empty field "value" and OVERRIDDEN of the service tier has an empty field "value". What to do: give it a value, or set envtier.dev/empty to "skip" or "keep"',
		);
		expect(pod.files()).toEqual({});
		const skipped = await fetch({ ENVTIER_EMPTY: 'skip' });
		expect(skipped.code).toBe(0);
		expect(pod.files()).toEqual({ env: "export OVERRIDDEN='below'\n" });
		expect(skipped.stdout).toContain(
			'empty values skipped: ALONE of the deployment tier and OVERRIDDEN of the service tier',
		);
		const formats = 'shell,dotenv,json,files';
		const kept = await fetch({ ENVTIER_EMPTY: 'keep', ENVTIER_REQUIRE: 'ALONE', ENVTIER_FORMAT: formats });
		expect(kept.code).toBe(0);
		const files = Object.entries(pod.files()).filter(([path]) => !path.startsWith('..envtier-'));
		expect(Object.fromEntries(files)).toEqual({
			env: "export ALONE=''\nexport OVERRIDDEN=''\n",
			'.env': "ALONE=''\nOVERRIDDEN=''\n",
			'env.json': '{\n  "ALONE": "",\n  "OVERRIDDEN": ""\n}\n',
			'files/ALONE': '',
			'files/OVERRIDDEN': '',
		});
	});

	test('an empty value that is skipped counts as missing for require, env and templates', async () => {
		await putEmpty(`${ORG}/ALONE`);
		const { code, message } = await fetch({
			ENVTIER_EMPTY: 'skip',
			ENVTIER_REQUIRE: 'ALONE',
			ENVTIER_ENV_KEYS: 'ALONE',
			ENVTIER_COMPOSE_URL: 'x${ALONE}',
		});
		expect(code).toBe(23);
		for (const by of ['require', 'env', 'compose.URL'])
			expect(message).toContain(`ALONE (asked for by envtier.dev/${by})`);
	});

	test('an empty value that is kept cannot be a native variable: the kubelet takes it for missing', async () => {
		await putEmpty(`${ORG}/ALONE`);
		const { code, message } = await fetch({
			ENVTIER_EMPTY: 'keep',
			ENVTIER_ENV_KEYS: 'ALONE',
			ENVTIER_FORMAT: 'none',
		});
		expect(code).toBe(27);
		expect(message).toContain('ALONE of the org tier is empty, which the kubelet takes for missing');
	});

	test('every secret that cannot be handed over is named at once', async () => {
		for (const key of ['ONE', 'TWO']) await put(`${ORG}/${key}`, 'NUL \0 inside');
		await put(`${ORG}/UID`, '5');
		const { code, message } = await fetch({ ENVTIER_FORMAT: 'shell,dotenv' });
		expect(code).toBe(27);
		expect(message).toContain(
			'ONE of the org tier holds a NUL byte, which no environment variable can (format shell)',
		);
		expect(message).toContain(
			'TWO of the org tier holds a NUL byte, which no environment variable can (format dotenv)',
		);
		expect(message).toContain('UID of the org tier is a variable that shells keep for themselves');
	});

	test('a success tells the revision, which changes with a version of a key that is read, and only then', async () => {
		const revisionOf = async (env: Readonly<Record<string, string>> = {}): Promise<string> => {
			const { code, revision } = await fetch(env);
			expect([code, revision]).toEqual([0, expect.stringMatching(/^v1:[0-9a-f]{32}$/)]);
			return revision ?? '';
		};
		await put(`${ORG}/READ`, 'x');
		await put(`${ORG}/OTHER`, 'x');
		const one = { ENVTIER_KEYS: 'READ' };
		const native = { ENVTIER_FORMAT: 'none', ENVTIER_ENV_KEYS: 'READ' };
		const first = await revisionOf(one);
		expect(await revisionOf(native)).toBe(first);
		expect(await revisionOf()).not.toBe(first);
		await putSecret(vault, `${ORG}/OTHER`, 'y', {});
		expect([await revisionOf(one), await revisionOf(native)]).toEqual([first, first]);
		// An equal value is a version of its own.
		await putSecret(vault, `${ORG}/READ`, 'x', {});
		const second = await revisionOf(one);
		expect(second).not.toBe(first);
		// Another tier with the same key.
		await put(`${DEPLOYMENT}/READ`, 'x');
		expect(new Set([first, second, await revisionOf(one)]).size).toBe(3);
	});

	test('KV version 1', async () => {
		await must(vault, 'POST', `legacy/${ORG}/KEY`, { body: { value: 'old engine' } });
		await must(vault, 'POST', `legacy/${SERVICE}/EMPTY`, { body: { value: '' } });
		const env = { ENVTIER_VAULT_KV_MOUNT: 'legacy', ENVTIER_VAULT_KV_VERSION: '1' };
		expect((await fetch(env)).code).toBe(27);
		await must(vault, 'DELETE', `legacy/${SERVICE}/EMPTY`);
		// It has no versions, so there is no revision.
		expect(await fetch(env)).toMatchObject({ code: 0, revision: undefined });
		expect(pod.files()).toEqual({ env: "export KEY='old engine'\n" });
	});

	test('a Vault namespace', async () => {
		await put(`${ORG}/KEY`, 'of the root');
		await put(`${ORG}/KEY`, 'of the team', { namespace: 'team' });
		expect((await fetch({ ENVTIER_VAULT_NAMESPACE: 'team/' })).code).toBe(0);
		expect(pod.files()).toEqual({ env: "export KEY='of the team'\n" });
	});

	test('the kubernetes auth method takes the same login', async () => {
		await put(`${ORG}/KEY`, 'x');
		const { code, message } = await fetch({ ENVTIER_VAULT_AUTH_MOUNT: 'kubernetes' });
		if (real) {
			// It asks an API server for a TokenReview, and there is none here; the cluster tests have one.
			expect(code).toBe(21);
			expect(message).toMatch(
				/^login-refused: Vault does not say why.* Vault could not have the token reviewed/,
			);
		} else {
			expect(code).toBe(0);
			expect(pod.files()).toEqual({ env: "export KEY='x'\n" });
		}
	});

	test.each([
		{
			what: 'a role that does not exist',
			env: { ENVTIER_VAULT_ROLE: 'nobody' },
			claims: {},
			message: /role "nobody" of auth mount "\w+" does not exist/,
		},
		{
			what: 'a role of another service account',
			env: { ENVTIER_VAULT_ROLE: 'other' },
			claims: {},
			message: /role "other" of auth mount "\w+" is not bound to service account "shop\/web" .*to do: add it/,
		},
		{
			what: 'another audience',
			env: {},
			claims: { aud: ['kubernetes'] },
			message:
				/does not accept the audience "kubernetes" of the pod’s token .*to do: make the role’s audience and .*ENVTIER_TOKEN_AUDIENCE/,
		},
		{
			what: 'a token that has expired',
			env: {},
			claims: { exp: 1_700_000_000 },
			message: /the pod’s token has expired \(at 2023-11-14T22:13:20.000Z\) by Vault’s clock/,
		},
	])('$what: the refusal of the login says so, on both auth methods', async ({ env, claims, message }) => {
		const stranger = await makePod(vault.jwt(claims));
		for (const mount of ['jwt', 'kubernetes']) {
			const run = await runFetcher(fetcher, stranger, {
				...{ ...vaultEnv(vault), ENVTIER_VAULT_AUTH_MOUNT: mount },
				...env,
			});
			expect({ mount, code: run.code, message: run.message }).toEqual({
				mount,
				code: 21,
				message: expect.stringMatching(message),
			});
			expect(stranger.files()).toEqual({});
		}
		await stranger.scratch.remove();
	});

	testOnReal('an auth mount that expects another issuer, of both methods', async () => {
		const issuer = 'https://another.example';
		const key = await must(vault, 'GET', 'auth/jwt/config');
		const { jwt_validation_pubkeys: keys } = (key as { data: { jwt_validation_pubkeys: string[] } }).data;
		const configs = {
			jwt: { jwt_validation_pubkeys: keys, bound_issuer: issuer },
			kubernetes: {
				...{ kubernetes_host: 'https://127.0.0.1:1', kubernetes_ca_cert: vault.caPem, pem_keys: keys },
				...{ disable_local_ca_jwt: true, issuer, disable_iss_validation: false },
			},
		};
		const roles = {
			jwt: { role_type: 'jwt', user_claim: 'sub', bound_audiences: ['vault'] },
			kubernetes: {
				...{ bound_service_account_names: ['web'], bound_service_account_namespaces: ['shop'] },
				audience: 'vault',
			},
		};
		for (const type of ['jwt', 'kubernetes'] as const) {
			const at = `${type}-issuer`;
			await enableAuth(vault, type, { at, config: configs[type] });
			await writeRole(vault, at, 'web', roles[type]);
			const { code, message } = await fetch({ ENVTIER_VAULT_AUTH_MOUNT: at });
			expect({ code, message }).toEqual({
				code: 21,
				message: expect.stringMatching(
					/^login-refused: auth mount "\w+-issuer" expects another issuer than the token’s: the pod’s token has "https:\/\/kubernetes.default.svc.cluster.local" \(Vault: .*\)\. What to do: in auth\/\w+-issuer\/config, .*set bound_issuer .*disable_iss_validation/,
				),
			});
			await must(vault, 'DELETE', `sys/auth/${at}`);
		}
	});

	test('an auth mount or a Vault namespace that does not exist', async () => {
		const mount = await fetch({ ENVTIER_VAULT_AUTH_MOUNT: 'nowhere' });
		expect(mount.code).toBe(21);
		expect(mount.message).toContain('one of: no auth method is mounted at "nowhere"; role "web"');
		const namespace = await fetch({ ENVTIER_VAULT_NAMESPACE: 'nobody' });
		expect(namespace.code).toBe(21);
		expect(namespace.message).toMatch(/Vault namespace "nobody" does not exist|Vault does not say why/);
	});

	test('a tier that no policy opens: the message has the lines to add', async () => {
		const { code, message } = await fetch({ ENVTIER_VAULT_ROLE: 'stranger' });
		expect(code).toBe(22);
		for (const line of [
			`path "secret/metadata/${DEPLOYMENT}/" { capabilities = ["list"] }`,
			`path "secret/data/${DEPLOYMENT}/+" { capabilities = ["read"] }`,
			`path "secret/metadata/${SERVICE}/" { capabilities = ["list"] }`,
			`path "secret/data/${SERVICE}/+" { capabilities = ["read"] }`,
		])
			expect(message).toContain(line);
		expect(message).not.toContain(`secret/metadata/${ORG}`);
		expect(message).toContain(
			'to list the deployment tier of "shop" at "secret/metadata/deployments/shop/secrets" and the service tier of "web"',
		);
		expect(message).toContain(
			': are envtier.dev/deployment and envtier.dev/service right? What to do: if so, a policy of the role "stranger" needs: path',
		);
	});

	testOnReal('the lines that a refusal prints are the ones that are missing', async () => {
		await put(`${SERVICE}/KEY`, 'x');
		const role = { ENVTIER_VAULT_ROLE: 'pupil' };
		const policy = async (rules: readonly string[]): Promise<void> => {
			await must(vault, 'PUT', 'sys/policies/acl/pupil', { body: { policy: rules.join('\n') } });
		};
		const other = 'path "auth/token/lookup-self" { capabilities = ["read"] }';
		await policy([other]);
		const refused = await fetch(role);
		expect(refused.code).toBe(22);
		const lines = [...refused.message.matchAll(/path "[^"]+" \{ capabilities = \["\w+"\] \}/g)].map(
			([line]) => line,
		);
		expect(lines).toHaveLength(6);
		for (const line of lines) {
			await policy(lines.filter((one) => one !== line));
			const without = await fetch(role);
			// Nothing of these tiers is there to be read, so their read lines are not missed.
			const needed = line.includes('/metadata/') || line.includes(SERVICE);
			expect({ line, code: without.code }).toEqual({ line, code: needed ? 22 : 0 });
		}
		await policy(lines);
		expect((await fetch(role)).code).toBe(0);
		expect(pod.files()).toEqual({ env: "export KEY='x'\n" });
	});

	test('a tier that may be listed but not read', async () => {
		await put(`${ORG}/KEY`, 'x');
		await put(`${SERVICE}/KEY`, 'x');
		const { code, message } = await fetch({ ENVTIER_VAULT_ROLE: 'narrow' });
		expect(code).toBe(22);
		expect(message).toContain('to read keys of the service tier of "web"');
		expect(message).toContain(`path "secret/data/${SERVICE}/+" { capabilities = ["read"] }`);
		expect(pod.files()).toEqual({});
	});

	test('a KV mount that does not exist, where the policy allows everything', async () => {
		const mount = await fetch({ ENVTIER_VAULT_ROLE: 'wide', ENVTIER_VAULT_KV_MOUNT: 'nowhere' });
		expect(mount.code).toBe(28);
		expect(mount.message).toMatch(
			/"nowhere\/metadata\/.*secrets" with 404: no handler for route .*to do: correct ENVTIER_VAULT_KV_MOUNT in/,
		);
		expect(pod.files()).toEqual({});
	});

	test.each([
		{ what: 'version 2 where it is told 1', mount: 'secret', version: '1', real: '2' },
		{ what: 'version 1 where it is told 2', mount: 'legacy', version: '2', real: '1' },
	])('a KV mount of $what, whatever the policy allows', async ({ mount, version, real }) => {
		await put(`${ORG}/KEY`, 'x');
		for (const role of ['web', 'wide']) {
			const { code, message } = await fetch({
				...{ ENVTIER_VAULT_ROLE: role, ENVTIER_VAULT_KV_MOUNT: mount },
				ENVTIER_VAULT_KV_VERSION: version,
			});
			expect({ role, code, message }).toEqual({
				...{ role, code: 28 },
				message: `bad-answer: "${mount}/" is KV version ${real}, but ENVTIER_VAULT_KV_VERSION is ${version}. What to do: correct ENVTIER_VAULT_KV_VERSION in the webhook’s ConfigMap (its name begins with "envtier-settings"), to "${real}", then create the pod again`,
			});
		}
		expect(pod.files()).toEqual({});
	});

	test.each(['secret/data', 'secret/metadata'])('a path below the mount as the mount: %s', async (mount) => {
		for (const role of ['web', 'wide']) {
			const { code, message } = await fetch({ ENVTIER_VAULT_ROLE: role, ENVTIER_VAULT_KV_MOUNT: mount });
			expect({ role, code, message }).toEqual({
				...{ role, code: 28 },
				message: expect.stringMatching(
					new RegExp(
						`^bad-answer: ENVTIER_VAULT_KV_MOUNT is "${mount}", but the KV mount there is "secret"\\. What to do: correct ENVTIER_VAULT_KV_MOUNT .*, to "secret",`,
					),
				),
			});
		}
	});

	testOnReal('an engine of another kind as the KV mount', async () => {
		const { code, message } = await fetch({ ENVTIER_VAULT_KV_MOUNT: 'transit' });
		expect(code).toBe(28);
		expect(message).toMatch(/^bad-answer: "transit\/" is a secrets engine of type transit, not kv/);
	});

	test('one secret with all keys in the place of a tier is refused with the way to write it', async () => {
		await put(`${ORG}/KEY`, 'x');
		for (const { env, kv, path } of [
			{ env: {}, kv: 'secret', path: `secret/data/${DEPLOYMENT}` },
			{
				env: { ENVTIER_VAULT_KV_MOUNT: 'legacy', ENVTIER_VAULT_KV_VERSION: '1' },
				...{ kv: 'legacy', path: `legacy/${DEPLOYMENT}` },
			},
		]) {
			const fields = { A: 'first-4711', B: 'second-4711' };
			await must(vault, 'POST', path, { body: kv === 'secret' ? { data: fields } : fields });
			const refused = await fetch({ ...env, ENVTIER_REQUIRE: 'A' });
			expect({ code: refused.code, message: refused.message }).toEqual({
				code: 27,
				message: `secret-unusable: the deployment tier of "shop" has one secret at "${path}" with the fields "A" and "B", of which a pod gets nothing: each key must be a secret of its own. What to do: for each key: vault kv put -mount=${kv} ${DEPLOYMENT}/A value=…`,
			});
			expect(refused.stdout).not.toContain('4711');
			// As the message says; the old secret may stay.
			for (const [key, value] of Object.entries(fields))
				await must(vault, 'POST', `${path}/${key}`, {
					body: kv === 'secret' ? { data: { value } } : { value },
				});
			expect((await fetch({ ...env, ENVTIER_REQUIRE: 'A' })).code).toBe(0);
			// Beside other keys a missing one is looked for there as well.
			const missing = await fetch({ ...env, ENVTIER_REQUIRE: 'A,C' });
			expect(missing).toMatchObject({ code: 27, message: refused.message });
			expect(pod.files()['env']).toContain("export A='first-4711'\nexport B='second-4711'\n");
			for (const old of [path, `${path}/A`, `${path}/B`])
				await must(vault, 'DELETE', old.replace('secret/data/', 'secret/metadata/'));
		}
	});

	test('a deployment that has nothing: the name is called in question, and the paths are told', async () => {
		await put(`${ORG}/KEY`, 'x');
		const env = { ENVTIER_VAULT_ROLE: 'wide', ENVTIER_DEPLOYMENT: 'shopp', ENVTIER_SERVICE: '' };
		const warned = await fetch(env);
		expect(warned.code).toBe(0);
		expect(warned.log[0]).toMatchObject({
			level: 40,
			msg: 'the deployment tier of "shopp" is empty: is envtier.dev/deployment right?',
		});
		expect(warned.last?.['empty']).toEqual(['deployment']);
		const missing = await fetch({ ...env, ENVTIER_REQUIRE: 'KEY,MISSING' });
		expect(missing.code).toBe(23);
		expect(missing.message).toContain(
			'has MISSING (asked for by envtier.dev/require); empty: the deployment tier of "shopp" at "secret/metadata/deployments/shopp/secrets"; is envtier.dev/deployment right? What to do: ',
		);
	});

	test('a service without secrets of its own is nothing to warn of', async () => {
		await put(`${DEPLOYMENT}/KEY`, 'x');
		const { code, log } = await fetch();
		expect(code).toBe(0);
		expect(log.map(({ level }) => level)).toEqual([30]);
		expect(log[0]?.['empty']).toEqual(['org', 'service']);
	});

	testOnReal('a role whose tokens may be used a few times only', async () => {
		for (const key of ['A', 'B', 'C']) await put(`${DEPLOYMENT}/${key}`, 'x');
		const role = { role_type: 'jwt', user_claim: 'sub', bound_audiences: ['vault'], token_policies: ['web'] };
		for (const uses of [1, 2, 4, 5]) {
			await writeRole(vault, 'jwt', 'counted', { ...role, token_num_uses: uses });
			const { code, message } = await fetch({ ENVTIER_VAULT_ROLE: 'counted' });
			expect({ uses, code, message }).toEqual({
				...{ uses, code: 22 },
				message: expect.stringMatching(
					new RegExp(
						`its token is used up, for the role "counted" allows ${uses} uses? \\(token_num_uses\\)\\. What to do: set token_num_uses of auth/jwt/role/counted to 0`,
					),
				),
			});
		}
		// Three lists and three keys: nothing is asked that only explains something.
		await writeRole(vault, 'jwt', 'counted', { ...role, token_num_uses: 6 });
		const enough = await fetch({ ENVTIER_VAULT_ROLE: 'counted' });
		expect(enough.code).toBe(0);
		expect(enough.log.map(({ msg }) => msg)).toEqual(['secrets written']);
	});

	test('a sealed Vault: its own exit code at the deadline; unsealed in time, nothing is noticed', async () => {
		await put(`${ORG}/KEY`, 'x');
		await vault.seal();
		const sealed = await fetch({ ENVTIER_DEADLINE: '1' });
		expect(sealed.code).toBe(25);
		expect(sealed.message).toContain('is sealed or not initialized; given up after 1 s (ENVTIER_DEADLINE)');
		expect(sealed.ms).toBeLessThan(2_500);
		expect(pod.files()).toEqual({});
		const running = await startFetcher(fetcher, pod, vaultEnv(vault));
		await running.waitUntil('it waits', () => running.stdout().includes('is sealed'));
		await vault.unseal();
		expect((await running.exited).code).toBe(0);
		expect(pod.files()).toEqual({ env: "export KEY='x'\n" });
	});

	test('a second run replaces the first: keys that are gone disappear', async () => {
		await put(`${ORG}/KEY`, '1');
		await put(`${ORG}/GONE`, '1');
		const formats = { ENVTIER_FORMAT: 'shell,files' };
		expect((await fetch(formats)).code).toBe(0);
		await removeSecret(vault, `${ORG}/GONE`);
		await put(`${ORG}/KEY`, '2');
		expect((await fetch(formats)).code).toBe(0);
		const files = pod.files();
		expect(files['env']).toBe("export KEY='2'\n");
		expect(Object.keys(files).filter((path) => path.includes('GONE'))).toEqual([]);
		expect(Object.keys(files).filter((path) => path.startsWith('..envtier-'))).toHaveLength(1);
	});

	testOnReal('the token is revoked when it is no longer needed, after failures too', async () => {
		await put(`${ORG}/KEY`, 'x');
		const accessors = async (): Promise<string[]> => {
			const answer = await must(vault, 'GET', 'auth/token/accessors?list=true');
			return (answer as { data: { keys: string[] } }).data.keys.sort();
		};
		const before = await accessors();
		expect((await fetch()).code).toBe(0);
		expect((await fetch({ ENVTIER_REQUIRE: 'MISSING' })).code).toBe(23);
		expect((await fetch({ ENVTIER_OUT: '/dev/null' })).code).toBe(26);
		expect((await fetch({ ENVTIER_VAULT_ROLE: 'stranger' })).code).toBe(22);
		// Refused while its token is on its way back already.
		await put(`${ORG}/NUL`, 'a\0b');
		expect((await fetch()).code).toBe(27);
		expect(await accessors()).toEqual(before);
		await removeSecret(vault, `${ORG}/NUL`);
		const codes = await Promise.all(
			Array.from({ length: 12 }, async () => {
				const own = await makePod(vault.jwt());
				const { code } = await runFetcher(fetcher, own, { ...vaultEnv(vault), ENVTIER_DEADLINE: '60' });
				await own.scratch.remove();
				return code;
			}),
		);
		expect(new Set(codes)).toEqual(new Set([0]));
		expect(await accessors()).toEqual(before);
	});

	testOnReal('a batch token, which cannot be revoked, is not', async () => {
		await put(`${ORG}/KEY`, 'x');
		const { code, last, log } = await fetch({ ENVTIER_VAULT_ROLE: 'batch' });
		expect(code).toBe(0);
		expect(log.map(({ level }) => level)).toEqual([40, 30]);
		expect(last).toMatchObject({ requests: 1 + 3 + 1 + 2 });
	});
});

test('ten thousand keys, and a value of a MiB', async () => {
	const keys = Array.from({ length: 10_000 }, (_, i) => `KEY_${String(i).padStart(5, '0')}`);
	const big = 'x'.repeat(1 << 20);
	const secrets = Object.fromEntries(keys.map((key) => [key, `value of ${key}`]));
	const vault = await startEmbedded({ ...secrets, KEY_BIG: big });
	const pod = await makePod(vault.jwt());
	const env = { ...vaultEnv(vault), ENVTIER_FORMAT: 'json,files', ENVTIER_DEADLINE: '120' };
	const { code, last } = await runFetcher(fetcher, pod, env);
	expect(code).toBe(0);
	// One login, three lists, two empty tiers, and a revocation besides.
	const least = keys.length + 1 + 7;
	// Node's server ends a connection after about 1,000 streams (ADR 59). Unfinished requests are repeated on
	// the next one.
	expect(Number(last?.['requests'])).toBeGreaterThanOrEqual(least);
	expect(Number(last?.['requests'])).toBeLessThan(least * 1.1);
	expect(last).toMatchObject({ protocol: 'h2' });
	const { KEY_BIG, ...written } = JSON.parse(readFileSync(join(pod.out, 'env.json'), 'utf8'));
	expect(KEY_BIG).toBe(big);
	expect(written).toEqual(secrets);
	const read = (key: string): string => readFileSync(join(pod.out, 'files', key), 'utf8');
	expect(Object.fromEntries(keys.map((key) => [key, read(key)]))).toEqual(secrets);
	await vault[Symbol.asyncDispose]();
	await pod.scratch.remove();
}, 180_000);

describe('the requests that one pod costs', () => {
	test('one login, one list a tier, one read a winning key, one revocation, over one connection', async () => {
		const vault = await startEmbedded();
		const pod = await makePod(vault.jwt());
		for (const folder of [ORG, DEPLOYMENT, SERVICE]) {
			for (const key of ['A', 'B', `OWN_${folder.length}`]) await putSecret(vault, `${folder}/${key}`, 'x');
		}
		const before = vault.requests.length;
		const { code, last } = await runFetcher(fetcher, pod, vaultEnv(vault));
		expect(code).toBe(0);
		const made = vault.requests.slice(before);
		expect(made).toHaveLength(1 + 3 + 5 + 1);
		expect(new Set(made.map(({ connection }) => connection)).size).toBe(1);
		expect(last).toMatchObject({ requests: 10, protocol: 'h2' });
		await vault[Symbol.asyncDispose]();
		await pod.scratch.remove();
	});
});
