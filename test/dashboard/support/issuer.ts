import { createServer } from 'node:https';
import type { AddressInfo } from 'node:net';
import { exportJWK, generateKeyPair, SignJWT } from 'jose';
import Provider, { type Configuration, type JWK, type ResourceServer } from 'oidc-provider';
import type { Page } from 'playwright-core';
import { makeAuthority } from '../../support/tls.ts';

/** A real OpenID provider with the authorization code flow, and pages on which people log in. */
export interface LoginIssuer extends AsyncDisposable {
	/** `https://127.0.0.1:port` */
	readonly url: string;
	readonly caPem: string;
	readonly clientId: string;
	readonly audience: string;
	/** Requests to the token endpoint and to revocation so far, by what they were. */
	requests(): readonly string[];
	/** A token of somebody, without its pages. */
	tokenOf(subject: string): Promise<string>;
	/** A session for the Reveal program, as its page gets one. */
	revealTokenOf(subject: string): Promise<string>;
	/** The claims that tokens of a subject have from now on, besides the subject. */
	setClaims(subject: string, claims: object): void;
	/** Ends everything that a subject has consented to: its refresh tokens are worth nothing. */
	endGrants(subject: string): Promise<void>;
	/** From now on each call for a token waits: before the provider does it, or before its answer goes out. */
	holdTokens(hold: TokenHold): void;
}

/** Where a call for a token waits. */
export interface TokenHold {
	readonly before?: () => Promise<void>;
	readonly after?: () => Promise<void>;
}

const AUDIENCE = 'https://envtier-api.example';
/** The scopes that it knows. A login must ask for them (`ENVTIER_API_OIDC_LOGIN_SCOPES`). */
export const LOGIN_SCOPES = 'secrets:read secrets:write secrets:delete secrets:destroy audit';
const RESOURCE: ResourceServer = {
	...{ scope: LOGIN_SCOPES, audience: AUDIENCE, accessTokenTTL: 3_600 },
	...{ accessTokenFormat: 'jwt', jwt: { sign: { alg: 'RS256' } } },
};

/**
 * Starts a provider for a dashboard at `origin`. Who has no claims there is an admin of acme.
 *
 * @param revealOrigin of a Reveal program, which is a client of its own
 */
export async function startLoginIssuer(
	origin: () => string,
	claimsOf: Readonly<Record<string, object>> = {},
	revealOrigin?: string,
): Promise<LoginIssuer> {
	const authority = await makeAuthority('Envtier dashboard provider CA');
	const leaf = await authority.issue();
	const requests: string[] = [];
	const claims = new Map(Object.entries(claimsOf));
	const grants = new Map<string, string>();
	let hold: TokenHold = {};
	let handle: ReturnType<Provider['callback']> | undefined;
	const server = createServer({ cert: leaf.certPem, key: leaf.keyPem }, (request, response) => {
		void handle?.(request, response);
	});
	await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
	const url = `https://127.0.0.1:${(server.address() as AddressInfo).port}`;
	const { privateKey } = await generateKeyPair('RS256', { extractable: true });
	const key = { ...(await exportJWK(privateKey)), kid: 'one', alg: 'RS256', use: 'sig' } as JWK;
	const claimsFor = (subject: string) =>
		({ org: 'acme', roles: ['org_admin'], ...claims.get(subject) }) as object as Record<string, string>;
	const provider = new Provider(url, {
		...configurationFor(origin(), revealOrigin),
		jwks: { keys: [key] },
		extraTokenClaims: (_context, token) => claimsFor('accountId' in token ? token.accountId : ''),
		findAccount: (_context, accountId) => ({
			accountId,
			claims: () => ({ sub: accountId, ...claimsFor(accountId) }),
		}),
	});
	provider.on('grant.success', ({ oidc }) => {
		const { Account: account, Grant: grant } = oidc.entities;
		if (account && grant) grants.set(grant.jti, account.accountId);
	});
	provider.use(async (context, next) => {
		const held = context.path === '/token' ? hold : {};
		await held.before?.();
		await next();
		if (context.path === '/token') requests.push(`token ${String(context['oidc']?.params?.['grant_type'])}`);
		await held.after?.();
		if (context.path === '/token/revocation') requests.push('revocation');
	});
	handle = provider.callback();
	return {
		...{ url, caPem: authority.certPem, clientId: 'envtier-dashboard', audience: AUDIENCE },
		requests: () => requests,
		tokenOf: async (subject) => {
			const client = await provider.Client.find('envtier-dashboard');
			if (client === undefined) throw new Error('there is no client');
			const scopes = new Set(LOGIN_SCOPES.split(' '));
			const resourceServer = { ...RESOURCE, scopes, identifier: () => AUDIENCE };
			const about = { accountId: subject, client, resourceServer, scope: LOGIN_SCOPES };
			const grantId = await new provider.Grant({ accountId: subject, clientId: client.clientId }).save();
			return await new provider.AccessToken({ ...about, grantId, gty: 'authorization_code' }).save();
		},
		revealTokenOf: async (subject) =>
			await new SignJWT({ ...claimsFor(subject), iss: url, sub: subject, aud: 'envtier-reveal' })
				.setProtectedHeader({ alg: 'RS256', kid: 'one' })
				.setIssuedAt()
				.setExpirationTime('5 minutes')
				.sign(privateKey),
		setClaims: (subject, next) => void claims.set(subject, next),
		endGrants: async (subject) => {
			const ended = [...grants].filter(([, owner]) => owner === subject);
			for (const [id] of ended) await provider.RefreshToken.revokeByGrantId(id);
		},
		holdTokens: (next) => {
			hold = next;
		},
		[Symbol.asyncDispose]: () =>
			new Promise((resolve) => {
				server.close(() => resolve());
				server.closeAllConnections();
			}),
	};
}

function configurationFor(origin: string, revealOrigin: string | undefined): Configuration {
	const reveal = {
		client_id: 'envtier-reveal',
		token_endpoint_auth_method: 'none',
		grant_types: ['authorization_code'],
		redirect_uris: [`${revealOrigin}/ui/reveal`],
		response_types: ['code'],
	} as const;
	return {
		clients: [
			...(revealOrigin === undefined ? [] : [reveal]),
			{
				client_id: 'envtier-dashboard',
				token_endpoint_auth_method: 'none',
				grant_types: ['authorization_code', 'refresh_token'],
				redirect_uris: [`${origin}/ui/session/callback`],
				post_logout_redirect_uris: [`${origin}/ui/`],
				response_types: ['code'],
			},
		],
		features: {
			devInteractions: { enabled: true },
			revocation: { enabled: true },
			rpInitiatedLogout: { enabled: true },
			resourceIndicators: {
				enabled: true,
				getResourceServerInfo: () => RESOURCE,
			},
		},
		// Only the Reveal program takes id tokens.
		claims: { openid: revealOrigin === undefined ? ['sub'] : ['sub', 'org', 'roles'] },
		conformIdTokenClaims: false,
		cookies: { keys: ['of the test'] },
		issueRefreshToken: (_context, client) => client.grantTypeAllowed('refresh_token'),
		rotateRefreshToken: true,
	};
}

/** Does what a person does on the provider's pages, until they lead back. */
export async function logInAtIssuer(page: Page, issuer: LoginIssuer, subject: string): Promise<void> {
	await page.waitForURL(`${issuer.url}/**`);
	await page.locator('input[name="login"]').fill(subject);
	await page.locator('input[name="password"]').fill('any');
	await page.locator('button[type="submit"]').click();
	await page.locator('button[type="submit"]', { hasText: 'Continue' }).click();
}
