import { join } from 'node:path';
import type { VaultAccess } from './openbao.ts';
import { ensureBao } from './openbao-binary.ts';
import { runProcess } from './process.ts';

const SCRIPT = join(import.meta.dirname, '../../deploy/vault/setup.sh');

/** Runs deploy/vault/setup.sh with these arguments and returns its output; throws its error output. */
export type VaultSetup = (...args: readonly string[]) => Promise<string>;

/** The environment of a Vault administrator: address, CA, token, and the command to use. */
export async function administratorOf({ addr, caPem, rootToken }: VaultAccess): Promise<NodeJS.ProcessEnv> {
	return {
		PATH: process.env['PATH'],
		// Neither the user's token nor their settings are read.
		HOME: '/nonexistent',
		VAULT_CLI: (await ensureBao()).path,
		...{ VAULT_ADDR: addr, VAULT_TOKEN: rootToken, VAULT_CACERT_BYTES: caPem },
	};
}

/**
 * Returns the shipped script for one Vault, so that tests and clusters have what an administrator creates.
 */
export function vaultSetup(vault: VaultAccess): VaultSetup {
	return async (...args) => {
		const { code, stdout, stderr } = await runProcess({
			name: 'setup.sh',
			command: 'sh',
			args: [SCRIPT, ...args],
			env: await administratorOf(vault),
		});
		if (code !== 0) throw new Error(`setup.sh ${args.join(' ')} ended with ${code}: ${stderr}`);
		return stdout;
	};
}
