import { parseRole } from '../../contract/names.ts';
import { parseVaultPath, wholeNumber } from '../../contract/values.ts';
import type { VARIABLES } from '../../contract/variables.ts';
import { anyText, flag } from '../../lib/settings/parsers.ts';
import type { SettingsReader } from '../../lib/settings/reader.ts';
import type { VaultLogin } from '../../lib/vault/session.ts';
import { type CONTROLLER_VARIABLES, PERIOD, ROTATION_RATE } from '../variables.ts';

/** How passwords are rotated. */
export interface RotationSettings {
	/** Milliseconds between two looks at the index. */
	readonly period: number;
	/** Most rotations in a minute. */
	readonly perMinute: number;
	/** The login to Vault: another role than that of other tasks, because this one may write. */
	readonly login: VaultLogin;
}

/**
 * Reads how passwords are rotated. Undefined: they are not. Wrong values are problems of the reader also
 * then.
 */
export function readRotationSettings({
	required,
	optional,
}: SettingsReader<keyof typeof CONTROLLER_VARIABLES | keyof typeof VARIABLES>): RotationSettings | undefined {
	const isOn = required('ENVTIER_CONTROLLER_ROTATION', flag);
	const file = optional('ENVTIER_CONTROLLER_ROTATION_VAULT_TOKEN_FILE', anyText);
	const role = required('ENVTIER_CONTROLLER_ROTATION_VAULT_ROLE', parseRole);
	const kubernetes: VaultLogin = {
		kind: 'kubernetes',
		role,
		mount: required('ENVTIER_VAULT_AUTH_MOUNT', parseVaultPath),
		tokenFile: required('ENVTIER_CONTROLLER_VAULT_LOGIN_TOKEN_FILE', anyText),
	};
	const settings: RotationSettings = {
		period: required('ENVTIER_CONTROLLER_PERIOD', wholeNumber(PERIOD.min, PERIOD.max)) * 1000,
		perMinute: required(
			'ENVTIER_CONTROLLER_ROTATION_RATE',
			wholeNumber(ROTATION_RATE.min, ROTATION_RATE.max),
		),
		login: file === undefined ? kubernetes : { kind: 'token-file', file },
	};
	return isOn ? settings : undefined;
}
