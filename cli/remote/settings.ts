import { parseName } from '../../contract/names.ts';
import { err, ok, type Result } from '../../contract/result.ts';
import { readInput } from '../files.ts';
import { type ApiAddress, readApiAddress } from './address.ts';
import { API_VARIABLES } from './variables.ts';

/** Address and credentials of the secrets API. */
export interface ApiSettings {
	readonly url: string;
	readonly token: string;
	readonly tokenSource: TokenSource;
	readonly ca: string | undefined;
	readonly org: string | undefined;
}

/** Where the token is: a variable, or the session of a login. */
export type TokenSource = 'ENVTIER_API_TOKEN' | 'ENVTIER_API_TOKEN_FILE' | 'the session of `envtier login`';

type Env = Readonly<Record<string, string | undefined>>;

/** Reads the settings from an environment. The error names the missing or wrong variable, never its value. */
export async function readApiSettings(env: Env, stdin: NodeJS.ReadStream): Promise<Result<ApiSettings>> {
	const address = await readApiAddress(env, stdin);
	if (!address.ok) return address;
	const token = await tokenOf(env, stdin, address.value);
	if (!token.ok) return token;
	const org = env['ENVTIER_API_ORG'] || undefined;
	if (org !== undefined && !parseName(org).ok)
		return err('ENVTIER_API_ORG must be the name of an organization');
	return ok({ ...address.value, ...token.value, org });
}

async function tokenOf(
	env: Env,
	stdin: NodeJS.ReadStream,
	address: ApiAddress,
): Promise<Result<Pick<ApiSettings, 'token' | 'tokenSource'>>> {
	const file = env['ENVTIER_API_TOKEN_FILE'];
	const value = env['ENVTIER_API_TOKEN'];
	if (value && file) return err('ENVTIER_API_TOKEN and ENVTIER_API_TOKEN_FILE are both set: set one of them');
	if (!value && !file) {
		const { currentToken } = await import('../login/current-token.ts');
		const token = await currentToken(env, stdin, address);
		if (!token.ok) return token;
		if (token.value !== undefined)
			return ok({ token: token.value, tokenSource: 'the session of `envtier login`' });
		return err(
			`neither ENVTIER_API_TOKEN nor ENVTIER_API_TOKEN_FILE is set, and there is no session: ${API_VARIABLES.ENVTIER_API_TOKEN}`,
		);
	}
	const read = file ? await readInput(file, stdin) : ok(value ?? '');
	if (!read.ok) return err(`ENVTIER_API_TOKEN_FILE: ${read.error}`);
	const token = read.value.trim();
	// No other text could be the value of a header.
	if (!/^[!-~]+$/.test(token)) return err('the token must be one line of printable ASCII without blanks');
	return ok({ token, tokenSource: file ? 'ENVTIER_API_TOKEN_FILE' : 'ENVTIER_API_TOKEN' });
}
