import { parseCaBundle } from '../../contract/pem.ts';
import { parseDnsName, parseVaultPath } from '../../contract/values.ts';
import type { VaultEndpoint } from '../vault/types.ts';
import { flag } from './parsers.ts';
import type { SettingsReader } from './reader.ts';

type EndpointVariable = `ENVTIER_VAULT_${'INSECURE_HTTP' | 'CA' | 'TLS_NAME' | 'NAMESPACE'}`;

/**
 * Reads how a program reaches Vault, besides the address. A plain http address is a problem unless the
 * operator allows it.
 *
 * @param address undefined if it was wrong, which is a problem already
 * @param timeout of one request, in ms
 */
export function readVaultEndpoint(
	{ required, optional, problems }: SettingsReader<EndpointVariable>,
	address: string | undefined,
	timeout: number,
): VaultEndpoint {
	if (address?.startsWith('http:') && !required('ENVTIER_VAULT_INSECURE_HTTP', flag))
		problems.push('ENVTIER_VAULT_ADDR must start with https:// unless ENVTIER_VAULT_INSECURE_HTTP is "true"');
	return {
		address: address ?? '',
		ca: optional('ENVTIER_VAULT_CA', parseCaBundle),
		tlsName: optional('ENVTIER_VAULT_TLS_NAME', parseDnsName),
		namespace: optional('ENVTIER_VAULT_NAMESPACE', parseVaultPath),
		timeout,
	};
}
