import { describe, expect, test } from 'vitest';
import { explainRefusal, type RefusedLogin } from '../../fetcher/login-refusal.ts';
import type { RequiredAccess } from '../../fetcher/role-command.ts';
import { tokenClaimsOf } from '../../fetcher/token-claims.ts';
import { makeJwtSigner, serviceAccountClaims } from '../support/jwt.ts';

const { sign } = makeJwtSigner();
const claims = tokenClaimsOf(sign(serviceAccountClaims('shop', 'web', { exp: 1_900_000_000 })));

const wanted: RequiredAccess = {
	tierNames: { org: 'acme', deployment: 'shop', service: 'web' },
	tiers: ['org', 'deployment', 'service'],
	kv: { mount: 'secret', version: 2 },
	transit: undefined,
	leases: [],
};
const login = { mount: 'kubernetes', role: 'web', namespace: 'team', claims, wanted };

const explain = (status: number, ...errors: readonly string[]): string =>
	explainRefusal({ status, errors, ...login }).message;

describe('for a role that does not exist the cure is the command that creates it', () => {
	const KUBERNETES = 'invalid role name "web"';
	const JWT = 'role "web" could not be found';
	test.each<readonly [what: string, error: string, over: Partial<RefusedLogin>, command: string]>([
		[
			'of kubernetes auth',
			KUBERNETES,
			{ namespace: undefined },
			'deploy/vault/setup.sh role web --namespace shop --account web --org acme --deployment shop --service web,',
		],
		[
			'of jwt auth, in a Vault namespace',
			JWT,
			{ mount: 'jwt' },
			'VAULT_NAMESPACE=team deploy/vault/setup.sh role web --namespace shop --account web --org acme --deployment shop --service web --type jwt,',
		],
		[
			'of other mounts, with sealed values',
			JWT,
			{
				mount: 'clusters/one',
				wanted: { ...wanted, kv: { mount: 'team/kv', version: 1 }, transit: 'seals' },
			},
			'--service web --type jwt --mount clusters/one --kv team/kv --kv-version 1 --transit seals --sealed,',
		],
		[
			'of a pod with leases',
			KUBERNETES,
			{ wanted: { ...wanted, leases: ['database/creds/ro', 'pki/issue/web?ttl=1h'] } },
			"--service web --lease database/creds/ro --lease 'pki/issue/web?ttl=1h',",
		],
		[
			'of a pod that reads some tiers alone',
			KUBERNETES,
			{ wanted: { ...wanted, tiers: ['deployment'] } },
			'--namespace shop --account web --deployment shop,',
		],
		[
			'of a token for another audience',
			KUBERNETES,
			{ claims: { ...claims, audiences: ['https://kubernetes.default.svc'] } },
			'--service web --audience https://kubernetes.default.svc,',
		],
		[
			'of a token that does not say whose it is, and whose audience is no word',
			KUBERNETES,
			{ claims: { ...claims, serviceAccount: undefined, audiences: ['a b'] } },
			'role web --namespace NAMESPACE --account ACCOUNT --org acme --deployment shop --service web,',
		],
	])('%s', (_what, error, over, command) => {
		const { cure } = explainRefusal({ status: 400, errors: [error], ...login, ...over });
		expect(cure).toContain(command);
		expect(cure).toMatch(/^create it with .*, or name another role in the annotation envtier\.dev\/role$/);
	});
});

/**
 * The sentences come from the sources of the auth methods (OpenBao 2.7, Vault 1.21); tests on real servers
 * see the first ones.
 */
test.each<readonly [status: number, error: string, words: string]>([
	[400, 'invalid role name "web"', 'role "web" of auth mount "kubernetes" does not exist'],
	[400, 'role "web" could not be found', 'role "web" of auth mount "kubernetes" does not exist'],
	[403, 'service account name not authorized', 'is not bound to service account "shop/web"'],
	[403, 'namespace not authorized', 'is not bound to service account "shop/web"'],
	[400, 'error validating token: invalid subject (sub) claim', 'is not bound to service account "shop/web"'],
	[
		400,
		'error validating claims: claim "/kubernetes.io/namespace" does not match any associated bound claim values',
		'is not bound to',
	],
	[
		400,
		'error validating token: invalid audience (aud) claim: audience claim does not match any expected audience',
		'does not accept the audience "vault"',
	],
	[
		400,
		'audience claim found in JWT but no audiences bound to the role',
		'does not accept the audience "vault"',
	],
	[
		403,
		'invalid expiration time (exp) claim: token is expired',
		'has expired (at 2030-03-17T17:46:40.000Z) by Vault’s clock',
	],
	[
		400,
		'error validating token: invalid not before (nbf) claim: token not yet valid',
		'is not valid yet by Vault’s clock',
	],
	[
		400,
		'error validating token: error verifying token signature: no known key successfully validated the token signature',
		'auth mount "kubernetes" does not know the key that signed',
	],
	[
		403,
		'lookup failed: service account unauthorized; this could mean it has been deleted or recreated with a new token',
		'Kubernetes did not confirm the token of service account "shop/web"',
	],
	[404, 'namespace not found', 'the Vault namespace "team" does not exist'],
	[
		404,
		'no handler for route "auth/kubernetes/login". route entry not found.',
		'no auth method is mounted at "kubernetes"',
	],
	[500, 'claim "iss" is invalid', 'auth mount "kubernetes" expects another issuer than the token’s'],
	[
		403,
		'invalid issuer (iss) claim: issuer does not match expected issuer',
		'the pod’s token has "https://kubernetes.default.svc.cluster.local"',
	],
	[
		403,
		'permission denied',
		'Vault does not say why; one of: no auth method is mounted at "kubernetes"; role "web"',
	],
])('%d "%s"', (status, error, words) => {
	const message = explain(status, error);
	expect(message).toContain(words);
	expect(message).toContain(`(Vault: ${status} ${error})`);
});

const cureOf = (mount: string, ...errors: readonly string[]) =>
	explainRefusal({ status: 403, errors, mount, role: 'web', namespace: undefined, claims, wanted }).cure;

test('a mount that begins with "auth/" is named as the likely cause', () => {
	const login = { status: 403, errors: ['permission denied'], mount: 'auth/kubernetes', role: 'web' };
	const { message } = explainRefusal({ ...login, namespace: undefined, claims, wanted });
	expect(message).toContain('"auth/auth/kubernetes/login", most likely because no auth method is mounted');
	for (const said of ['permission denied', 'no handler for route "auth/auth/kubernetes/login"'])
		expect(cureOf('auth/kubernetes', said)).toMatch(
			/^correct ENVTIER_VAULT_AUTH_MOUNT in the webhook’s ConfigMap .*, to "kubernetes", then create the pod again$/,
		);
});

test('specific advice replaces the general advice', () => {
	expect(cureOf('kubernetes', 'claim "iss" is invalid')).toMatch(/bound_issuer.*disable_iss_validation/);
	expect(cureOf('kubernetes', 'permission denied')).toBeUndefined();
});

test('without an error from Vault', () => {
	expect(explain(400)).toMatch(/^Vault does not say why; .* \(Vault: 400\)$/);
});

test.each<readonly [string, string, object]>([
	[
		'a projected token',
		sign(serviceAccountClaims('a', 'b', { exp: 5 })),
		{ serviceAccount: 'a/b', audiences: ['vault'], expires: 5 },
	],
	[
		'one audience as text',
		sign({ aud: 'vault' }),
		{ serviceAccount: undefined, audiences: ['vault'], expires: undefined },
	],
	[
		'claims of odd kinds',
		sign({ aud: [1, 'x'], sub: 7, exp: 'never' }),
		{ serviceAccount: undefined, audiences: ['x'], expires: undefined },
	],
	['a subject that is no service account', sign({ sub: 'alice' }), { serviceAccount: undefined }],
	['a payload that is no JSON', 'eyJ4.AAAA.BBBB', { serviceAccount: undefined, audiences: [] }],
	['no JWT at all', 'junk', { serviceAccount: undefined, audiences: [] }],
])('what a token says of itself: %s', (_what, jwt, expected) => {
	expect(tokenClaimsOf(jwt)).toMatchObject(expected);
});
