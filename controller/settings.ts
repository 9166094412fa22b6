import { parseName, parseRole } from '../contract/names.ts';
import { err, ok, type Result } from '../contract/result.ts';
import { parseVaultAddress, parseVaultPath, wholeNumber } from '../contract/values.ts';
import { VARIABLES } from '../contract/variables.ts';
import { anyText, flag, listenAddress, parseLogLevel, word } from '../lib/settings/parsers.ts';
import {
	type Environment,
	fromEnvironment,
	type SettingsReader,
	settingsReader,
} from '../lib/settings/reader.ts';
import { readVaultEndpoint } from '../lib/settings/vault-endpoint.ts';
import type { VaultLogin } from '../lib/vault/session.ts';
import type { VaultEndpoint } from '../lib/vault/types.ts';
import type { RolloutLimits } from './rollouts/limits.ts';
import { BATCH, CONTROLLER_VARIABLES, LIMIT, PERIOD } from './variables.ts';

/** All settings of the controller's process. */
export interface Settings {
	readonly host: string;
	readonly port: number;
	readonly logLevel: string;
	readonly kubeconfig: string | undefined;
	/** Namespace of the Lease. */
	readonly namespace: string;
	readonly fieldManager: string;
	/** Undefined: no workload is rolled. */
	readonly rollouts: RolloutSettings | undefined;
	readonly vault: VaultSettings;
}

/** How workloads are rolled. */
export interface RolloutSettings {
	readonly limits: RolloutLimits;
	/** Milliseconds between two looks at Vault. */
	readonly period: number;
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
	const rollouts = required('ENVTIER_CONTROLLER_ROLLOUTS', flag);
	const seconds = (name: keyof typeof CONTROLLER_VARIABLES, { min, max }: { min: number; max: number }) =>
		required(name, wholeNumber(min, max)) * 1000;
	const settings: Settings = {
		...at,
		logLevel: required('ENVTIER_LOG_LEVEL', parseLogLevel),
		kubeconfig: optional('ENVTIER_CONTROLLER_KUBECONFIG', anyText),
		namespace: required('ENVTIER_CONTROLLER_NAMESPACE', parseName),
		fieldManager: required('ENVTIER_CONTROLLER_FIELD_MANAGER', word('a name without blanks')),
		rollouts: {
			limits: {
				total: required('ENVTIER_CONTROLLER_LIMIT', wholeNumber(LIMIT.min, LIMIT.max)),
				batch: seconds('ENVTIER_CONTROLLER_BATCH', BATCH),
			},
			period: seconds('ENVTIER_CONTROLLER_PERIOD', PERIOD),
		},
		vault: {
			endpoint: readVaultEndpoint(reader, required('ENVTIER_VAULT_ADDR', parseVaultAddress), VAULT_TIMEOUT),
			login: loginOf(reader),
			mount: required('ENVTIER_VAULT_KV_MOUNT', parseVaultPath),
		},
	};
	if (problems.length > 0) return err(problems.join('\n'));
	return ok(rollouts ? settings : { ...settings, rollouts: undefined });
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
