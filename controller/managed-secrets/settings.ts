import { parseName, parseRole } from '../../contract/names.ts';
import { ok } from '../../contract/result.ts';
import { oneOf, parseVaultPath, wholeNumber } from '../../contract/values.ts';
import type { VARIABLES } from '../../contract/variables.ts';
import type { Kv } from '../../fetcher/kv.ts';
import { flag, word } from '../../lib/settings/parsers.ts';
import type { SettingsReader } from '../../lib/settings/reader.ts';
import { type CONTROLLER_VARIABLES, WORKERS } from '../variables.ts';
import type { OrganizationSettings } from './organization.ts';

/** How ManagedSecrets are brought up to date. */
export interface ManagedSecretSettings {
	/** Audience of the tokens of service accounts. */
	readonly audience: string;
	readonly authMount: string;
	readonly kv: Kv;
	/** Vault role of a ManagedSecret that names none, with its placeholders. */
	readonly role: string;
	readonly organization: OrganizationSettings;
	/** ManagedSecrets at the same time. */
	readonly workers: number;
}

/**
 * Reads how ManagedSecrets are brought up to date. Undefined: they are not. Wrong values are problems of the
 * reader also then.
 */
export function readManagedSecretSettings({
	required,
	optional,
}: SettingsReader<keyof typeof CONTROLLER_VARIABLES | keyof typeof VARIABLES>):
	| ManagedSecretSettings
	| undefined {
	const isOn = required('ENVTIER_CONTROLLER_MANAGED_SECRETS', flag);
	const settings: ManagedSecretSettings = {
		audience: required('ENVTIER_TOKEN_AUDIENCE', word('a text without blanks')),
		authMount: required('ENVTIER_VAULT_AUTH_MOUNT', parseVaultPath),
		kv: {
			mount: required('ENVTIER_VAULT_KV_MOUNT', parseVaultPath),
			version: required('ENVTIER_VAULT_KV_VERSION', oneOf('1', '2')) === '1' ? 1 : 2,
		},
		role: required('ENVTIER_DEFAULT_ROLE', roleTemplate),
		organization: {
			labelMode: required('ENVTIER_ORG_LABEL', oneOf('ignore', 'default', 'enforce')),
			defaultOrg: optional('ENVTIER_DEFAULT_ORG', parseName),
		},
		workers: required('ENVTIER_CONTROLLER_MANAGED_SECRET_WORKERS', wholeNumber(WORKERS.min, WORKERS.max)),
	};
	return isOn ? settings : undefined;
}

/** A role whose placeholders are replaced by names of Kubernetes, which are valid in a role. */
function roleTemplate(text: string) {
	const parsed = parseRole(text.replaceAll(/\{(?:namespace|serviceAccount)\}/g, 'x'));
	return parsed.ok ? ok(text) : parsed;
}
