import { parseName } from '../../contract/names.ts';
import { parseCaBundle } from '../../contract/pem.ts';
import { err, ok, type Result } from '../../contract/result.ts';
import { parseAddress } from '../../contract/values.ts';
import { readBytes, readInput } from '../files.ts';
import { API_VARIABLES } from './variables.ts';

/** Address and credentials of the secrets API. */
export interface ApiSettings {
	readonly url: string;
	readonly token: string;
	readonly tokenSource: TokenSource;
	readonly ca: string | undefined;
	readonly org: string | undefined;
}

/** The variable with the token. */
export type TokenSource = 'ENVTIER_API_TOKEN' | 'ENVTIER_API_TOKEN_FILE';

type Env = Readonly<Record<string, string | undefined>>;

const LOOPBACK = /^(?:127\.[0-9.]+|\[::1\]|localhost)$/;

/** Reads the settings from an environment. The error names the missing or wrong variable, never its value. */
export async function readApiSettings(env: Env, stdin: NodeJS.ReadStream): Promise<Result<ApiSettings>> {
	const url = parseAddress((env['ENVTIER_API_URL'] ?? '').replace(/\/$/, ''));
	if (!env['ENVTIER_API_URL']) return err(`ENVTIER_API_URL is not set: ${API_VARIABLES.ENVTIER_API_URL}`);
	if (!url.ok)
		return err('ENVTIER_API_URL must be an address such as https://envtier.example.com, without a path');
	if (url.value.startsWith('http:') && !LOOPBACK.test(new URL(url.value).hostname))
		return err(
			'ENVTIER_API_URL must start with https://: over http:// your token and the secrets could be read on the way',
		);
	const token = await tokenOf(env, stdin);
	if (!token.ok) return token;
	const ca = await certificatesOf(env['ENVTIER_API_CA'], stdin);
	if (!ca.ok) return ca;
	const org = env['ENVTIER_API_ORG'] || undefined;
	if (org !== undefined && !parseName(org).ok)
		return err('ENVTIER_API_ORG must be the name of an organization');
	return ok({
		url: url.value,
		token: token.value,
		tokenSource: env['ENVTIER_API_TOKEN_FILE'] ? 'ENVTIER_API_TOKEN_FILE' : 'ENVTIER_API_TOKEN',
		ca: ca.value,
		org,
	});
}

async function tokenOf(env: Env, stdin: NodeJS.ReadStream): Promise<Result<string>> {
	const file = env['ENVTIER_API_TOKEN_FILE'];
	const value = env['ENVTIER_API_TOKEN'];
	if (value && file) return err('ENVTIER_API_TOKEN and ENVTIER_API_TOKEN_FILE are both set: set one of them');
	if (!value && !file)
		return err(
			`neither ENVTIER_API_TOKEN nor ENVTIER_API_TOKEN_FILE is set: ${API_VARIABLES.ENVTIER_API_TOKEN}`,
		);
	const read = file ? await readInput(file, stdin) : ok(value ?? '');
	if (!read.ok) return err(`ENVTIER_API_TOKEN_FILE: ${read.error}`);
	const token = read.value.trim();
	// No other text could be the value of a header.
	return /^[!-~]+$/.test(token)
		? ok(token)
		: err('the token must be one line of printable ASCII without blanks');
}

async function certificatesOf(
	value: string | undefined,
	stdin: NodeJS.ReadStream,
): Promise<Result<string | undefined>> {
	if (!value) return ok(undefined);
	// Comments in a bundle may have any encoding.
	const pem = value.includes('-----BEGIN ') ? ok(value) : await readBytes(value, stdin);
	if (!pem.ok) return err(`ENVTIER_API_CA: ${pem.error}`);
	const bundle = parseCaBundle(pem.value.toString());
	return bundle.ok
		? bundle
		: err(`ENVTIER_API_CA must be ${bundle.error}, or the path of a file that holds such text`);
}
