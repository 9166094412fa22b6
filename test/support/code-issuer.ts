import { createServer } from 'node:https';
import type { AddressInfo } from 'node:net';
import { exportJWK, generateKeyPair, SignJWT } from 'jose';
import Provider, { type Configuration, type JWK } from 'oidc-provider';
import { makeAuthority } from './tls.ts';

/** A real OpenID provider with a login page, for the authorization code grant. */
export interface CodeIssuer extends AsyncDisposable {
	/** `https://127.0.0.1:port` */
	readonly url: string;
	readonly caPem: string;
	/** Registers a public client. To be called once, before the first login. */
	register(clientId: string, redirectUri: string): void;
	/** A session with these claims, signed with the provider's key. */
	session(claims: Readonly<Record<string, unknown>>): Promise<string>;
}

/**
 * Starts a provider on a free port. Its login page takes any name and password: the name is the subject.
 *
 * @param claimsOf claims of a subject in its id tokens
 */
export async function startCodeIssuer(
	claimsOf: (subject: string) => Readonly<Record<string, unknown>>,
): Promise<CodeIssuer> {
	const authority = await makeAuthority('Envtier test provider CA');
	const leaf = await authority.issue();
	const { privateKey } = await generateKeyPair('RS256', { extractable: true });
	const key = { ...(await exportJWK(privateKey)), kid: 'one', alg: 'RS256', use: 'sig' } as JWK;
	let handle: ReturnType<Provider['callback']> | undefined;
	const server = createServer({ cert: leaf.certPem, key: leaf.keyPem }, (request, response) => {
		void handle?.(request, response);
	});
	function configure({ clients }: Pick<Configuration, 'clients'>): Configuration {
		return {
			clients: clients ?? [],
			claims: { openid: ['sub', 'org', 'roles'] },
			conformIdTokenClaims: false,
			cookies: { keys: ['of the test'] },
			features: { devInteractions: { enabled: true } },
			findAccount: (_context, accountId) => ({
				accountId,
				claims: () => ({ sub: accountId, ...claimsOf(accountId) }),
			}),
			jwks: { keys: [key] },
			ttl: { IdToken: 300, Session: 3_600, Interaction: 600, Grant: 3_600, AccessToken: 300 },
		};
	}
	await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
	const url = `https://127.0.0.1:${(server.address() as AddressInfo).port}`;
	handle = new Provider(url, configure({ clients: [] })).callback();
	return {
		url,
		caPem: authority.certPem,
		register: (clientId, redirectUri) => {
			const client = {
				client_id: clientId,
				application_type: 'native',
				token_endpoint_auth_method: 'none',
				redirect_uris: [redirectUri],
				grant_types: ['authorization_code'],
				response_types: ['code'],
			} as const;
			handle = new Provider(url, configure({ clients: [client as never] })).callback();
		},
		session: async (claims) => {
			const now = Math.floor(Date.now() / 1_000);
			return await new SignJWT({ iss: url, iat: now, exp: now + 300, ...claims })
				.setProtectedHeader({ alg: 'RS256', kid: 'one' })
				.sign(privateKey);
		},
		[Symbol.asyncDispose]: () =>
			new Promise((resolve) => {
				server.close(() => resolve());
				server.closeAllConnections();
			}),
	};
}
