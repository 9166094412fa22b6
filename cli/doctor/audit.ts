import { parseVaultAddress } from '../../contract/values.ts';
import type { VaultClient } from '../../lib/vault/client.ts';
import type { VaultEndpoint } from '../../lib/vault/types.ts';
import { type Check, good, skipped, warn } from './check.ts';
import { unanswered } from './vault-checks.ts';

const ID = 'vault-audit';
const NOT_ASKED = 'the audit devices of Vault cannot be read';

/** The administrator's token, and the only Vault that may get it. */
export interface AdminToken {
	readonly token: string;
	/** The address of that Vault with its path: the value of `VAULT_ADDR`, as `parseVaultAddress` returns it. */
	readonly address: string;
}

/**
 * The administrator's token in an environment. Reads the same variables as the `vault` and `bao` commands.
 * Undefined if there is none.
 */
export function adminTokenOf(env: Readonly<Record<string, string | undefined>>): AdminToken | undefined {
	const token = env['VAULT_TOKEN'] || env['BAO_TOKEN'];
	const address = parseVaultAddress(env['VAULT_ADDR'] || env['BAO_ADDR'] || '');
	if (!token || !/^[!-~]+$/.test(token) || !address.ok) return undefined;
	return { token, address: address.value };
}

/**
 * The addresses of the Vault that pods use: the injected one and, with `--vault-via`, the same one with that
 * host and port. The path is part of it: another path of the same host may be another Vault.
 */
export function ownAddresses({ address, via }: Pick<VaultEndpoint, 'address' | 'via'>): readonly string[] {
	const own = parseVaultAddress(address);
	if (!own.ok) return [];
	if (via === undefined) return [own.value];
	const { origin, protocol } = new URL(own.value);
	const host = via.host.includes(':') ? `[${via.host}]` : via.host;
	const near = parseVaultAddress(`${protocol}//${host}:${via.port}${own.value.slice(origin.length)}`);
	return near.ok ? [own.value, near.value] : [own.value];
}

/** The administrator's token, if it is for the Vault that pods use: the cluster says which one that is. */
export function tokenFor(admin: AdminToken | undefined, vault: VaultEndpoint): AdminToken | undefined {
	return admin !== undefined && ownAddresses(vault).includes(admin.address) ? admin : undefined;
}

/**
 * Checks whether Vault keeps an audit log. Without one nobody can tell who read a secret. Asks with the pod's
 * token first, then with the administrator's, because few policies allow a pod to ask.
 *
 * @param vault for Vault's root namespace, where audit devices are
 * @param login the token of the pod's login, if there is one
 * @param admin sent to the addresses of `own` only (`ownAddresses`): the cluster says which Vault pods use,
 * and must not get tokens of another Vault
 */
export async function auditCheck(
	vault: VaultClient,
	login: string | undefined,
	admin: AdminToken | undefined,
	own: readonly string[],
): Promise<Check> {
	const trustedToken = admin !== undefined && own.includes(admin.address) ? admin.token : undefined;
	const tokens = [login, trustedToken].filter((token) => token !== undefined);
	let why = 'no token is at hand';
	for (const token of tokens) {
		const answer = await vault.read('sys/audit', token);
		if (!answer.ok) return unanswered(ID, answer);
		const { status, json } = answer.value;
		if (status === 200) return devicesIn(json);
		why =
			status === 403 ? 'the policies of the token do not allow it' : `Vault answers with status ${status}`;
	}
	const elsewhere =
		admin !== undefined && trustedToken === undefined
			? `; VAULT_TOKEN is not used, for VAULT_ADDR (${admin.address}) is not the Vault of the pods`
			: '';
	return skipped(
		ID,
		`${NOT_ASKED}: ${why}${elsewhere}. VAULT_ADDR and VAULT_TOKEN of somebody with path "sys/audit" { capabilities = ["read", "sudo"] } let the doctor ask`,
	);
}

function devicesIn(json: unknown): Check {
	const data = typeof json === 'object' && json !== null && 'data' in json ? json.data : undefined;
	const names = typeof data === 'object' && data !== null ? Object.keys(data) : [];
	if (names.length > 0) return good(ID, `Vault keeps an audit log: ${names.slice(0, 5).join(', ')}`);
	return warn(
		ID,
		'Vault has no audit device: nobody can tell who read a secret, and from which pod',
		'deploy/vault/setup.sh audit, or envtier vault setup-audit: it enables one on Vault, and prints the lines for OpenBao’s configuration (two devices, so that a full disk does not stop Vault); docs/api.md#audit reads it together with the log of the API',
	);
}
