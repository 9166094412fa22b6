import { type SealOwner, type SealScope, sealContext, sealKey } from '../../contract/sealed.ts';
import type { VaultClient } from '../../lib/vault/client.ts';
import { bad, type Check, good, warn } from './check.ts';
import { DUMMY_CIPHERTEXT, type InjectedSettings } from './probe.ts';
import { vaultErrors } from './vault.ts';
import { unanswered } from './vault-checks.ts';

const MOUNT =
	'mount it with deploy/vault/setup.sh sealing, or name it in the webhook’s ENVTIER_VAULT_TRANSIT_MOUNT';

/** Checks whether the transit engine exists. */
export async function transitCheck(
	vault: VaultClient,
	{ transit }: InjectedSettings,
	token: string,
): Promise<Check> {
	const id = 'vault-transit';
	if (transit === undefined)
		return bad(
			id,
			'the webhook sets no transit mount for a pod with a sealed value: it is older than this command',
			'upgrade the webhook',
		);
	const answer = await vault.read(`sys/internal/ui/mounts/${transit}`, token);
	if (!answer.ok) return unanswered(id, answer);
	const { status, json } = answer.value;
	if (status === 403)
		return bad(
			id,
			`there is no secrets engine at "${transit}/", or no policy of the role gives any right below it`,
			`${MOUNT}; \`envtier vault setup … --sealed\` gives a role its policies`,
		);
	const type = (json as { data?: { type?: unknown } } | undefined)?.data?.type;
	if (status !== 200 || typeof type !== 'string')
		return warn(
			id,
			`Vault does not say what is mounted at "${transit}/" (status ${status})`,
			'look with vault secrets list',
		);
	return type === 'transit'
		? good(id, `"${transit}/" is a transit engine`)
		: bad(id, `"${transit}/" is of type ${type}, not transit`, MOUNT);
}

/** Checks whether a token may decrypt values that are sealed for a scope. Decrypts nothing. */
export async function sealedCheck(
	vault: VaultClient,
	{ transit = '', role }: InjectedSettings,
	scope: SealScope,
	place: SealOwner,
	token: string,
): Promise<Check> {
	const id = `sealed-${scope}`;
	const path = `${transit}/decrypt/${sealKey(scope, place)}`;
	const context = Buffer.from(sealContext(scope, place)).toString('base64');
	const answer = await vault.write(path, { ciphertext: DUMMY_CIPHERTEXT, context }, token);
	if (!answer.ok) return unanswered(id, answer);
	const { status } = answer.value;
	if (status === 403)
		return bad(
			id,
			`what is sealed for the ${scope} cannot be opened at ${path}`,
			`add to a policy of the role "${role}": path "${path}" { capabilities = ["update"] }, or make the role with --sealed`,
		);
	if (status !== 400)
		return warn(
			id,
			`Vault does not say whether what is sealed for the ${scope} can be opened: status ${status} at ${path}`,
			'look at Vault’s log',
		);
	if (vaultErrors(answer.value).some((message) => message.includes('key not found')))
		return warn(
			id,
			`nothing was ever sealed for the ${scope} in this Vault: there is no key "${sealKey(scope, place)}"`,
			'seal a value with envtier seal, for this namespace and deployment and in this Vault',
		);
	return good(id, `what is sealed for the ${scope} can be opened at ${path}`);
}
