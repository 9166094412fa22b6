import { parseName, parseRole } from '../contract/names.ts';
import { err, ok, type Result } from '../contract/result.ts';
import { VARIABLES, type Variable, type VariableName } from '../contract/variables.ts';
import type { NativeEnvSupport } from './native-env.ts';

/** Where and how the fetchers reach Vault. The webhook itself never talks to it. */
export interface VaultSettings {
	readonly address: string;
	readonly insecureHttp: boolean;
	/** PEM text. */
	readonly ca: string | undefined;
	readonly namespace: string | undefined;
	readonly authMount: string;
	readonly kvMount: string;
	readonly kvVersion: 1 | 2;
}

/** All that a decision about a pod depends on besides the pod. */
export interface InjectionSettings {
	readonly image: string;
	readonly pullPolicy: string | undefined;
	/** Resource quantities by resource name, as Kubernetes writes them. */
	readonly requests: Readonly<Record<string, string>>;
	readonly limits: Readonly<Record<string, string>>;
	readonly volumeSize: string;
	readonly defaultOrg: string | undefined;
	/** With `{serviceAccount}` and `{namespace}` still in it. */
	readonly defaultRole: string;
	readonly defaultUser: number;
	readonly tokenAudience: string;
	/** Whether `envtier.dev/env` can be served. */
	readonly nativeEnv: NativeEnvSupport;
	readonly vault: VaultSettings;
	/** Seconds for one fetch. */
	readonly deadline: number;
	readonly logLevel: string;
}

/** All settings of the webhook's process. */
export interface Settings {
	readonly host: string;
	readonly port: number;
	readonly certificateFile: string;
	readonly keyFile: string;
	readonly logLevel: string;
	/** True when the API server's version decides about `injection.nativeEnv`; outside a cluster there is none to ask. */
	readonly askVersion: boolean;
	readonly injection: InjectionSettings;
}

type Parse<T> = (text: string) => Result<T>;

const matching =
	(pattern: RegExp, rule: string): Parse<string> =>
	(text) =>
		pattern.test(text) ? ok(text) : err(rule);

const oneOf =
	<const T extends string>(...choices: readonly T[]): Parse<T> =>
	(text) => {
		const choice = choices.find((known) => known === text);
		return choice === undefined ? err(`one of ${choices.join(', ')}`) : ok(choice);
	};

const wholeNumber =
	(min: number, max: number): Parse<number> =>
	(text) => {
		const value = /^[0-9]{1,10}$/.test(text) ? Number(text) : Number.NaN;
		return value >= min && value <= max ? ok(value) : err(`a whole number from ${min} to ${max}`);
	};

/** A mount or namespace: path segments that need no escaping and cannot climb. */
const path = matching(
	/^[A-Za-z0-9_][-A-Za-z0-9_.]*(?:\/[A-Za-z0-9_][-A-Za-z0-9_.]*)*\/?$/,
	'a path of letters, digits, "-", "_" and ".", its segments parted by "/"',
);

const QUANTITY = /^[0-9]+(?:\.[0-9]+)?(?:m|k|Ki|M|Mi|G|Gi)?$/;

function quantities(text: string): Result<Readonly<Record<string, string>>> {
	const pairs = text.split(',').map((part) => part.trim().split('='));
	const good = pairs.every(
		([name, value]) => (name === 'cpu' || name === 'memory') && QUANTITY.test(value ?? ''),
	);
	if (!good || pairs.some((pair) => pair.length !== 2)) return err('quantities such as cpu=50m,memory=64Mi');
	return ok(Object.fromEntries(pairs));
}

function address(text: string): Result<string> {
	const url = URL.canParse(text) ? new URL(text) : undefined;
	const plain =
		url !== undefined && url.username === '' && url.search === '' && url.hash === '' && url.pathname === '/';
	if (url === undefined || !plain || !['https:', 'http:'].includes(url.protocol))
		return err('an address such as https://vault.example.com:8200, without a path');
	return ok(url.origin);
}

function role(text: string): Result<string> {
	const filled = text.replaceAll('{serviceAccount}', 'x').replaceAll('{namespace}', 'x');
	const parsed = parseRole(filled);
	return parsed.ok ? ok(text) : err(`${parsed.error}; {serviceAccount} and {namespace} may stand in it`);
}

/** Host and port; an IPv6 host stands in brackets. */
function listen(text: string): Result<{ host: string; port: number }> {
	const match = /^(?:\[([0-9a-fA-F:.]+)\]|([^:[\]]*)):([0-9]{1,5})$/.exec(text);
	const port = Number(match?.[3] ?? Number.NaN);
	if (match === null || port > 65_535) return err('host:port, such as 0.0.0.0:8443');
	return ok({ host: match[1] ?? match[2] ?? '', port });
}

const anything: Parse<string> = (text) => ok(text);

/** `$(` in a container's variable is a reference to another one (Kubernetes API: EnvVar), so no setting may hold it. */
function handedOver<T>(parse: Parse<T>): Parse<T> {
	return (text) => (text.includes('$(') ? err('text without "$("') : parse(text));
}

const NATIVE_ENV_OFF = {
	auto: 'the webhook does not know the API server’s version yet: try again, or have the operator set ENVTIER_NATIVE_ENV',
	false: 'this cluster’s operator has switched them off (ENVTIER_NATIVE_ENV)',
} as const;

/**
 * Reads the webhook's settings out of an environment, all of them before complaining. The error holds a line for each wrong
 * variable, with what is accepted and never the value.
 */
export function readSettings(env: Readonly<Record<string, string | undefined>>): Result<Settings> {
	const problems: string[] = [];
	const optional = <T>(name: VariableName, parse: Parse<T>): T | undefined => {
		const variable: Variable = VARIABLES[name];
		const value = env[name] || variable.default;
		if (value === undefined) {
			if (variable.required) problems.push(`${name} is not set: ${variable.meaning}`);
			return undefined;
		}
		const parsed = parse(value);
		if (parsed.ok) return parsed.value;
		problems.push(`${name} must be ${parsed.error}`);
		return undefined;
	};
	/** The cast is sound because a missing value is a problem, and with a problem nothing is returned. */
	const required = <T>(name: VariableName, parse: Parse<T>): T => optional(name, parse) as T;

	const at = required('ENVTIER_LISTEN', listen);
	const logLevel = required(
		'ENVTIER_LOG_LEVEL',
		oneOf('trace', 'debug', 'info', 'warn', 'error', 'fatal', 'silent'),
	);
	const nativeEnv = required('ENVTIER_NATIVE_ENV', oneOf('auto', 'true', 'false'));
	const vault: VaultSettings = {
		address: required('ENVTIER_VAULT_ADDR', handedOver(address)),
		insecureHttp: required('ENVTIER_VAULT_INSECURE_HTTP', oneOf('true', 'false')) === 'true',
		ca: optional(
			'ENVTIER_VAULT_CA',
			handedOver(matching(/-----BEGIN CERTIFICATE-----/, 'PEM text of certificates')),
		),
		namespace: optional('ENVTIER_VAULT_NAMESPACE', handedOver(path)),
		authMount: required('ENVTIER_VAULT_AUTH_MOUNT', handedOver(path)),
		kvMount: required('ENVTIER_VAULT_KV_MOUNT', handedOver(path)),
		kvVersion: required('ENVTIER_VAULT_KV_VERSION', oneOf('1', '2')) === '1' ? 1 : 2,
	};
	if (vault.address?.startsWith('http:') && !vault.insecureHttp)
		problems.push('ENVTIER_VAULT_ADDR must start with https:// unless ENVTIER_VAULT_INSECURE_HTTP is "true"');
	const injection: InjectionSettings = {
		image: required('ENVTIER_FETCHER_IMAGE', matching(/^\S+$/, 'the name of an image')),
		pullPolicy: optional('ENVTIER_FETCHER_PULL_POLICY', oneOf('Always', 'IfNotPresent', 'Never')),
		requests: required('ENVTIER_FETCHER_REQUESTS', quantities),
		limits: required('ENVTIER_FETCHER_LIMITS', quantities),
		volumeSize: required('ENVTIER_VOLUME_SIZE', matching(QUANTITY, 'a quantity such as 16Mi')),
		defaultOrg: optional('ENVTIER_DEFAULT_ORG', parseName),
		defaultRole: required('ENVTIER_DEFAULT_ROLE', role),
		defaultUser: required('ENVTIER_DEFAULT_UID', wholeNumber(1, 2 ** 31 - 1)),
		tokenAudience: required('ENVTIER_TOKEN_AUDIENCE', matching(/^\S+$/, 'an audience without blanks')),
		nativeEnv: nativeEnv === 'true' ? ok(true) : err(NATIVE_ENV_OFF[nativeEnv]),
		vault,
		deadline: required('ENVTIER_DEADLINE', wholeNumber(1, 3600)),
		logLevel,
	};
	const certificateFile = required('ENVTIER_TLS_CERT_FILE', anything);
	const keyFile = required('ENVTIER_TLS_KEY_FILE', anything);
	if (problems.length > 0) return err(problems.join('\n'));
	return ok({
		...at,
		certificateFile,
		keyFile,
		logLevel,
		askVersion: nativeEnv === 'auto' && env['KUBERNETES_SERVICE_HOST'] !== undefined,
		injection,
	});
}
