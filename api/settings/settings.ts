import { parseName, parseRole } from '../../contract/names.ts';
import { parseCaBundle } from '../../contract/pem.ts';
import { err, ok, type Result } from '../../contract/result.ts';
import { oneOf, type Parse, parseVaultAddress, parseVaultPath, wholeNumber } from '../../contract/values.ts';
import { VARIABLES } from '../../contract/variables.ts';
import { anyText, flag, listenAddress, parseLogLevel, word } from '../../lib/settings/parsers.ts';
import { type Environment, settingsReader } from '../../lib/settings/reader.ts';
import { readVaultEndpoint } from '../../lib/settings/vault-endpoint.ts';
import type { VaultLogin } from '../../lib/vault/session.ts';
import type { VaultEndpoint } from '../../lib/vault/types.ts';
import { type AuditStoreSettings, parseAuditStore } from '../audit/store/address.ts';
import { type ApiScope, SCOPES } from '../auth/caller.ts';
import type { OidcSettings } from '../auth/oidc.ts';
import { type NameRule, parseNameRules } from '../deployments/name-rules.ts';
import type { LimitSettings } from '../server/limits.ts';
import type { FileSettings } from './config-file.ts';
import { CONFIG_KEYS, type FileVariable } from './config-keys.ts';
import { type DashboardSettings, readDashboardSettings } from './dashboard.ts';
import { httpsUrl } from './https-url.ts';
import { audienceOf, type Reader, type RevealSettings, readReveal } from './reveal.ts';
import { API_VARIABLES, BODY_LIMIT, RETENTION, VAULT_TIMEOUT } from './variables.ts';

/** The store, and how to reach it. */
export type StoreSettings =
	| { readonly kind: 'none' }
	| { readonly kind: 'memory' }
	| {
			readonly kind: 'vault';
			readonly endpoint: VaultEndpoint;
			readonly login: VaultLogin;
			readonly mount: string;
	  };

/** Settings of the check of Kubernetes callers. */
export interface ClusterSettings {
	readonly audience: string;
	readonly kubeconfig: string | undefined;
	readonly org: string | undefined;
}

/** What a client needs for the device authorization grant. No part of it is secret. */
export interface LoginSettings {
	readonly issuer: string;
	readonly clientId: string;
	readonly audience: string;
	/** Parted by blanks. */
	readonly scopes: string;
}

/** All settings of the API's process. */
export interface Settings {
	readonly host: string;
	readonly port: number;
	readonly tls: { readonly certificateFile: string; readonly keyFile: string } | undefined;
	readonly logLevel: string;
	readonly store: StoreSettings;
	readonly keysFile: string | undefined;
	readonly oidc: OidcSettings | undefined;
	/** How the command line logs in at the issuer; undefined when it cannot. */
	readonly login: LoginSettings | undefined;
	/** Undefined when the dashboard is not served. */
	readonly dashboard: DashboardSettings | undefined;
	readonly cluster: ClusterSettings | undefined;
	/** Undefined for the secrets API; the settings of the Reveal program otherwise. */
	readonly reveal: RevealSettings | undefined;
	/** The address of the Reveal program, if it is installed beside the API. */
	readonly revealUrl: string | undefined;
	/** Names of deployments that are reserved for organizations. */
	readonly nameRules: readonly NameRule[];
	readonly limits: LimitSettings;
	readonly bodyLimit: number;
	/** Maximum number of versions that one key may get per hour. */
	readonly overwritesPerHour: number;
	readonly trustProxy: boolean;
	readonly auditFile: string | undefined;
	readonly auditStore: AuditStoreSettings;
	/** Days that the audit store keeps lines. */
	readonly auditRetention: number;
	/** Days that the tombstone of a destroyed secret stays. */
	readonly tombstoneRetention: number;
}

const aWord = word('text without blanks');

const scopes: Parse<readonly ApiScope[]> = (text) => {
	const words = text.split(',').map((part) => part.trim());
	const valid = SCOPES.filter((scope) => words.includes(scope));
	return valid.length === words.length ? ok(valid) : err(`a comma-separated list of ${SCOPES.join(', ')}`);
};

const LOOPBACK = /^(?:127\.[0-9.]+|::1|localhost)$/;

/**
 * Reads the API's settings from an environment and a configuration file. The error has one line for each
 * wrong setting: the accepted values, never the actual one.
 */
export function readSettings(env: Environment, file: FileSettings = {}): Result<Settings> {
	const reader = settingsReader<FileVariable>({ ...API_VARIABLES, ...VARIABLES }, (name) => {
		if (env[name]) return { text: env[name], name };
		return file[name] ? { text: file[name], name: `${CONFIG_KEYS[name]} (${name})` } : undefined;
	});
	const { problems } = reader;
	const reveal = readReveal(reader);
	const at = reader.required('ENVTIER_API_LISTEN', listenAddress('127.0.0.1:8210'));
	const certificateFile = reader.optional('ENVTIER_API_TLS_CERT_FILE', anyText);
	const keyFile = reader.optional('ENVTIER_API_TLS_KEY_FILE', anyText);
	const plainHttp = reader.required('ENVTIER_API_INSECURE_HTTP', flag);
	if ((certificateFile === undefined) !== (keyFile === undefined))
		problems.push('ENVTIER_API_TLS_CERT_FILE and ENVTIER_API_TLS_KEY_FILE must be set both or neither');
	if (certificateFile === undefined && !plainHttp && at !== undefined && !LOOPBACK.test(at.host))
		problems.push(
			'ENVTIER_API_LISTEN must be a loopback address without TLS: set ENVTIER_API_TLS_CERT_FILE and ENVTIER_API_TLS_KEY_FILE, or ENVTIER_API_INSECURE_HTTP to "true"',
		);
	const settings: Settings = {
		...at,
		tls: certificateFile === undefined || keyFile === undefined ? undefined : { certificateFile, keyFile },
		logLevel: reader.required('ENVTIER_LOG_LEVEL', parseLogLevel),
		store: checkRevealStore(reader, reveal, readStore(reader)),
		keysFile: reader.optional('ENVTIER_API_KEYS_FILE', anyText),
		oidc: readOidc(reader, reveal),
		login: readLoginSettings(reader),
		dashboard: readDashboardSettings(reader, { env, host: at?.host }),
		cluster: readCluster(reader, reveal),
		reveal,
		revealUrl: reader.optional('ENVTIER_API_REVEAL_URL', httpsUrl),
		nameRules: reader.optional('ENVTIER_API_DEPLOYMENT_NAMES', parseNameRules) ?? [],
		limits: {
			calls: reader.required('ENVTIER_API_CALLS_PER_MINUTE', wholeNumber(1, 1_000_000)),
			failedLogins: reader.required('ENVTIER_API_FAILED_LOGINS_PER_MINUTE', wholeNumber(1, 1_000_000)),
		},
		bodyLimit: reader.required('ENVTIER_API_BODY_LIMIT', wholeNumber(BODY_LIMIT.min, BODY_LIMIT.max)),
		overwritesPerHour: reader.required('ENVTIER_API_OVERWRITES_PER_HOUR', wholeNumber(1, 1_000)),
		trustProxy: reader.required('ENVTIER_API_TRUST_PROXY', flag),
		auditFile: reader.optional('ENVTIER_API_AUDIT_FILE', anyText),
		auditStore: readAuditStore(reader),
		auditRetention: reader.required('ENVTIER_API_AUDIT_RETENTION', wholeNumber(RETENTION.min, RETENTION.max)),
		tombstoneRetention: reader.required(
			'ENVTIER_API_TOMBSTONE_RETENTION',
			wholeNumber(RETENTION.min, RETENTION.max),
		),
	};
	return problems.length > 0 ? err(problems.join('\n')) : ok(settings);
}

function readStore(reader: Reader): StoreSettings {
	const kind = reader.optional('ENVTIER_API_STORE', oneOf('vault', 'memory'));
	const address = reader.optional('ENVTIER_VAULT_ADDR', parseVaultAddress);
	if (kind === 'memory') return { kind: 'memory' };
	if (address === undefined) {
		if (kind === 'vault') reader.problems.push('ENVTIER_VAULT_ADDR is not set: the store vault needs it');
		return { kind: 'none' };
	}
	const seconds = wholeNumber(VAULT_TIMEOUT.min, VAULT_TIMEOUT.max);
	return {
		kind: 'vault',
		endpoint: readVaultEndpoint(
			reader,
			address,
			1000 * reader.required('ENVTIER_API_VAULT_TIMEOUT', seconds),
		),
		login: readLogin(reader),
		mount: reader.required('ENVTIER_VAULT_KV_MOUNT', parseVaultPath),
	};
}

function readLogin(reader: Reader): VaultLogin {
	const token = reader.optional('ENVTIER_API_VAULT_TOKEN', aWord);
	const file = reader.optional('ENVTIER_API_VAULT_TOKEN_FILE', anyText);
	const role = reader.optional('ENVTIER_API_VAULT_ROLE', parseRole);
	const count = [token, file, role].filter((one) => one !== undefined).length;
	if (count !== 1)
		reader.problems.push(
			'exactly one of ENVTIER_API_VAULT_ROLE, ENVTIER_API_VAULT_TOKEN_FILE and ENVTIER_API_VAULT_TOKEN must be set',
		);
	if (token !== undefined) return { kind: 'token', token };
	if (file !== undefined) return { kind: 'token-file', file };
	return {
		kind: 'kubernetes',
		role: role ?? '',
		mount: reader.required('ENVTIER_VAULT_AUTH_MOUNT', parseVaultPath),
		tokenFile: reader.required('ENVTIER_API_VAULT_LOGIN_TOKEN_FILE', anyText),
	};
}

/** The Reveal program logs in to Vault for each value, so it needs a role. */
function checkRevealStore(
	{ problems }: Reader,
	reveal: RevealSettings | undefined,
	store: StoreSettings,
): StoreSettings {
	if (reveal !== undefined && (store.kind !== 'vault' || store.login.kind !== 'kubernetes'))
		problems.push('ENVTIER_API_MODE "reveal" needs ENVTIER_VAULT_ADDR and ENVTIER_API_VAULT_ROLE');
	return store;
}

function readOidc(reader: Reader, reveal: RevealSettings | undefined): OidcSettings | undefined {
	const issuer = reader.optional('ENVTIER_API_OIDC_ISSUER', httpsUrl);
	if (issuer === undefined) return undefined;
	return {
		issuer,
		audience: audienceOf(reveal, reader.required('ENVTIER_API_OIDC_AUDIENCE', aWord)),
		ca: reader.optional('ENVTIER_API_OIDC_CA', parseCaBundle),
		claims: {
			org: reader.required('ENVTIER_API_OIDC_ORG_CLAIM', aWord),
			roles: reader.required('ENVTIER_API_OIDC_ROLES_CLAIM', aWord),
			scopes: reader.required('ENVTIER_API_OIDC_SCOPES_CLAIM', aWord),
			groups: reader.required('ENVTIER_API_OIDC_GROUPS_CLAIM', aWord),
		},
		scopes: reader.optional('ENVTIER_API_OIDC_SCOPES', scopes) ?? [],
	};
}

function readLoginSettings(reader: Reader): LoginSettings | undefined {
	const issuer = reader.optional('ENVTIER_API_OIDC_ISSUER', httpsUrl);
	const clientId = reader.optional('ENVTIER_API_OIDC_CLIENT_ID', aWord);
	if (issuer === undefined || clientId === undefined) return undefined;
	return {
		...{ issuer, clientId, audience: reader.required('ENVTIER_API_OIDC_AUDIENCE', aWord) },
		scopes: reader.required('ENVTIER_API_OIDC_LOGIN_SCOPES', anyText),
	};
}

function readCluster(reader: Reader, reveal: RevealSettings | undefined): ClusterSettings | undefined {
	if (!reader.required('ENVTIER_API_KUBERNETES', flag)) return undefined;
	return {
		audience: audienceOf(reveal, reader.required('ENVTIER_API_KUBERNETES_AUDIENCE', aWord)),
		kubeconfig: reader.optional('ENVTIER_API_KUBECONFIG', anyText),
		org: reader.optional('ENVTIER_API_KUBERNETES_ORG', parseName),
	};
}

function readAuditStore(reader: Reader): AuditStoreSettings {
	const settings = reader.optional('ENVTIER_API_AUDIT_STORE', parseAuditStore) ?? { kind: 'none' };
	const ca = reader.optional('ENVTIER_API_AUDIT_STORE_CA', parseCaBundle);
	return settings.kind === 'postgres' ? { ...settings, postgres: { ...settings.postgres, ca } } : settings;
}
