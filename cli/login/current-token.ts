import { err, ok, type Result } from '../../contract/result.ts';
import { type ApiAddress, certificatesOf } from '../remote/address.ts';
import {
	readSession,
	type StoredSession,
	sessionFile,
	withSessionLock,
	writeSession,
} from './session-file.ts';

type Env = Readonly<Record<string, string | undefined>>;

/** A token is refreshed when it ends within this time, in ms. */
const EARLY = 60_000;

const isFresh = ({ expiresAt }: StoredSession): boolean => Date.parse(expiresAt) - Date.now() > EARLY;

/** The CA of the issuer: `ENVTIER_OIDC_CA`, else that of the API. */
export async function issuerCa(
	env: Env,
	stdin: NodeJS.ReadStream,
	{ ca }: ApiAddress,
): Promise<Result<string | undefined>> {
	if (!env['ENVTIER_OIDC_CA']) return ok(ca);
	return await certificatesOf('ENVTIER_OIDC_CA', env['ENVTIER_OIDC_CA'], stdin);
}

/** The token of the session for an API, refreshed if it ends soon; undefined if there is no session. */
export async function currentToken(
	env: Env,
	stdin: NodeJS.ReadStream,
	address: ApiAddress,
): Promise<Result<string | undefined>> {
	const file = sessionFile(env, address.url);
	if (file === undefined) return ok(undefined);
	const session = await readSession(file);
	if (!session.ok) return session;
	if (session.value === undefined || isFresh(session.value)) return ok(session.value?.token);
	return await withSessionLock(file, async () => {
		// Another process may have refreshed it meanwhile.
		const current = await readSession(file);
		if (!current.ok) return current;
		if (current.value === undefined || isFresh(current.value)) return ok(current.value?.token);
		return await refreshed(file, current.value, await issuerCa(env, stdin, address));
	});
}

async function refreshed(
	file: string,
	session: StoredSession,
	ca: Result<string | undefined>,
): Promise<Result<string>> {
	if (!ca.ok) return ca;
	const { refreshToken, ...rest } = session;
	if (refreshToken === undefined) {
		return Date.parse(session.expiresAt) > Date.now()
			? ok(session.token)
			: err('your session has ended: run `envtier login`');
	}
	const { refresh } = await import('./issuer.ts');
	const tokens = await refresh({ ...session, ca: ca.value }, refreshToken);
	if (!tokens.ok) return err(`your session cannot be refreshed: ${tokens.error}; run \`envtier login\``);
	await writeSession(file, { ...rest, ...tokens.value });
	return ok(tokens.value.token);
}
