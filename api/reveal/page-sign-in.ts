import { decodeJwt } from 'jose';
import * as oidc from 'openid-client';
import { err, ok, type Result } from '../../contract/result.ts';
import { issuerFetch, issuerProblem } from '../../lib/http/issuer.ts';
import { atMostEvery, createQueue } from '../concurrency.ts';
import { REVEAL_AUDIENCE } from '../settings/reveal.ts';
import type { LoginSettings } from '../settings/settings.ts';

/** What a page needs to send a person to the issuer. No part of it is secret. */
export interface PageClient {
	readonly authorizationEndpoint: string;
	readonly clientId: string;
	/** Parted by blanks. */
	readonly scope: string;
}

/** What the issuer gave the page, and what only the page has (RFC 7636). */
export interface CodeGrant {
	readonly code: string;
	readonly verifier: string;
	readonly redirectUri: string;
	/** The parameter `iss` of the answer (RFC 9207), if it had one. */
	readonly iss?: string | undefined;
}

/** A token for the Reveal program alone. */
export interface PageToken {
	readonly token: string;
	/** Seconds that it is valid. */
	readonly seconds: number;
}

/** The sign-in of the page, by the authorization code grant with PKCE and a public client. */
export interface PageSignIn {
	client(): Promise<Result<PageClient>>;
	/** Exchanges the code for a token. The program keeps nothing of it. */
	exchange(grant: CodeGrant): Promise<Result<PageToken>>;
}

/** Timeout of one request to the issuer, in ms. */
const TIMEOUT = 5_000;
/** Minimum time between two attempts to read the issuer's discovery document, in ms. */
const DISCOVERY_INTERVAL = 5_000;
/** Exchanges at a time, and those that wait: anybody may ask for one. */
const EXCHANGES = { atOnce: 4, most: 16, longest: 5_000 } as const;

/**
 * Creates the sign-in.
 *
 * @param ca PEM text that the issuer's certificate is checked against; undefined: the system's roots
 */
export function createPageSignIn(
	{ issuer, clientId, scopes }: LoginSettings,
	ca: string | undefined,
): PageSignIn {
	const queue = createQueue(EXCHANGES.atOnce, EXCHANGES);
	let found: oidc.Configuration | undefined;
	const attempt = async <T>(work: () => Promise<Result<T>>): Promise<Result<T>> => {
		try {
			return await work();
		} catch (thrown) {
			return err(`the issuer ${issuer}: ${issuerProblem(thrown, TIMEOUT)}`);
		}
	};
	const discover = atMostEvery(DISCOVERY_INTERVAL, () =>
		attempt(async () => {
			found ??= await oidc.discovery(new URL(issuer), clientId, undefined, oidc.None(), {
				[oidc.customFetch]: issuerFetch(ca, TIMEOUT),
			});
			return ok(found);
		}),
	);
	return {
		client: async () => {
			const configuration = await discover();
			if (!configuration.ok) return configuration;
			const endpoint = configuration.value.serverMetadata().authorization_endpoint;
			return endpoint === undefined
				? err(`the issuer ${issuer} does not offer the authorization code grant`)
				: ok({ authorizationEndpoint: endpoint, clientId, scope: scopesOf(scopes) });
		},
		exchange: async ({ code, verifier, redirectUri, iss }) => {
			const configuration = await discover();
			if (!configuration.ok) return configuration;
			const callback = new URL(redirectUri);
			callback.searchParams.set('code', code);
			if (iss !== undefined) callback.searchParams.set('iss', iss);
			const result = await queue(() =>
				attempt(async () =>
					tokenOf(
						await oidc.authorizationCodeGrant(configuration.value, callback, { pkceCodeVerifier: verifier }),
					),
				),
			);
			return result ?? err('too many sign-ins at a time; try again');
		},
	};
}

/** The page has no use for a refresh token. */
const scopesOf = (scopes: string): string =>
	scopes
		.split(' ')
		.filter((scope) => scope !== 'offline_access')
		.join(' ');

/** The token that is for this program alone: the access token, or the id token of a client of that name. */
function tokenOf(answer: oidc.TokenEndpointResponse & oidc.TokenEndpointResponseHelpers): Result<PageToken> {
	const token = [answer.access_token, answer.id_token].find((one) => one !== undefined && isForReveal(one));
	if (token === undefined) return err(`the issuer gave no token for the audience ${REVEAL_AUDIENCE} alone`);
	const { exp = 0 } = decodeJwt(token);
	return ok({ token, seconds: Math.max(0, Math.floor(exp - Date.now() / 1_000)) });
}

function isForReveal(token: string): boolean {
	try {
		const { aud } = decodeJwt(token);
		return [aud].flat().join(' ') === REVEAL_AUDIENCE;
	} catch {
		// An access token need not be a JWT.
		return false;
	}
}
