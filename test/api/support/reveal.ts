import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { SCOPES } from '../../../api/auth/caller.ts';
import { makeJwtSigner, serviceAccountClaims } from '../../support/jwt.ts';
import { type OpenBao, startOpenBao } from '../../support/openbao.ts';
import { createToken, enableAuth, must } from '../../support/openbao-setup.ts';
import { runProcess } from '../../support/process.ts';
import { administratorOf } from '../../support/vault-setup.ts';
import { type ApiUnderTest, startApi } from './api.ts';
import { type Issuer, startIssuer } from './issuer.ts';

const SCRIPT = join(import.meta.dirname, '../../../deploy/vault/setup-reveal.sh');

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

/** Starts both programs. */
export async function startWithReveal(env: Readonly<Record<string, string>> = {}): Promise<WithReveal> {
	await using opened = new AsyncDisposableStack();
	const bao = await startOpenBao();
	opened.defer(() => bao.stop());
	const issuer = opened.use(await startIssuer());
	const signer = makeJwtSigner();
	await enableAuth(bao, 'jwt', { config: { jwt_validation_pubkeys: [signer.publicKeyPem] } });
	const setup = await runProcess({
		command: 'sh',
		args: [SCRIPT, '--type', 'jwt'],
		env: await administratorOf(bao),
	});
	if (setup.code !== 0) throw new Error(setup.stderr);
	const jwt = () => signer.sign(serviceAccountClaims('envtier-system', 'envtier-reveal'));
	const tokenFile = join(bao.dir, 'reveal-token');
	await writeFile(tokenFile, jwt(), { mode: 0o600 });
	const apiToken = await createToken(bao, ['envtier_api_secret']);
	const shared = {
		ENVTIER_VAULT_ADDR: bao.addr,
		ENVTIER_VAULT_CA: bao.caPem,
		ENVTIER_API_OIDC_ISSUER: issuer.url,
		ENVTIER_API_OIDC_CA: issuer.caPem,
		ENVTIER_API_FAILED_LOGINS_PER_MINUTE: '1000',
	};
	const another = (more: Readonly<Record<string, string>>, beforeAudit?: (line: string) => void) =>
		startApi({
			env: {
				...shared,
				ENVTIER_API_MODE: 'reveal',
				ENVTIER_VAULT_AUTH_MOUNT: 'jwt',
				ENVTIER_API_VAULT_ROLE: 'envtier-reveal',
				ENVTIER_API_VAULT_LOGIN_TOKEN_FILE: tokenFile,
				...more,
			},
			...(beforeAudit === undefined ? {} : { beforeAudit }),
		});
	const reveal = opened.use(await another(env));
	const besides = { ENVTIER_API_VAULT_TOKEN: apiToken, ENVTIER_API_REVEAL_URL: 'https://reveal.example' };
	const api = opened.use(await startApi({ env: { ...shared, ...besides } }));
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
