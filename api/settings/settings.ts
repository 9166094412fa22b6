import { parseName, parseRole } from '../../contract/names.ts';
import { parseCaBundle } from '../../contract/pem.ts';
import { err, ok, type Result } from '../../contract/result.ts';
import {
	oneOf,
	type Parse,
	parseDnsName,
	parseVaultAddress,
	parseVaultPath,
	wholeNumber,
} from '../../contract/values.ts';
import { VARIABLES, type Variable } from '../../contract/variables.ts';
import { type ApiScope, SCOPES } from '../auth/caller.ts';
import type { OidcSettings } from '../auth/oidc.ts';
import { type NameRule, parseNameRules } from '../deployments/name-rules.ts';
import type { LimitSettings } from '../server/limits.ts';
import type { VaultLogin } from '../vault/session.ts';
import type { VaultEndpoint } from '../vault/transport.ts';
import type { FileSettings } from './config-file.ts';
import { CONFIG_KEYS, type FileVariable } from './config-keys.ts';
import { API_VARIABLES, type ApiVariable } from './variables.ts';

/** How to reach the store. */
export type StoreSettings =
	| { readonly kind: 'none' }
	| { readonly kind: 'memory' }
	| {
			readonly kind: 'vault';
			readonly endpoint: VaultEndpoint;
			readonly login: VaultLogin;
			readonly mount: string;
	  };

/** How Kubernetes callers are checked. */
export interface ClusterSettings {
	readonly audience: string;
	readonly kubeconfig: string | undefined;
	readonly org: string | undefined;
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
	readonly cluster: ClusterSettings | undefined;
	/** Names of deployments that are reserved for organizations. */
	readonly nameRules: readonly NameRule[];
	readonly limits: LimitSettings;
	readonly bodyLimit: number;
	readonly trustProxy: boolean;
	readonly auditFile: string | undefined;
}

type Env = Readonly<Record<string, string | undefined>>;

/** Collects what is wrong, so that a person can mend all of it at once. */
class SettingsReader {
	readonly problems: string[] = [];
	readonly #env: Env;
	readonly #file: FileSettings;

	constructor(env: Env, file: FileSettings) {
		this.#env = env;
		this.#file = file;
	}

	optional<T>(name: FileVariable, parse: Parse<T>): T | undefined {
		const variable: ApiVariable | Variable = { ...API_VARIABLES, ...VARIABLES }[name];
		const text = this.#env[name] || this.#file[name] || variable.default;
		if (text === undefined) return undefined;
		const parsed = parse(text);
		if (parsed.ok) return parsed.value;
		const location = !this.#env[name] && this.#file[name] ? `${CONFIG_KEYS[name]} (${name})` : name;
		this.problems.push(`${location} must be ${parsed.error}`);
		return undefined;
	}

	/** For variables that have a default. The cast is sound because with a problem nothing is returned. */
	given<T>(name: FileVariable, parse: Parse<T>): T {
		return this.optional(name, parse) as T;
	}

	flag(name: FileVariable): boolean {
		return this.given(name, oneOf('true', 'false')) === 'true';
	}
}

const text: Parse<string> = (given) => ok(given);
const word: Parse<string> = (given) => (/^\S+$/.test(given) ? ok(given) : err('text without blanks'));

/** Host and port; an IPv6 host stands in brackets. */
const listen: Parse<{ host: string; port: number }> = (given) => {
	const match = /^(?:\[([0-9a-fA-F:.]+)\]|([^:[\]]*)):([0-9]{1,5})$/.exec(given);
	const port = Number(match?.[3] ?? Number.NaN);
	if (match === null || port > 65_535) return err('host:port, such as 127.0.0.1:8210');
	return ok({ host: match[1] ?? match[2] ?? '', port });
};

const httpsUrl: Parse<string> = (given) =>
	URL.canParse(given) && new URL(given).protocol === 'https:'
		? ok(given)
		: err('an https:// address, exactly as the issuer writes it into its tokens');

const scopes: Parse<readonly ApiScope[]> = (given) => {
	const words = given.split(',').map((part) => part.trim());
	const known = SCOPES.filter((scope) => words.includes(scope));
	return known.length === words.length ? ok(known) : err(`a comma-separated list of ${SCOPES.join(', ')}`);
};

const LOG_LEVEL = oneOf('trace', 'debug', 'info', 'warn', 'error', 'fatal', 'silent');
const LOOPBACK = /^(?:127\.[0-9.]+|::1|localhost)$/;

/**
 * Reads the API's settings from an environment and a configuration file. The error has one line for each
 * wrong setting: what is accepted, never the value.
 */
export function readSettings(env: Env, file: FileSettings = {}): Result<Settings> {
	const reader = new SettingsReader(env, file);
	const { problems } = reader;
	const at = reader.given('ENVTIER_API_LISTEN', listen);
	const certificateFile = reader.optional('ENVTIER_API_TLS_CERT_FILE', text);
	const keyFile = reader.optional('ENVTIER_API_TLS_KEY_FILE', text);
	const plainHttp = reader.flag('ENVTIER_API_INSECURE_HTTP');
	if ((certificateFile === undefined) !== (keyFile === undefined))
		problems.push('ENVTIER_API_TLS_CERT_FILE and ENVTIER_API_TLS_KEY_FILE must be set both or neither');
	if (certificateFile === undefined && !plainHttp && at !== undefined && !LOOPBACK.test(at.host))
		problems.push(
			'ENVTIER_API_LISTEN must be a loopback address without TLS: set ENVTIER_API_TLS_CERT_FILE and ENVTIER_API_TLS_KEY_FILE, or ENVTIER_API_INSECURE_HTTP to "true"',
		);
	const settings: Settings = {
		...at,
		tls: certificateFile === undefined || keyFile === undefined ? undefined : { certificateFile, keyFile },
		logLevel: reader.given('ENVTIER_LOG_LEVEL', LOG_LEVEL),
		store: readStore(reader),
		keysFile: reader.optional('ENVTIER_API_KEYS_FILE', text),
		oidc: readOidc(reader),
		cluster: readCluster(reader),
		nameRules: reader.optional('ENVTIER_API_DEPLOYMENT_NAMES', parseNameRules) ?? [],
		limits: {
			calls: reader.given('ENVTIER_API_CALLS_PER_MINUTE', wholeNumber(1, 1_000_000)),
			failedLogins: reader.given('ENVTIER_API_FAILED_LOGINS_PER_MINUTE', wholeNumber(1, 1_000_000)),
		},
		bodyLimit: reader.given('ENVTIER_API_BODY_LIMIT', wholeNumber(1024, 4 * 1024 * 1024)),
		trustProxy: reader.flag('ENVTIER_API_TRUST_PROXY'),
		auditFile: reader.optional('ENVTIER_API_AUDIT_FILE', text),
	};
	return problems.length > 0 ? err(problems.join('\n')) : ok(settings);
}

function readStore(reader: SettingsReader): StoreSettings {
	const kind = reader.optional('ENVTIER_API_STORE', oneOf('vault', 'memory'));
	const address = reader.optional('ENVTIER_VAULT_ADDR', parseVaultAddress);
	if (kind === 'memory') return { kind: 'memory' };
	if (address === undefined) {
		if (kind === 'vault') reader.problems.push('ENVTIER_VAULT_ADDR is not set: the store vault needs it');
		return { kind: 'none' };
	}
	if (address.startsWith('http:') && !reader.flag('ENVTIER_VAULT_INSECURE_HTTP'))
		reader.problems.push(
			'ENVTIER_VAULT_ADDR must start with https:// unless ENVTIER_VAULT_INSECURE_HTTP is "true"',
		);
	return {
		kind: 'vault',
		endpoint: {
			address,
			ca: reader.optional('ENVTIER_VAULT_CA', parseCaBundle),
			tlsName: reader.optional('ENVTIER_VAULT_TLS_NAME', parseDnsName),
			namespace: reader.optional('ENVTIER_VAULT_NAMESPACE', parseVaultPath),
			timeout: 1000 * reader.given('ENVTIER_API_VAULT_TIMEOUT', wholeNumber(1, 30)),
		},
		login: readLogin(reader),
		mount: reader.given('ENVTIER_VAULT_KV_MOUNT', parseVaultPath),
	};
}

function readLogin(reader: SettingsReader): VaultLogin {
	const token = reader.optional('ENVTIER_API_VAULT_TOKEN', word);
	const file = reader.optional('ENVTIER_API_VAULT_TOKEN_FILE', text);
	const role = reader.optional('ENVTIER_API_VAULT_ROLE', parseRole);
	const given = [token, file, role].filter((one) => one !== undefined).length;
	if (given !== 1)
		reader.problems.push(
			'exactly one of ENVTIER_API_VAULT_ROLE, ENVTIER_API_VAULT_TOKEN_FILE and ENVTIER_API_VAULT_TOKEN must be set',
		);
	if (token !== undefined) return { kind: 'token', token };
	if (file !== undefined) return { kind: 'token-file', file };
	return {
		kind: 'kubernetes',
		role: role ?? '',
		mount: reader.given('ENVTIER_VAULT_AUTH_MOUNT', parseVaultPath),
		tokenFile: reader.given('ENVTIER_API_VAULT_LOGIN_TOKEN_FILE', text),
	};
}

function readOidc(reader: SettingsReader): OidcSettings | undefined {
	const issuer = reader.optional('ENVTIER_API_OIDC_ISSUER', httpsUrl);
	if (issuer === undefined) return undefined;
	return {
		issuer,
		audience: reader.given('ENVTIER_API_OIDC_AUDIENCE', word),
		ca: reader.optional('ENVTIER_API_OIDC_CA', parseCaBundle),
		claims: {
			org: reader.given('ENVTIER_API_OIDC_ORG_CLAIM', word),
			roles: reader.given('ENVTIER_API_OIDC_ROLES_CLAIM', word),
			scopes: reader.given('ENVTIER_API_OIDC_SCOPES_CLAIM', word),
		},
		scopes: reader.optional('ENVTIER_API_OIDC_SCOPES', scopes) ?? [],
	};
}

function readCluster(reader: SettingsReader): ClusterSettings | undefined {
	if (!reader.flag('ENVTIER_API_KUBERNETES')) return undefined;
	return {
		audience: reader.given('ENVTIER_API_KUBERNETES_AUDIENCE', word),
		kubeconfig: reader.optional('ENVTIER_API_KUBECONFIG', text),
		org: reader.optional('ENVTIER_API_KUBERNETES_ORG', parseName),
	};
}
