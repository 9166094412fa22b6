import type { Lease } from '../../contract/lease.ts';
import { object } from '../../lib/json.ts';
import { Failure } from '../failure.ts';
import { logIn } from '../fetch.ts';
import type { Log } from '../log.ts';
import { explainReadRefusal } from '../read-refusal.ts';
import type { Settings } from '../settings.ts';
import { quoted } from '../text.ts';
import { readTokenFile } from '../token-file.ts';
import type { SavedToken, Vault } from '../vault.ts';
import { decodeLease } from './lease-answer.ts';
import { wallClock } from './lease-clock.ts';
import type { Grant, Renewal } from './lease-state.ts';

/** The input of a mint. */
export interface MintParts {
	readonly settings: Settings;
	readonly log: Log;
	readonly name: string;
	readonly lease: Lease;
	/** A client without a token. */
	readonly vault: Vault;
	/** Called after the login, before the request that issues the secret. It saves the token. */
	readonly onLogin: (token: SavedToken) => void;
}

/**
 * Logs in and issues a secret. The token serves this secret only, so that its revocation ends the lease and
 * nothing else.
 *
 * @throws Failure that names the lease and its path
 */
export async function mint({ settings, log, name, lease, vault, onLogin }: MintParts): Promise<Grant> {
	await logIn({ settings, vault, log, jwt: readTokenFile(settings.tokenFile) });
	const token = tokenOf(vault, settings);
	onLogin(token);
	const sent = wallClock();
	const parameters = lease.parameters.length === 0 ? undefined : Object.fromEntries(lease.parameters);
	const what = `the lease ${name} at ${quoted(lease.path)}`;
	const result = await vault.issue(lease.path, parameters).catch((thrown: unknown) => {
		if (!(thrown instanceof Failure) || thrown.path === undefined) throw thrown;
		throw new Failure(thrown.reason, `${what} cannot be issued: ${thrown.message}`, {
			...{ retryable: thrown.retryable, cure: `look for ${quoted(lease.path)} in Vault’s log` },
			...(thrown.retryAfter === undefined ? {} : { retryAfter: thrown.retryAfter }),
		});
	});
	if (result.kind === 'refused') throw await explainMint(result, { settings, name, lease, vault });
	const answer = decodeLease(name, result.body, settings.empty, sent);
	if (!answer.ok)
		throw new Failure('secret-unusable', `the answer for ${what} ${answer.error.what}`, {
			cure: answer.error.cure,
		});
	const { leaseId, continuation, ttl, values } = answer.value;
	// Without a lease nothing ends with the token.
	const depends = leaseId !== undefined;
	const tokenTtl = token.expires - Date.now();
	return {
		...{ token: depends ? token : undefined, leaseId, continuation, ttl, tokenTtl, values },
		...{ since: sent, expires: sent + (depends ? Math.min(ttl, tokenTtl) : ttl) },
	};
}

/** The token of a login, which must be revocable and without a limit on its uses. */
function tokenOf(vault: Vault, { vault: { authMount, role } }: Settings): SavedToken {
	const token = vault.token();
	if (token?.revocable === true) return token;
	const path = `auth/${authMount}/role/${role}`;
	throw new Failure(
		'login-refused',
		token === undefined
			? `the role "${role}" limits the uses of its tokens, so a lease could not be renewed`
			: `the role "${role}" gives batch tokens, which Vault neither renews nor revokes: a lease could not be renewed or ended`,
		{ cure: `set token_type to "default" and token_num_uses to 0 in ${path}` },
	);
}

async function explainMint(
	{ status, errors }: { readonly status: number; readonly errors: readonly string[] },
	{ settings, name, lease, vault }: Pick<MintParts, 'settings' | 'name' | 'lease' | 'vault'>,
): Promise<Failure> {
	const { authMount, role, namespace } = settings.vault;
	const annotation = `envtier.dev/lease.${name}`;
	if (status === 403) {
		const capability = lease.parameters.length === 0 ? '["read"]' : '["create", "update"]';
		return await explainReadRefusal(
			{ vault, authMount, role, namespace },
			{
				what: `to issue the lease ${name} at ${quoted(lease.path)}`,
				question: `is the path in ${annotation} right?`,
				rules: [`path "${lease.path}" { capabilities = ${capability} }`],
			},
		);
	}
	const quote = errors.length === 0 ? '' : `: ${errors.join('; ')}`;
	return new Failure(
		'secret-unusable',
		`Vault does not issue the lease ${name} at ${quoted(lease.path)} (${status}${quote})`,
		{ cure: `check the path and the parameters in ${annotation}, and the engine’s role in Vault` },
	);
}

/**
 * Renews the token and the lease of a secret.
 *
 * @returns undefined if Vault refused to renew one of them
 */
export async function renew(vault: Vault, { token, leaseId }: Grant): Promise<Renewal | undefined> {
	const endless = token === undefined || token.expires === Number.MAX_SAFE_INTEGER;
	let tokenTtl = Number.MAX_SAFE_INTEGER;
	if (!endless) {
		const result = await vault.renewToken();
		if (result.kind === 'refused') return undefined;
		tokenTtl = secondsIn(result.body['auth']) * 1_000;
	}
	const result = await vault.renewLease(leaseId ?? '');
	return result.kind === 'refused' ? undefined : { ttl: secondsIn(result.body) * 1_000, tokenTtl };
}

/** The seconds in a part of an answer; 0 if it does not say. */
function secondsIn(part: unknown): number {
	const seconds = object(part)?.['lease_duration'];
	return typeof seconds === 'number' ? seconds : 0;
}
