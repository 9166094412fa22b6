import type { Result } from '../../../contract/result.ts';
import type { VariableName } from '../../../contract/variables.ts';
import { readSettings, type Settings } from '../../../webhook/settings.ts';

/** Variables of the webhook, as an environment holds them. */
export type Env = Readonly<Partial<Record<VariableName, string>>>;

/** The least that the webhook starts with. */
export const ENV: Env = {
	ENVTIER_TLS_CERT_FILE: '/etc/envtier/tls/tls.crt',
	ENVTIER_TLS_KEY_FILE: '/etc/envtier/tls/tls.key',
	ENVTIER_FETCHER_IMAGE: 'registry.example.com/envtier/fetcher:1.0.0',
	ENVTIER_VAULT_ADDR: 'https://vault.vault.svc:8200',
};

/** What `readSettings` makes of that least and `overrides`; an empty value counts as unset. */
export function read(overrides: Env = {}): Result<Settings> {
	return readSettings({ ...ENV, ...overrides });
}

/** Settings that are known to be good. */
export function settings(overrides: Env = {}): Settings {
	const result = read(overrides);
	if (!result.ok) throw new Error(result.error);
	return result.value;
}
