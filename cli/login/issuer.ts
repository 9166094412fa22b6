import * as oidc from 'openid-client';
import { err, ok, type Result } from '../../contract/result.ts';
import { issuerFetch, issuerProblem } from '../../lib/http/issuer.ts';

/** The client of the command line at an issuer. */
export interface IssuerClient {
	readonly issuer: string;
	readonly clientId: string;
	readonly audience: string;
	/** PEM text; undefined: the system's roots. */
	readonly ca: string | undefined;
}

/** Tokens of a login or a refresh. */
export interface Tokens {
	readonly token: string;
	readonly expiresAt: string;
	readonly refreshToken?: string;
}

/** Timeout of one request to the issuer, in ms. */
const TIMEOUT = 15_000;
/** The life of a token whose issuer does not tell it, in seconds. */
const SHORT = 300;

/** Reads the issuer's discovery document. */
async function discover({ issuer, clientId, ca }: IssuerClient): Promise<Result<oidc.Configuration>> {
	if (!URL.canParse(issuer) || new URL(issuer).protocol !== 'https:')
		return err('the issuer must have an https:// address');
	return await attempt(issuer, () =>
		oidc.discovery(new URL(issuer), clientId, undefined, oidc.None(), {
			[oidc.customFetch]: issuerFetch(ca, TIMEOUT),
		}),
	);
}

/**
 * Logs in by the device authorization grant (RFC 8628): the person enters a code in a browser.
 *
 * @param show shows the address and the code
 */
export async function deviceLogin(
	client: IssuerClient,
	scope: string,
	show: (address: string, code: string, minutes: number) => void,
): Promise<Result<Tokens>> {
	const configuration = await discover(client);
	if (!configuration.ok) return configuration;
	if (configuration.value.serverMetadata().device_authorization_endpoint === undefined)
		return err(`${client.issuer} does not offer logins of devices (RFC 8628)`);
	return await attempt(client.issuer, async () => {
		const parameters = { scope, ...resourceOf(client) };
		const device = await oidc.initiateDeviceAuthorization(configuration.value, parameters);
		const address = device.verification_uri_complete ?? device.verification_uri;
		show(address, device.user_code, Math.max(1, Math.round(device.expires_in / 60)));
		const tokens = await oidc.pollDeviceAuthorizationGrant(configuration.value, device, resourceOf(client));
		return tokensOf(tokens, undefined);
	});
}

/** Gets new tokens for a refresh token. */
export async function refresh(client: IssuerClient, refreshToken: string): Promise<Result<Tokens>> {
	const configuration = await discover(client);
	if (!configuration.ok) return configuration;
	return await attempt(client.issuer, async () =>
		tokensOf(
			await oidc.refreshTokenGrant(configuration.value, refreshToken, resourceOf(client)),
			refreshToken,
		),
	);
}

/** Revokes a refresh token at the issuer, so that a copy of the file is of no use. */
export async function revoke(client: IssuerClient, refreshToken: string): Promise<Result<void>> {
	const configuration = await discover(client);
	if (!configuration.ok) return configuration;
	if (configuration.value.serverMetadata().revocation_endpoint === undefined)
		return err(`${client.issuer} offers no revocation (RFC 7009)`);
	return await attempt(client.issuer, () => oidc.tokenRevocation(configuration.value, refreshToken));
}

/** The resource indicator (RFC 8707) for an audience that is an address. */
function resourceOf({ audience }: IssuerClient): Record<string, string> {
	return /^https?:\/\//.test(audience) ? { resource: audience } : {};
}

/** The access token if it is a JWT, which the API can check, else the id token. */
function tokensOf(
	answer: oidc.TokenEndpointResponse & oidc.TokenEndpointResponseHelpers,
	before: string | undefined,
): Tokens {
	const { access_token: access, id_token: id, refresh_token: refreshToken = before } = answer;
	const token = access.split('.').length === 3 ? access : id;
	if (token === undefined || !/^[!-~]+$/.test(token))
		throw new Error('the issuer gave no token that is a JWT');
	const seconds = answer.expiresIn() ?? SHORT;
	return {
		token,
		expiresAt: new Date(Date.now() + 1000 * seconds).toISOString(),
		...(refreshToken === undefined ? {} : { refreshToken }),
	};
}

async function attempt<T>(issuer: string, work: () => Promise<T>): Promise<Result<T>> {
	try {
		return ok(await work());
	} catch (thrown) {
		return err(`the issuer ${issuer}: ${issuerProblem(thrown, TIMEOUT)}`);
	}
}
