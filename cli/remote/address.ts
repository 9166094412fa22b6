import { parseCaBundle } from '../../contract/pem.ts';
import { err, ok, type Result } from '../../contract/result.ts';
import { parseAddress } from '../../contract/values.ts';
import { readBytes } from '../files.ts';
import { API_VARIABLES } from './variables.ts';

/** Address of the secrets API, and the CA that its certificate is checked against. */
export interface ApiAddress {
	readonly url: string;
	readonly ca: string | undefined;
}

type Env = Readonly<Record<string, string | undefined>>;

const LOOPBACK = /^(?:127\.[0-9.]+|\[::1\]|localhost)$/;

/** Reads the address of the API, for commands that need no token. */
export async function readApiAddress(env: Env, stdin: NodeJS.ReadStream): Promise<Result<ApiAddress>> {
	const url = parseAddress((env['ENVTIER_API_URL'] ?? '').replace(/\/$/, ''));
	if (!env['ENVTIER_API_URL']) return err(`ENVTIER_API_URL is not set: ${API_VARIABLES.ENVTIER_API_URL}`);
	if (!url.ok)
		return err('ENVTIER_API_URL must be an address such as https://envtier.example.com, without a path');
	if (url.value.startsWith('http:') && !LOOPBACK.test(new URL(url.value).hostname))
		return err(
			'ENVTIER_API_URL must start with https://: over http:// your token and the secrets could be read on the way',
		);
	const ca = await certificatesOf('ENVTIER_API_CA', env['ENVTIER_API_CA'], stdin);
	return ca.ok ? ok({ url: url.value, ca: ca.value }) : ca;
}

/** The CA certificates in a variable: PEM text, or the path of a file; undefined if it is not set. */
export async function certificatesOf(
	name: string,
	value: string | undefined,
	stdin: NodeJS.ReadStream,
): Promise<Result<string | undefined>> {
	if (!value) return ok(undefined);
	// Comments in a bundle may have any encoding.
	const pem = value.includes('-----BEGIN ') ? ok(value) : await readBytes(value, stdin);
	if (!pem.ok) return err(`${name}: ${pem.error}`);
	const bundle = parseCaBundle(pem.value.toString());
	return bundle.ok
		? bundle
		: err(`${name} must be ${bundle.error}, or the path of a file that holds such text`);
}
