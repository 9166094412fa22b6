import { explainRefusal } from '../../fetcher/login-refusal.ts';
import { mountMistake, mountPath } from '../../fetcher/mount.ts';
import { tokenClaimsOf } from '../../fetcher/token-claims.ts';
import type { VaultClient, VaultOutcome } from '../../lib/vault/client.ts';
import { bad, type Check, good, warn } from './check.ts';
import type { InjectedSettings } from './probe.ts';
import { vaultErrors } from './vault.ts';

const ADDRESS_CURE =
	'check the webhook’s ENVTIER_VAULT_ADDR; where the name is known inside the cluster alone, forward a port and add --vault-via localhost:8200';

const SETUP = '`envtier vault setup` prints the role and the policies that a deployment needs';

/** Checks whether Vault responds, whether pods trust its certificate, and whether it can serve. */
export async function healthCheck(
	vault: VaultClient,
	{ address }: Pick<InjectedSettings, 'address'>,
): Promise<Check> {
	const id = 'vault';
	const answer = await vault.read('sys/health?standbyok=true&perfstandbyok=true');
	if (!answer.ok) {
		const { kind, message } = answer.error;
		return kind === 'untrusted'
			? bad(
					id,
					`${address} ${message}`,
					'give the webhook Vault’s CA in ENVTIER_VAULT_CA, and Vault a certificate for this name',
				)
			: bad(id, `${address} ${message}`, ADDRESS_CURE);
	}
	const { status, json } = answer.value;
	const version =
		typeof json === 'object' && json !== null && 'version' in json ? String(json.version) : undefined;
	if (status === 501) return bad(id, `${address} is not initialized`, 'initialize Vault, then unseal it');
	if (status === 503) return bad(id, `${address} is sealed: no pod gets its secrets`, 'unseal Vault');
	if (version === undefined)
		return bad(
			id,
			`${address} answers with status ${status}, but not as Vault does`,
			'check the webhook’s ENVTIER_VAULT_ADDR',
		);
	if (status !== 200)
		return warn(
			id,
			`${address} answers (version ${version}), but is not active: status ${status}`,
			'look at the cluster of Vault: sys/ha-status',
		);
	return good(id, `${address} is active and unsealed, version ${version}, and its certificate is trusted`);
}

/** The result of a login. */
interface LoginFindings {
	readonly check: Check;
	/** The caller must revoke it. */
	readonly token: string | undefined;
}

function loginSucceeded(id: string, { role, authMount }: InjectedSettings, policies: unknown): Check {
	const names = Array.isArray(policies) ? policies.filter((name) => typeof name === 'string') : [];
	const earlier = names.find((name) => name.startsWith('envtier-own-account-'));
	if (earlier !== undefined)
		return warn(
			id,
			`role "${role}" of auth mount "${authMount}" grants ${earlier} of an earlier version: whoever may create a service account in its namespaces reads any deployment`,
			'move to NAMESPACE.ACCOUNT: docs/vault-setup.md, "From earlier versions"',
		);
	const list = names.length === 0 ? 'unknown' : names.join(', ');
	return good(
		id,
		`role "${role}" of auth mount "${authMount}" accepts the service account; policies: ${list}`,
	);
}

function fewUses(id: string, { role, authMount }: InjectedSettings, uses: number): Check {
	return warn(
		id,
		`role "${role}" of auth mount "${authMount}" gives tokens for ${uses} uses (token_num_uses): each tier and each key takes one`,
		`set token_num_uses of auth/${authMount}/role/${role} to 0`,
	);
}

/** Logs in as a pod does, with a token of its service account. */
export async function loginCheck(
	vault: VaultClient,
	injected: InjectedSettings,
	jwt: string,
): Promise<LoginFindings> {
	const id = 'vault-login';
	const { role, authMount: mount, namespace } = injected;
	const failure = (message: string, cure: string): LoginFindings => ({
		check: bad(id, message, cure),
		token: undefined,
	});
	const answer = await vault.write(`auth/${mount}/login`, { role, jwt });
	if (!answer.ok) return failure(`the login ${answer.error.message}`, ADDRESS_CURE);
	const { status, json } = answer.value;
	const auth = (
		json as { auth?: { client_token?: unknown; token_policies?: unknown; num_uses?: unknown } } | undefined
	)?.auth;
	const token = auth?.client_token;
	if (status === 200 && typeof token === 'string') {
		const uses = Number(auth?.num_uses ?? 0);
		const check = uses > 0 ? fewUses(id, injected, uses) : loginSucceeded(id, injected, auth?.token_policies);
		return { check, token };
	}
	const refusal = {
		status,
		errors: vaultErrors(answer.value),
		mount,
		role,
		namespace,
		claims: tokenClaimsOf(jwt),
		wanted: injected,
	};
	const { message, cure } = explainRefusal(refusal);
	return failure(
		message,
		cure === undefined || /vault setup|setup\.sh role/.test(cure) ? (cure ?? SETUP) : `${cure}; ${SETUP}`,
	);
}

/** The result of the check of the KV mount. */
interface MountFindings {
	readonly check: Check;
	/** True when the mount differs from the one that pods use, so that the tiers are not there. */
	readonly isWrong: boolean;
}

/** Checks whether the KV engine exists and has the version that pods expect. */
export async function mountCheck(
	vault: VaultClient,
	{ kv }: InjectedSettings,
	token: string,
): Promise<MountFindings> {
	const id = 'vault-kv';
	const found = (check: Check, isWrong = false): MountFindings => ({ check, isWrong });
	const answer = await vault.read(mountPath(kv), token);
	if (!answer.ok) return found(unanswered(id, answer));
	const { status, json } = answer.value;
	if (status === 403)
		return found(
			bad(
				id,
				`there is no secrets engine at "${kv.mount}/", or no policy of the role gives any right below it`,
				'mount KV there, name its mount in the webhook’s ENVTIER_VAULT_KV_MOUNT, or give the role its policies',
			),
		);
	const data = (json as { data?: Readonly<Record<string, unknown>> } | undefined)?.data;
	if (status !== 200 || data?.['type'] === undefined)
		return found(
			warn(
				id,
				`Vault does not say what is mounted at "${kv.mount}/" (status ${status})`,
				'look with vault secrets list',
			),
		);
	const mistake = mountMistake(kv, data);
	if (mistake === undefined) return found(good(id, `"${kv.mount}/" is KV version ${kv.version}`));
	return found(bad(id, `${mistake.what}: pods find nothing`, mistake.cure), true);
}

/** Revokes the token, as the fetcher does at its end. */
export async function revokeCheck(
	vault: VaultClient,
	{ role }: InjectedSettings,
	token: string,
): Promise<Check> {
	const id = 'vault-revoke';
	const answer = await vault.write('auth/token/revoke-self', {}, token);
	if (!answer.ok) return unanswered(id, answer);
	if (answer.value.status === 204) return good(id, 'the token of the login can be revoked');
	return warn(
		id,
		'the token of the login cannot be revoked: each pod’s token stays valid until it expires by itself',
		`add to a policy of the role "${role}": path "auth/token/revoke-self" { capabilities = ["update"] }`,
	);
}

/** The check for a request without a response. */
export function unanswered(id: string, answer: VaultOutcome): Check {
	return bad(id, `Vault ${answer.ok ? 'gave no answer' : answer.error.message}`, 'try again');
}
