import * as oidc from 'openid-client';
import { issuerFetch } from '../../../lib/http/issuer.ts';

/** The dashboard's client at the issuer. */
export interface DashboardClient {
	readonly issuer: string;
	readonly clientId: string;
	/** Undefined for a public client: PKCE protects its codes. */
	readonly clientSecret: string | undefined;
	/** PEM text; undefined: the system's roots. */
	readonly ca: string | undefined;
	/** The audience that the token must be for (RFC 8707). */
	readonly audience: string;
	/** Parted by blanks. */
	readonly scopes: string;
}

/** Tokens that stay in this process. */
export interface ServerTokens {
	/** The access token if the API can check it, else the id token. */
	readonly token: string;
	readonly refreshToken: string | undefined;
	readonly idToken: string | undefined;
}

/** What a login must remember until its callback. */
export interface PendingLogin {
	readonly verifier: string;
	readonly state: string;
	readonly nonce: string;
	readonly returnTo: string;
}

/** Timeout of one request to the issuer, in ms. */
const TIMEOUT = 10_000;

/** The issuer, as the dashboard uses it. Every function rejects with an error of openid-client. */
export interface IssuerAccess {
	/** The address at the issuer that starts a login. */
	start(redirectUri: string, login: PendingLogin): Promise<URL>;
	/** Exchanges the code of a callback, after all checks. */
	finish(callback: URL, login: PendingLogin): Promise<ServerTokens>;
	refresh(tokens: ServerTokens): Promise<ServerTokens>;
	revoke(refreshToken: string): Promise<void>;
	/** The address that ends the session at the issuer; undefined if it has none. */
	endSession(idToken: string | undefined, back: string): Promise<URL | undefined>;
}

/** A login with new secrets. */
export function newLogin(returnTo: string): PendingLogin {
	return {
		verifier: oidc.randomPKCECodeVerifier(),
		state: oidc.randomState(),
		nonce: oidc.randomNonce(),
		returnTo,
	};
}

/** Opens the issuer. The discovery document is read with the first login, and again if that failed. */
export function openIssuer(client: DashboardClient): IssuerAccess {
	let discovered: Promise<oidc.Configuration> | undefined;
	const configuration = (): Promise<oidc.Configuration> => {
		discovered ??= discover(client).catch((thrown: unknown) => {
			discovered = undefined;
			throw thrown;
		});
		return discovered;
	};
	const resource: Record<string, string> = /^https?:\/\//.test(client.audience)
		? { resource: client.audience }
		: {};
	return {
		start: async (redirectUri, { verifier, state, nonce }) =>
			oidc.buildAuthorizationUrl(await configuration(), {
				...{ redirect_uri: redirectUri, scope: client.scopes, state, nonce, ...resource },
				code_challenge: await oidc.calculatePKCECodeChallenge(verifier),
				code_challenge_method: 'S256',
				// Issuers give a refresh token only after a consent (OpenID Connect Core, section 11).
				...(client.scopes.includes('offline_access') ? { prompt: 'consent' } : {}),
			}),
		finish: async (callback, { verifier, state, nonce }) => {
			const checks = { pkceCodeVerifier: verifier, expectedState: state, expectedNonce: nonce };
			const grant = await oidc.authorizationCodeGrant(
				await configuration(),
				callback,
				{ ...checks, idTokenExpected: true },
				resource,
			);
			return tokensOf(grant, undefined);
		},
		refresh: async (tokens) => {
			const { refreshToken = '' } = tokens;
			const grant = await oidc.refreshTokenGrant(await configuration(), refreshToken, resource);
			return tokensOf(grant, tokens);
		},
		revoke: async (refreshToken) => {
			const known = await configuration();
			if (known.serverMetadata().revocation_endpoint === undefined) return;
			await oidc.tokenRevocation(known, refreshToken, { token_type_hint: 'refresh_token' });
		},
		endSession: async (idToken, back) => {
			const known = await configuration();
			if (known.serverMetadata().end_session_endpoint === undefined) return undefined;
			const hint = idToken === undefined ? {} : { id_token_hint: idToken };
			return oidc.buildEndSessionUrl(known, { ...hint, post_logout_redirect_uri: back });
		},
	};
}

async function discover({
	issuer,
	clientId,
	clientSecret,
	ca,
}: DashboardClient): Promise<oidc.Configuration> {
	const authentication = clientSecret === undefined ? oidc.None() : oidc.ClientSecretPost(clientSecret);
	return await oidc.discovery(new URL(issuer), clientId, undefined, authentication, {
		[oidc.customFetch]: issuerFetch(ca, TIMEOUT),
	});
}

/**
 * A JWT has three parts. Some issuers give access tokens that only they can read: the id token then tells.
 */
const JWT = /^[\w-]+\.[\w-]+\.[\w-]+$/;

function tokensOf(grant: oidc.TokenEndpointResponse, before: ServerTokens | undefined): ServerTokens {
	const { access_token: access, id_token: id } = grant;
	return {
		token: JWT.test(access) ? access : (id ?? access),
		refreshToken: grant.refresh_token ?? before?.refreshToken,
		idToken: grant.id_token ?? before?.idToken,
	};
}

/** True for an answer of the issuer that refuses, such as invalid_grant. False if it did not answer. */
export function isRefusal(thrown: unknown): boolean {
	return thrown instanceof oidc.ResponseBodyError && thrown.status < 500;
}
