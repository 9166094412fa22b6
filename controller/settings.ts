import { parseName, parseRole } from '../contract/names.ts';
import { err, ok, type Result } from '../contract/result.ts';
import { parseVaultAddress, parseVaultPath } from '../contract/values.ts';
import { VARIABLES } from '../contract/variables.ts';
import { anyText, listenAddress, parseLogLevel, word } from '../lib/settings/parsers.ts';
import {
	type Environment,
	fromEnvironment,
	type SettingsReader,
	settingsReader,
} from '../lib/settings/reader.ts';
import { readVaultEndpoint } from '../lib/settings/vault-endpoint.ts';
import type { VaultLogin } from '../lib/vault/session.ts';
import type { VaultEndpoint } from '../lib/vault/types.ts';
import { type ManagedSecretSettings, readManagedSecretSettings } from './managed-secrets/settings.ts';
import { type RolloutSettings, readRolloutSettings } from './rollouts/settings.ts';
import { type RotationSettings, readRotationSettings } from './rotation/settings.ts';
import { CONTROLLER_VARIABLES } from './variables.ts';

/** All settings of the controller's process. */
export interface Settings {
	readonly host: string;
	readonly port: number;
	readonly logLevel: string;
	readonly kubeconfig: string | undefined;
	/** Namespace of the Lease. */
	readonly namespace: string;
	readonly fieldManager: string;
	readonly vault: VaultSettings;
	readonly reconcilers: ReconcilerSettings;
}

/** The reconcilers, each switched on by a variable of its own. Undefined: it is off. */
export interface ReconcilerSettings {
	readonly rollouts: RolloutSettings | undefined;
	readonly managedSecrets: ManagedSecretSettings | undefined;
	readonly rotation: RotationSettings | undefined;
}

/** How to reach Vault. */
export interface VaultSettings {
	readonly endpoint: VaultEndpoint;
	readonly login: VaultLogin;
	readonly mount: string;
}

type Reader = SettingsReader<keyof typeof CONTROLLER_VARIABLES | keyof typeof VARIABLES>;

/** Timeout of one request to Vault, in ms. */
const VAULT_TIMEOUT = 10_000;

/**
 * Reads the controller's settings from an environment. The error has one line for each wrong variable: what
 * is accepted, never the value.
 */
export function readSettings(env: Environment): Result<Settings> {
	const reader: Reader = settingsReader({ ...CONTROLLER_VARIABLES, ...VARIABLES }, fromEnvironment(env));
	const { required, optional, problems } = reader;
	const at = required('ENVTIER_CONTROLLER_LISTEN', listenAddress('0.0.0.0:8080'));
	const settings: Settings = {
		...at,
		logLevel: required('ENVTIER_LOG_LEVEL', parseLogLevel),
		kubeconfig: optional('ENVTIER_CONTROLLER_KUBECONFIG', anyText),
		namespace: required('ENVTIER_CONTROLLER_NAMESPACE', parseName),
		fieldManager: required('ENVTIER_CONTROLLER_FIELD_MANAGER', word('a name without blanks')),
		vault: {
			endpoint: readVaultEndpoint(reader, required('ENVTIER_VAULT_ADDR', parseVaultAddress), VAULT_TIMEOUT),
			login: loginOf(reader),
			mount: required('ENVTIER_VAULT_KV_MOUNT', parseVaultPath),
		},
		reconcilers: {
			rollouts: readRolloutSettings(reader),
			managedSecrets: readManagedSecretSettings(reader),
			rotation: readRotationSettings(reader),
		},
	};
	return problems.length > 0 ? err(problems.join('\n')) : ok(settings);
}

function loginOf({ required, optional, problems }: Reader): VaultLogin {
	const file = optional('ENVTIER_CONTROLLER_VAULT_TOKEN_FILE', anyText);
	const role = optional('ENVTIER_CONTROLLER_VAULT_ROLE', parseRole);
	if ((file === undefined) === (role === undefined))
		problems.push(
			'exactly one of ENVTIER_CONTROLLER_VAULT_ROLE and ENVTIER_CONTROLLER_VAULT_TOKEN_FILE must be set',
		);
	if (file !== undefined) return { kind: 'token-file', file };
	return {
		kind: 'kubernetes',
		role: role ?? '',
		mount: required('ENVTIER_VAULT_AUTH_MOUNT', parseVaultPath),
		tokenFile: required('ENVTIER_CONTROLLER_VAULT_LOGIN_TOKEN_FILE', anyText),
	};
}
