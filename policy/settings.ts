import { VARIABLES, type Variable, type VariableName } from '../contract/variables.ts';
import { literal } from './cel.ts';

/**
 * Settings of the webhook that affect a plain pod. The policy and the webhook read them from the same
 * ConfigMap.
 */
export const POLICY_SETTINGS = [
	'ENVTIER_FETCHER_IMAGE',
	'ENVTIER_FETCHER_PULL_POLICY',
	'ENVTIER_FETCHER_PULL_SECRETS',
	'ENVTIER_FETCHER_REQUESTS',
	'ENVTIER_FETCHER_LIMITS',
	'ENVTIER_VOLUME_SIZE',
	'ENVTIER_DEFAULT_ORG',
	'ENVTIER_ORG_LABEL',
	'ENVTIER_DEFAULT_ROLE',
	'ENVTIER_EMPTY',
	'ENVTIER_TOKEN_AUDIENCE',
	'ENVTIER_VAULT_ADDR',
	'ENVTIER_VAULT_TLS_NAME',
	'ENVTIER_VAULT_PROXY',
	'ENVTIER_VAULT_INSECURE_HTTP',
	'ENVTIER_VAULT_CA',
	'ENVTIER_VAULT_NAMESPACE',
	'ENVTIER_VAULT_AUTH_MOUNT',
	'ENVTIER_VAULT_KV_MOUNT',
	'ENVTIER_VAULT_KV_VERSION',
	'ENVTIER_DEADLINE',
	'ENVTIER_LOG_LEVEL',
] as const satisfies readonly VariableName[];

/** The name of a setting in POLICY_SETTINGS. */
export type PolicySetting = (typeof POLICY_SETTINGS)[number];

/**
 * The expression of a setting's text; empty without a value and a default. Needs the variable `settings`.
 */
export function setting(name: PolicySetting): string {
	return `variables.settings.${name}`;
}

/** A setting as the webhook reads it: without a slash at its end (`parseVaultAddress`, `parseVaultPath`). */
export function unslashed(name: PolicySetting): string {
	return `(${setting(name)}.endsWith('/') ? ${setting(name)}.substring(0, ${setting(name)}.size() - 1) : ${setting(name)})`;
}

/** The variable `settings`: the ConfigMap's values, and the defaults of those that are unset or empty. */
export function settingsVariable(): { readonly name: string; readonly expression: string } {
	const defaults = POLICY_SETTINGS.map((name) => {
		const variable: Variable = VARIABLES[name];
		return `  ${literal(name)}: ${literal(variable.default ?? '')}`;
	});
	return {
		name: 'settings',
		expression: `{\n${defaults.join(',\n')}\n}.transformMap(name, standard,\n  params.?data[?name].orValue('') == '' ? standard : params.data[name])`,
	};
}
