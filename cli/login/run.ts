import { object } from '../../lib/json.ts';
import { type Context, fail } from '../context.ts';
import { httpCall } from '../http.ts';
import { json, type Output } from '../output.ts';
import { type ApiAddress, readApiAddress } from '../remote/address.ts';
import { failed, withApi } from '../remote/session.ts';
import { table } from '../table.ts';
import { issuerCa } from './current-token.ts';
import { deviceLogin, revoke } from './issuer.ts';
import { readSession, removeSession, sessionFile, writeSession } from './session-file.ts';

/** What the API says about logins, or the options instead. */
interface LoginSettings {
	readonly issuer: string;
	readonly clientId: string;
	readonly audience: string;
	readonly scopes: string;
}

/** Options of `envtier login`. Those that are set win over what the API says. */
export type LoginOptions = Partial<LoginSettings>;

const NO_HOME = 'HOME is not set: there is no place for the session';

/** `envtier login` */
export async function login(options: LoginOptions, context: Context): Promise<void> {
	const { env, stdin, stderr, stdout } = context;
	const address = await readApiAddress(env, stdin);
	if (!address.ok) return fail(context, 'usage', address.error);
	const { url } = address.value;
	const file = sessionFile(env, url);
	if (file === undefined) return fail(context, 'usage', NO_HOME);
	const settings = await loginSettings(address.value, options);
	if (typeof settings === 'string') return fail(context, 'unavailable', settings);
	const ca = await issuerCa(env, stdin, address.value);
	if (!ca.ok) return fail(context, 'usage', ca.error);
	const { issuer, clientId, audience, scopes } = settings;
	const show = (page: string, code: string, minutes: number): void => {
		stderr.write(`Open ${page}\nand check that it shows the code ${stderr.paint('title', code)}\n`);
		stderr.write(`(the code is valid for ${minutes} min; you log in at ${issuer})\n`);
	};
	const client = { issuer, clientId, audience, ca: ca.value };
	const tokens = await deviceLogin(client, scopes, show);
	if (!tokens.ok) return fail(context, 'denied', tokens.error);
	await writeSession(file, { api: url, issuer, clientId, audience, ...tokens.value });
	stdout.write(`logged in at ${url}; the session is in ${file}\n`);
	if (tokens.value.refreshToken === undefined)
		stderr.write(
			'the issuer gave no refresh token: the session ends soon. The scope offline_access asks for one\n',
		);
}

async function loginSettings(
	{ url, ca }: ApiAddress,
	{ issuer, clientId, audience, scopes }: LoginOptions,
): Promise<LoginSettings | string> {
	const answer = await httpCall({
		...{ method: 'GET', url: new URL('/.well-known/envtier-login', url) },
		options: ca === undefined ? {} : { ca },
	});
	const told = answer.ok && answer.value.status === 200 ? object(answer.value.body) : undefined;
	const text = (name: string): string | undefined => {
		const value = told?.[name];
		return typeof value === 'string' ? value : undefined;
	};
	const settings = {
		issuer: issuer ?? text('issuer'),
		clientId: clientId ?? text('clientId'),
		audience: audience ?? text('audience') ?? 'envtier-api',
		scopes: scopes ?? text('scopes') ?? 'openid offline_access',
	};
	if (settings.issuer === undefined || settings.clientId === undefined)
		return answer.ok
			? `the API at ${url} names no issuer for logins: set --issuer and --client-id, or ask its operator to set ENVTIER_API_OIDC_CLIENT_ID`
			: `the secrets API at ${url} ${answer.error.message}`;
	return settings as LoginSettings;
}

/** `envtier logout` */
export async function logout(context: Context): Promise<void> {
	const { env, stdin, stdout } = context;
	const address = await readApiAddress(env, stdin);
	if (!address.ok) return fail(context, 'usage', address.error);
	const file = sessionFile(env, address.value.url);
	if (file === undefined) return fail(context, 'usage', NO_HOME);
	const session = await readSession(file);
	// First the file: whatever the issuer answers, this machine has no session any more.
	await removeSession(file);
	if (!session.ok) return fail(context, 'failed', session.error);
	if (session.value === undefined) return void stdout.write('there was no session\n');
	const { refreshToken } = session.value;
	const ca = await issuerCa(env, stdin, address.value);
	if (refreshToken !== undefined && ca.ok) {
		const revoked = await revoke({ ...session.value, ca: ca.value }, refreshToken);
		if (!revoked.ok)
			return fail(
				context,
				'failed',
				`the file is removed, but the session was not revoked: ${revoked.error}`,
			);
	}
	stdout.write(`logged out of ${address.value.url}\n`);
}

/** The answer of `GET /api/whoami`. */
interface WhoAmI {
	readonly subject: string;
	readonly kind: string;
	readonly email?: string;
	readonly org: string;
	readonly orgs: readonly string[];
	readonly roles: readonly string[];
	readonly scopes: readonly string[];
	readonly groups?: readonly string[];
}

/** `envtier whoami` */
export async function whoami(output: Output, context: Context): Promise<void> {
	await withApi(context, async ({ call, settings }) => {
		const answer = await call('GET', '/api/whoami');
		if (!answer.ok) return failed(context, answer.error);
		const me = answer.value as WhoAmI;
		const { write, paint } = context.stdout;
		if (output === 'json') return write(json(me));
		const rows = [
			['subject', me.subject],
			['signed in by', me.kind],
			...(me.email === undefined ? [] : [['e-mail', me.email]]),
			['organization', me.org || 'none'],
			...(me.orgs.length > 1 ? [['organizations', me.orgs.join(' ')]] : []),
			...(me.groups === undefined
				? [
						['roles', me.roles.join(' ') || 'none'],
						['scopes', me.scopes.join(' ') || 'none'],
					]
				: [
						['groups', me.groups.join(' ') || 'none'],
						['rights', 'the cluster’s RBAC decides'],
					]),
		];
		write(table(['API', settings.url], rows, paint));
	});
}
