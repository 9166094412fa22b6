import type { DevVault } from './start.ts';

/**
 * The text that the command prints at start. It begins with the warning that this is not Vault.
 *
 * @param caFile the file that holds the CA; undefined: the CA is printed
 * @param unusable secrets whose key is no valid variable name; no pod receives them
 */
export function banner(
	vault: Pick<DevVault, 'addr' | 'caPem' | 'rootToken' | 'unsealKey'>,
	caFile: string | undefined,
	unusable: readonly string[],
): string {
	const lines = [
		'==========================  FOR DEVELOPMENT ONLY  ==========================',
		'This is not Vault. It keeps everything in memory and forgets it when it ends.',
		'It believes every service-account token: no signature is checked, no API',
		'server is asked. Give it no real secret, and let nobody else reach it.',
		'============================================================================',
		'',
		`address     ${vault.addr}`,
		`CA          ${caFile ?? 'below'}`,
		`root token  ${vault.rootToken}`,
		`unseal key  ${vault.unsealKey}`,
		...unusable.map((secret) => `warning     ${secret}: no pod receives it, its key can't name a variable`),
		'',
		...(caFile === undefined ? [vault.caPem] : [`export ENVTIER_VAULT_ADDR=${vault.addr}`]),
		...(caFile === undefined ? [] : [`export ENVTIER_VAULT_CA="$(cat ${caFile})"`, '']),
	];
	return `${lines.join('\n')}serving; Ctrl-C ends it\n`;
}
