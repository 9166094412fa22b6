import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { SCOPES } from '../../../api/auth/caller.ts';
import { makeJwtSigner, serviceAccountClaims } from '../../support/jwt.ts';
import { type OpenBao, type OpenBaoOptions, startOpenBao } from '../../support/openbao.ts';
import { createToken, enableAuth, must } from '../../support/openbao-setup.ts';
import { vaultSetup } from '../../support/vault-setup.ts';
import { type ApiUnderTest, startApi } from './api.ts';
import { type Issuer, startIssuer } from './issuer.ts';

type Env = Readonly<Record<string, string>>;

/** The secrets API and the Reveal program beside it, on one OpenBao, each with its shipped policy alone. */
export interface WithReveal extends AsyncDisposable {
	readonly bao: OpenBao;
	readonly issuer: Issuer;
	readonly api: ApiUnderTest;
	readonly reveal: ApiUnderTest;
	/** A Vault token with the whole policy of the API beside the Reveal program. */
	readonly apiToken: string;
	/** Logs in as the Reveal program does; undefined if Vault refuses. */
	logIn(role: string): Promise<string>;
	/** A session for the API, and one for the Reveal program. */
	session(sub: string, claims?: object): Promise<{ readonly api: string; readonly reveal: string }>;
	/** Starts another Reveal program on the same OpenBao. */
	another(env: Readonly<Record<string, string>>, beforeAudit?: (line: string) => void): Promise<ApiUnderTest>;
}

/** What an administrator sets up for both programs on one Vault. */
export interface RevealSetup {
	/** A service account's token of the Reveal program. */
	readonly jwt: () => string;
	/** A Vault token with the whole policy of the API beside the Reveal program. */
	readonly apiToken: string;
	/** How the Reveal program logs in. */
	readonly revealEnv: Env;
}

/** Sets an OpenBao up for the API and the Reveal program beside it, each with its shipped policy alone. */
export async function setUpReveal(bao: OpenBao): Promise<RevealSetup> {
	const signer = makeJwtSigner();
	await enableAuth(bao, 'jwt', { config: { jwt_validation_pubkeys: [signer.publicKeyPem] } });
	const setup = vaultSetup(bao);
	await setup('reveal', '--type', 'jwt');
	await setup('api', '--type', 'jwt', '--beside-reveal');
	// A kubelet renews the file of the token; here one token lasts as long as any test.
	const lasting = () => ({ exp: Math.floor(Date.now() / 1000) + 7200 });
	const jwt = () =>
		signer.sign({ ...serviceAccountClaims('envtier-system', 'envtier-reveal'), ...lasting() });
	const tokenFile = join(bao.dir, 'reveal-token');
	await writeFile(tokenFile, jwt(), { mode: 0o600 });
	return {
		jwt,
		apiToken: await createToken(bao, ['envtier_api_secret']),
		revealEnv: {
			ENVTIER_API_MODE: 'reveal',
			ENVTIER_VAULT_AUTH_MOUNT: 'jwt',
			ENVTIER_API_VAULT_ROLE: 'envtier-reveal',
			ENVTIER_API_VAULT_LOGIN_TOKEN_FILE: tokenFile,
		},
	};
}

/**
 * Starts both programs.
 *
 * @param env of the Reveal program
 * @param more of both programs, and of the API; where the pages of the Reveal program lie
 */
export async function startWithReveal(
	env: Readonly<Record<string, string>> = {},
	more: { readonly both?: Env; readonly api?: Env; readonly dashboardBeside?: string } = {},
	options: OpenBaoOptions = {},
): Promise<WithReveal> {
	await using opened = new AsyncDisposableStack();
	const bao = await startOpenBao(options);
	opened.defer(() => bao.stop());
	const issuer = opened.use(await startIssuer());
	const { jwt, apiToken, revealEnv } = await setUpReveal(bao);
	const shared = {
		ENVTIER_VAULT_ADDR: bao.addr,
		ENVTIER_VAULT_CA: bao.caPem,
		ENVTIER_API_OIDC_ISSUER: issuer.url,
		ENVTIER_API_OIDC_CA: issuer.caPem,
		ENVTIER_API_FAILED_LOGINS_PER_MINUTE: '1000',
		...more.both,
	};
	const another = (own: Env, beforeAudit?: (line: string) => void) =>
		startApi({
			env: {
				...shared,
				...revealEnv,
				...own,
			},
			...(beforeAudit === undefined ? {} : { beforeAudit }),
			...(more.dashboardBeside === undefined ? {} : { dashboardBeside: more.dashboardBeside }),
		});
	const reveal = opened.use(await another(env));
	const besides = { ENVTIER_API_VAULT_TOKEN: apiToken, ENVTIER_API_REVEAL_URL: 'https://reveal.example' };
	const api = opened.use(await startApi({ env: { ...shared, ...besides, ...more.api } }));
	const owned = opened.move();
	return {
		bao,
		issuer,
		api,
		reveal,
		apiToken,
		another,
		logIn: async (name) => {
			const answer = await must(bao, 'POST', 'auth/jwt/login', {
				body: { role: name, jwt: jwt() },
				token: '',
			});
			return (answer as { auth: { client_token: string } }).auth.client_token;
		},
		session: async (sub, claims = {}) => {
			const whole = { sub, org: 'acme', scope: SCOPES.join(' '), ...claims };
			return {
				api: await issuer.session(whole),
				reveal: await issuer.session({ aud: 'envtier-reveal', ...whole }),
			};
		},
		[Symbol.asyncDispose]: () => owned.disposeAsync(),
	};
}
