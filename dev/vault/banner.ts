import type { DevVault } from './start.ts';

/**
 * What the command prints once it serves: first of all that it is no Vault.
 *
 * @param caFile the file that holds the CA; undefined: it is printed itself
 * @param unusable secrets that no pod receives because of their key
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
