import { parseCaBundle } from '../../contract/pem.ts';
import { err, ok, type Result } from '../../contract/result.ts';
import { parseVaultAddress } from '../../contract/values.ts';
import { readBytes } from '../files.ts';

/** Address of Vault, and the administrator's credentials. */
export interface AdminSettings {
	readonly address: string;
	readonly token: string;
	readonly ca: string | undefined;
	readonly namespace: string | undefined;
}

type Env = Readonly<Record<string, string | undefined>>;

/**
 * Reads the variables and files that the `vault` and `bao` commands also read. Tokens have no other source.
 *
 * @param purpose the action that needs the token, for the message about a missing token
 */
export async function readAdminSettings(
	env: Env,
	stdin: NodeJS.ReadStream,
	purpose: '--apply' | '--own' | '--sealed' | 'sealing' | 'status',
): Promise<Result<AdminSettings>> {
	const get = (name: string): string | undefined => env[`VAULT_${name}`] || env[`BAO_${name}`] || undefined;
	const address = parseVaultAddress((get('ADDR') ?? '').replace(/\/$/, ''));
	if (!address.ok) return err(`VAULT_ADDR (or BAO_ADDR) must be ${address.error}`);
	const token = get('TOKEN');
	if (token === undefined)
		return err(
			`VAULT_TOKEN (or BAO_TOKEN) is not set: ${purpose} needs the token of ${purpose === 'sealing' ? 'someone who may seal' : 'an administrator'}`,
		);
	if (!/^[!-~]+$/.test(token)) return err('VAULT_TOKEN must be one line of printable ASCII without blanks');
	const file = get('CACERT');
	const ca = file === undefined ? undefined : await readBytes(file, stdin);
	if (ca?.ok === false) return err(`VAULT_CACERT: ${ca.error}`);
	const bundle = ca === undefined ? undefined : parseCaBundle(ca.value.toString());
	if (bundle?.ok === false) return err(`VAULT_CACERT must name a file of ${bundle.error}`);
	return ok({ address: address.value, token, ca: bundle?.value, namespace: get('NAMESPACE') });
}
