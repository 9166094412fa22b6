import { describe, expect, test } from 'vitest';
import type { Backend } from './support/backend.ts';
import { describeOnBoth } from './support/backends.ts';
import { startEmbedded } from './support/embedded.ts';
import { enveloped, NO_TOKEN, RANDOM } from './support/shapes.ts';

type Overrides = Readonly<Record<string, unknown>>;

/** A minute is forgiven between two clocks, so what is over is long over here. */
const times = (exp?: number, nbf?: number): Overrides => {
	const now = Math.floor(Date.now() / 1000);
	return {
		exp: exp === undefined ? undefined : now + exp,
		nbf: nbf === undefined ? undefined : now + nbf,
		iat: undefined,
	};
};

const login = (vault: Backend, mount: string, body: unknown, token = '') =>
	vault.request('POST', `auth/${mount}/login`, { token, body });

/** What a login hands out. */
const auth = (role: string, policies: readonly string[], seconds: number, metadata: object = {}) =>
	enveloped({
		auth: {
			...{ client_token: RANDOM, accessor: RANDOM, policies, token_policies: policies },
			...{ metadata: { role, ...metadata }, lease_duration: seconds, renewable: true, entity_id: RANDOM },
			...{ token_type: 'service', orphan: true, mfa_requirement: null, num_uses: 0 },
		},
	});

describeOnBoth('login on a jwt mount', (vault) => {
	test('gives a token with the role’s policies and life', async () => {
		const { status, json } = await login(vault(), 'jwt', { role: 'web', jwt: vault().jwt('shop', 'web') });
		expect(status).toBe(200);
		expect(json).toEqual(auth('web', ['default', 'web'], 300));
	});

	test('works by PUT, too, and whatever token comes along', async () => {
		const body = { role: 'web', jwt: vault().jwt('shop', 'web') };
		expect((await vault().request('PUT', 'auth/jwt/login', { token: '', body })).status).toBe(200);
		expect((await login(vault(), 'jwt', body, 'stale')).status).toBe(200);
	});

	const accepted: [string, string, [string, string], Overrides][] = [
		['one audience as text', 'web', ['shop', 'web'], { aud: 'vault' }],
		['one audience of several', 'web', ['shop', 'web'], { aud: ['other', 'vault'] }],
		['any of the role’s namespaces', 'operator', ['ops', 'operator'], {}],
		['a token that ended less than a minute ago', 'web', ['shop', 'web'], times(-30)],
		['a token without an end that is new', 'web', ['shop', 'web'], times(undefined, -10)],
	];
	test.each(accepted)('accepts %s', async (_, role, [namespace, account], overrides) => {
		const jwt = vault().jwt(namespace, account, overrides);
		expect((await login(vault(), 'jwt', { role, jwt })).status).toBe(200);
	});

	const AUDIENCE =
		'error validating token: invalid audience (aud) claim: audience claim does not match any expected audience';
	const CLAIM = (claim: string) =>
		`error validating claims: claim "${claim}" does not match any associated bound claim values`;
	const refused: [string, [string, string], Overrides, string][] = [
		['another service account', ['shop', 'other'], {}, CLAIM('/kubernetes.io/serviceaccount/name')],
		['another namespace', ['other', 'web'], {}, CLAIM('/kubernetes.io/namespace')],
		['another audience', ['shop', 'web'], { aud: ['other'] }, AUDIENCE],
		['no audience', ['shop', 'web'], { aud: undefined }, AUDIENCE],
		[
			'an expired token',
			['shop', 'web'],
			times(-1000),
			'error validating token: invalid expiration time (exp) claim: token is expired',
		],
		[
			'a token without an end that is old',
			['shop', 'web'],
			times(undefined, -1000),
			'error validating token: invalid expiration time (exp) claim: token is expired',
		],
		[
			'a token that does not hold yet',
			['shop', 'web'],
			times(2000, 1000),
			'error validating token: invalid not before (nbf) claim: token not yet valid',
		],
		[
			'a token without any time',
			['shop', 'web'],
			times(),
			'error validating token: no issued at (iat), not before (nbf), or expiration time (exp) claims in token',
		],
	];
	test.each(refused)('refuses %s', async (_, [namespace, account], overrides, error) => {
		const jwt = vault().jwt(namespace, account, overrides);
		expect(await login(vault(), 'jwt', { role: 'web', jwt })).toMatchObject({
			status: 400,
			json: { errors: [error] },
		});
	});

	test('a claim that is missing is said to be missing', async () => {
		const jwt = vault().jwt('shop', 'web', { 'kubernetes.io': { serviceaccount: { name: 'web' } } });
		expect(await login(vault(), 'jwt', { role: 'web', jwt })).toMatchObject({
			status: 400,
			json: { errors: [expect.stringMatching(/claim "\/kubernetes.io\/namespace" is missing/)] },
		});
	});

	test.each([
		['no role', { jwt: 'x' }, 'missing role'],
		['an empty role', { role: '', jwt: 'x' }, 'missing role'],
		['no token', { role: 'web' }, 'missing token'],
		['an empty token', { role: 'web', jwt: '' }, 'missing token'],
		['an unknown role', { role: 'nope', jwt: 'x' }, 'role "nope" could not be found'],
		['garbage', { role: 'web', jwt: 'garbage' }, /^error validating token: error verifying token signature/],
		['three parts of garbage', { role: 'web', jwt: 'a.b.c' }, /^error validating token: error verifying/],
	])('refuses %s', async (_, body, error) => {
		expect(await login(vault(), 'jwt', body)).toMatchObject({
			status: 400,
			json: { errors: [expect.stringMatching(error)] },
		});
	});

	test('only takes writes; a mount that is not there needs a token like any path', async () => {
		const read = await vault().request('GET', 'auth/jwt/login', { token: '' });
		expect(read).toMatchObject({ status: 405, json: { errors: ['unsupported operation'] } });
		expect(await login(vault(), 'no-such-mount', { role: 'web', jwt: 'x' })).toMatchObject(NO_TOKEN);
	});
});

describeOnBoth('login on a kubernetes mount', (vault) => {
	const refused: [string, string, [string, string], Overrides, string][] = [
		['another service account', 'web', ['shop', 'other'], {}, 'service account name not authorized'],
		['another namespace', 'web', ['other', 'web'], {}, 'namespace not authorized'],
		[
			'a JWT of nobody',
			'web',
			['shop', 'web'],
			{ 'kubernetes.io': undefined },
			'service account name not authorized',
		],
		[
			'another audience',
			'web',
			['shop', 'web'],
			{ aud: ['other'] },
			'invalid audience (aud) claim: audience claim does not match any expected audience',
		],
		[
			'another audience and another account',
			'web',
			['shop', 'other'],
			{ aud: ['other'] },
			'invalid audience (aud) claim: audience claim does not match any expected audience',
		],
		[
			'an expired token',
			'web',
			['shop', 'web'],
			times(-1000),
			'invalid expiration time (exp) claim: token is expired',
		],
		[
			'an expired token of another account',
			'web',
			['shop', 'other'],
			times(-1000),
			'invalid expiration time (exp) claim: token is expired',
		],
		[
			'a token that does not hold yet',
			'web',
			['shop', 'web'],
			times(2000, 1000),
			'invalid not before (nbf) claim: token not yet valid',
		],
		['a token without any time', 'web', ['shop', 'web'], times(), 'permission denied'],
	];
	test.each(refused)('refuses %s', async (_, role, [namespace, account], overrides, error) => {
		const jwt = vault().jwt(namespace, account, overrides);
		expect(await login(vault(), 'kubernetes', { role, jwt })).toMatchObject({
			status: 403,
			json: { errors: [error] },
		});
	});

	test.each([
		['no role', { jwt: 'x' }, 400, 'missing role'],
		['no token', { role: 'web' }, 400, 'missing jwt'],
		['an unknown role', { role: 'nope', jwt: 'x' }, 400, 'invalid role name "nope"'],
		['garbage', { role: 'web', jwt: 'garbage' }, 403, 'permission denied'],
		['three parts of garbage', { role: 'web', jwt: 'a.b.c' }, 403, 'permission denied'],
	])('refuses %s', async (_, body, status, error) => {
		expect(await login(vault(), 'kubernetes', body)).toMatchObject({ status, json: { errors: [error] } });
	});

	test('an audience that is no list is its own fault', async () => {
		const jwt = vault().jwt('shop', 'web', { aud: 'vault' });
		expect((await login(vault(), 'kubernetes', { role: 'web', jwt })).status).toBe(500);
	});
});

// OpenBao's own success needs a real API server's TokenReview: the cluster tests have it.
describe('login on a kubernetes mount: the embedded Vault', () => {
	test('gives a token and says whose', async () => {
		await using vault = await startEmbedded();
		const { status, json } = await login(vault, 'kubernetes', { role: 'web', jwt: vault.jwt('shop', 'web') });
		expect(status).toBe(200);
		expect(json).toEqual(
			auth('web', ['default', 'web'], 300, {
				...{ service_account_name: 'web', service_account_namespace: 'shop' },
				service_account_secret_name: '',
				service_account_uid: '11111111-1111-4111-8111-111111111111',
			}),
		);
	});
});
