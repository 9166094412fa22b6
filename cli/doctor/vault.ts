import type { VaultResponse } from '../../lib/vault/types.ts';
import { redacted } from './check.ts';

/** The error messages in a response of Vault. */
export function vaultErrors({ json }: VaultResponse): readonly string[] {
	const errors = typeof json === 'object' && json !== null && 'errors' in json ? json.errors : undefined;
	if (!Array.isArray(errors)) return [];
	return errors.filter((one) => typeof one === 'string').map(redacted);
}
