import { createServer } from 'node:https';
import type { AddressInfo } from 'node:net';
import Provider, { type Configuration } from 'oidc-provider';
import { makeAuthority } from './tls.ts';

/** A real OpenID provider with the device authorization grant. Its tokens are JWTs for one API. */
export interface DeviceIssuer extends AsyncDisposable {
	/** `https://127.0.0.1:port` */
	readonly url: string;
	readonly caPem: string;
	/** The public client of the command line. */
	readonly clientId: string;
	/** The audience of its access tokens. */
	readonly audience: string;
	/** Does what a person does in the browser: logs in, checks the code, and consents, or refuses. */
	decide(userCode: string, decision: 'allow' | 'deny', subject?: string): Promise<void>;
	/** Requests to the token endpoint so far, by grant type. */
	tokenRequests(): readonly string[];
	/** Seconds that an access token lives, from now on. */
	setLifetime(seconds: number): void;
	/** Answers 503 from now on, or no longer. */
	setBroken(broken: boolean): void;
}

const AUDIENCE = 'https://envtier-api.example';
const SCOPE = 'secrets:read secrets:write secrets:delete audit';

/** Starts a provider on a free port. */
export async function startDeviceIssuer(): Promise<DeviceIssuer> {
	const authority = await makeAuthority('Envtier test provider CA');
	const leaf = await authority.issue();
	const grants: string[] = [];
	let lifetime = 300;
	let broken = false;
	let handle: ReturnType<Provider['callback']> | undefined;
	const server = createServer({ cert: leaf.certPem, key: leaf.keyPem }, (request, response) => {
		if (broken) return void response.writeHead(503).end('made by the test');
		void handle?.(request, response);
	});
	await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
	const url = `https://127.0.0.1:${(server.address() as AddressInfo).port}`;
	const configuration: Configuration = {
		clients: [
			{
				client_id: 'envtier',
				token_endpoint_auth_method: 'none',
				application_type: 'native',
				grant_types: ['urn:ietf:params:oauth:grant-type:device_code', 'refresh_token'],
				redirect_uris: [],
				response_types: [],
			},
		],
		features: {
			devInteractions: { enabled: false },
			deviceFlow: { enabled: true },
			revocation: { enabled: true },
			resourceIndicators: {
				enabled: true,
				getResourceServerInfo: () => ({
					scope: SCOPE,
					audience: AUDIENCE,
					accessTokenTTL: lifetime,
					accessTokenFormat: 'jwt',
					jwt: { sign: { alg: 'RS256' } },
				}),
			},
		},
		extraTokenClaims: () => ({ org: 'acme', roles: ['org_admin'] }),
		findAccount: (_context, accountId) => ({ accountId, claims: () => ({ sub: accountId }) }),
		cookies: { keys: ['of the test'] },
		issueRefreshToken: (_context, client) => client.grantTypeAllowed('refresh_token'),
		rotateRefreshToken: true,
	};
	const provider = new Provider(url, configuration);
	provider.on('grant.success', (context) => void grants.push(String(context.oidc.params?.['grant_type'])));
	// Clients poll every five seconds unless the answer says otherwise.
	provider.use(async (context, next) => {
		await next();
		if (context.path === '/device/auth' && typeof context.body === 'object')
			context.body = { ...context.body, interval: 1 };
	});
	handle = provider.callback();
	return {
		url,
		caPem: authority.certPem,
		clientId: 'envtier',
		audience: AUDIENCE,
		decide: async (userCode, decision, subject = 'alice') => {
			const code = await provider.DeviceCode.findByUserCode(userCode.replace(/[^A-Z0-9]/g, ''));
			if (code === undefined) throw new Error(`there is no code ${userCode}`);
			if (decision === 'deny') {
				code.error = 'access_denied';
				code.errorDescription = 'End-User aborted interaction';
			} else {
				const grant = new provider.Grant({ clientId: 'envtier', accountId: subject });
				grant.addOIDCScope('openid offline_access');
				grant.addResourceScope(AUDIENCE, SCOPE);
				Object.assign(code, {
					...{ accountId: subject, grantId: await grant.save(), authTime: Math.floor(Date.now() / 1000) },
					...{ scope: `openid offline_access ${SCOPE}`, resource: AUDIENCE },
				});
			}
			await code.save();
		},
		tokenRequests: () => grants,
		setLifetime: (seconds) => {
			lifetime = seconds;
		},
		setBroken: (state) => {
			broken = state;
		},
		[Symbol.asyncDispose]: () =>
			new Promise((resolve) => {
				server.close(() => resolve());
				server.closeAllConnections();
			}),
	};
}
