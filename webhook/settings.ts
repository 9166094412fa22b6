import { type EmptyPolicy, parseEmptyPolicy } from '../contract/empty.ts';
import { parseName, parseRole } from '../contract/names.ts';
import { err, ok, type Result } from '../contract/result.ts';
import {
	oneOf,
	type Parse,
	parseDnsName,
	parseProxy,
	parseVaultAddress,
	parseVaultPath,
	wholeNumber,
} from '../contract/values.ts';
import { DEADLINE_MAX, VARIABLES, type VariableName } from '../contract/variables.ts';
import type { ClusterAccess } from '../lib/kubernetes/client.ts';
import { anyText, flag, listenAddress, parseLogLevel, word } from '../lib/settings/parsers.ts';
import { type Environment, fromEnvironment, settingsReader } from '../lib/settings/reader.ts';
import type { ClusterFeatures, VersionDecides } from './admission/cluster-features.ts';
import { ORG_LABEL_MODES, type OrgLabel, type OrgLabelMode } from './admission/org-label.ts';
import { ID_MAX } from './annotations/annotations.ts';
import { parseBundle } from './certificates/bundle.ts';
import { type CertificateSettings, readCertificates } from './certificates/settings.ts';
import { LOG_FORMATS, type LogFormat } from './log-format.ts';
import { exceeding, parseQuantities, parseQuantity, type Quantities } from './pod/quantities.ts';
import { type ClientAuth, parseClientNames } from './server/client-auth.ts';

/** How the fetchers reach Vault. The webhook itself never connects to it. */
export interface VaultSettings {
	readonly address: string;
	/** Undefined: the address's host. */
	readonly tlsName: string | undefined;
	/** Origin of the HTTP proxy. */
	readonly proxy: string | undefined;
	readonly insecureHttp: boolean;
	/** PEM text. */
	readonly ca: string | undefined;
	readonly namespace: string | undefined;
	readonly authMount: string;
	readonly kvMount: string;
	readonly kvVersion: 1 | 2;
	/** Mount of the transit engine, for sealed values. */
	readonly transitMount: string;
}

/** All inputs of a decision besides the pod. */
export interface InjectionSettings extends ClusterFeatures {
	readonly image: string;
	readonly pullPolicy: string | undefined;
	/** Names of Secrets in the namespaces of pods. */
	readonly pullSecrets: readonly string[];
	readonly requests: Quantities;
	readonly limits: Quantities;
	readonly volumeSize: string;
	readonly defaultOrg: string | undefined;
	readonly orgLabelMode: OrgLabelMode;
	/** The label of the pod's namespace. */
	readonly orgLabel: OrgLabel;
	/** With the placeholders `{serviceAccount}` and `{namespace}`. */
	readonly defaultRole: string;
	readonly defaultUser: number;
	/** Default for pods without the annotation. */
	readonly empty: EmptyPolicy;
	readonly tokenAudience: string;
	/** Resource requests and limits of the sidecar. */
	readonly refreshRequests: Quantities;
	readonly refreshLimits: Quantities;
	readonly vault: VaultSettings;
	/** Seconds for one fetch. */
	readonly deadline: number;
	readonly logLevel: string;
}

/** All settings of the webhook's process. */
export interface Settings {
	readonly host: string;
	readonly port: number;
	readonly certificates: CertificateSettings;
	readonly logLevel: string;
	/** Undefined: anybody may call. */
	readonly callers: ClientAuth | undefined;
	readonly logFormat: LogFormat;
	/** Whether Events are written. */
	readonly events: boolean;
	/** The API server; undefined outside a cluster. */
	readonly cluster: ClusterAccess | undefined;
	/** What the API server's version decides; undefined outside a cluster. */
	readonly versionDecides: VersionDecides | undefined;
	readonly injection: InjectionSettings;
}

function role(text: string): Result<string> {
	const example = text.replaceAll('{serviceAccount}', 'x').replaceAll('{namespace}', 'x');
	const parsed = parseRole(example);
	return parsed.ok ? ok(text) : err(`${parsed.error}; {serviceAccount} and {namespace} may stand in it`);
}

/** Maximum number of Secrets with which the fetcher's image is pulled. */
const MAX_PULL_SECRETS = 16;

/** Parses names of Secrets, comma-separated. A name is an RFC 1123 subdomain, as in Kubernetes. */
function parseSecretNames(text: string): Result<readonly string[]> {
	const names = text.split(',').map((part) => part.trim());
	const good = names.every((name) => parseName(name).ok) && new Set(names).size === names.length;
	return good && names.length <= MAX_PULL_SECRETS
		? ok(names)
		: err(`a comma-separated list of names of Secrets, each named once, at most ${MAX_PULL_SECRETS}`);
}

/** Refuses `$(`: in a container's variable it refers to another variable (Kubernetes API: EnvVar). */
function forFetcher<T>(parse: Parse<T>): Parse<T> {
	return (text) => (text.includes('$(') ? err('text without "$("') : parse(text));
}

const NATIVE_ENV_OFF = {
	auto: 'the webhook does not know the API server’s version yet: try again, or have the operator set ENVTIER_NATIVE_ENV',
	false: 'this cluster’s operator has switched them off (ENVTIER_NATIVE_ENV)',
} as const;

const IN_PLACE_RESTART_OFF = {
	auto: 'the webhook does not know the API server’s version yet: try again, or have the operator set ENVTIER_IN_PLACE_RESTART',
	false: 'this cluster’s operator has switched it off (ENVTIER_IN_PLACE_RESTART)',
} as const;

/** A request above its limit, which the API server would refuse with every pod. */
function resourceProblems(settings: InjectionSettings): readonly string[] {
	const pairs = [
		['FETCHER', settings.requests, settings.limits],
		['REFRESH', settings.refreshRequests, settings.refreshLimits],
	] as const;
	return pairs.flatMap(([name, requests, limits]) => {
		const over = exceeding(requests ?? {}, limits ?? {});
		if (over === undefined) return [];
		return `ENVTIER_${name}_REQUESTS must not ask for more ${over} than ENVTIER_${name}_LIMITS allows`;
	});
}

/**
 * Reads the webhook's settings from an environment. The error has one line for each wrong variable: what is
 * accepted, never the value.
 */
export function readSettings(env: Environment): Result<Settings> {
	const reader = settingsReader<VariableName>(VARIABLES, fromEnvironment(env));
	const { optional, required, problems } = reader;
	const at = required('ENVTIER_LISTEN', listenAddress('0.0.0.0:8443'));
	const logLevel = required('ENVTIER_LOG_LEVEL', parseLogLevel);
	const nativeEnv = required('ENVTIER_NATIVE_ENV', oneOf('auto', 'true', 'false'));
	const inPlaceRestart = required('ENVTIER_IN_PLACE_RESTART', oneOf('auto', 'true', 'false'));
	const vault: VaultSettings = {
		address: required('ENVTIER_VAULT_ADDR', forFetcher(parseVaultAddress)),
		tlsName: optional('ENVTIER_VAULT_TLS_NAME', parseDnsName),
		proxy: optional('ENVTIER_VAULT_PROXY', forFetcher(parseProxy)),
		insecureHttp: required('ENVTIER_VAULT_INSECURE_HTTP', flag),
		ca: optional('ENVTIER_VAULT_CA', forFetcher(parseBundle)),
		namespace: optional('ENVTIER_VAULT_NAMESPACE', forFetcher(parseVaultPath)),
		authMount: required('ENVTIER_VAULT_AUTH_MOUNT', forFetcher(parseVaultPath)),
		kvMount: required('ENVTIER_VAULT_KV_MOUNT', forFetcher(parseVaultPath)),
		kvVersion: required('ENVTIER_VAULT_KV_VERSION', oneOf('1', '2')) === '1' ? 1 : 2,
		transitMount: required('ENVTIER_VAULT_TRANSIT_MOUNT', forFetcher(parseVaultPath)),
	};
	if (vault.address?.startsWith('http:') && !vault.insecureHttp)
		problems.push('ENVTIER_VAULT_ADDR must start with https:// unless ENVTIER_VAULT_INSECURE_HTTP is "true"');
	const injection: InjectionSettings = {
		image: required('ENVTIER_FETCHER_IMAGE', word('the name of an image')),
		pullPolicy: optional('ENVTIER_FETCHER_PULL_POLICY', oneOf('Always', 'IfNotPresent', 'Never')),
		pullSecrets: optional('ENVTIER_FETCHER_PULL_SECRETS', parseSecretNames) ?? [],
		requests: required('ENVTIER_FETCHER_REQUESTS', parseQuantities),
		limits: required('ENVTIER_FETCHER_LIMITS', parseQuantities),
		volumeSize: required('ENVTIER_VOLUME_SIZE', parseQuantity),
		defaultOrg: optional('ENVTIER_DEFAULT_ORG', parseName),
		orgLabelMode: required('ENVTIER_ORG_LABEL', oneOf(...ORG_LABEL_MODES)),
		// Set later for each namespace, from the watch.
		orgLabel: ok(undefined),
		defaultRole: required('ENVTIER_DEFAULT_ROLE', role),
		defaultUser: required('ENVTIER_DEFAULT_UID', wholeNumber(1, ID_MAX)),
		empty: required('ENVTIER_EMPTY', parseEmptyPolicy),
		tokenAudience: required('ENVTIER_TOKEN_AUDIENCE', word('an audience without blanks')),
		nativeEnv: nativeEnv === 'true' ? ok(true) : err(NATIVE_ENV_OFF[nativeEnv]),
		// Every supported version has them; the webhook asks the API server.
		sidecars: ok(true),
		inPlaceRestart: inPlaceRestart === 'true' ? ok(true) : err(IN_PLACE_RESTART_OFF[inPlaceRestart]),
		refreshRequests: required('ENVTIER_REFRESH_REQUESTS', parseQuantities),
		refreshLimits: required('ENVTIER_REFRESH_LIMITS', parseQuantities),
		vault,
		deadline: required('ENVTIER_DEADLINE', wholeNumber(1, DEADLINE_MAX)),
		logLevel,
	};
	problems.push(...resourceProblems(injection));
	const clientCa = optional('ENVTIER_CLIENT_CA', parseBundle);
	const clientNames = optional('ENVTIER_CLIENT_NAMES', parseClientNames);
	if (clientNames !== undefined && !env['ENVTIER_CLIENT_CA'])
		problems.push(
			'ENVTIER_CLIENT_NAMES must have ENVTIER_CLIENT_CA beside it: without it nobody is asked for a certificate',
		);
	const logFormat = required('ENVTIER_LOG_FORMAT', oneOf(...LOG_FORMATS));
	const events = required('ENVTIER_EVENTS', flag);
	const kubeconfig = optional('ENVTIER_KUBECONFIG', anyText);
	const inPod = env['KUBERNETES_SERVICE_HOST'] !== undefined;
	const cluster = inPod || kubeconfig !== undefined ? { kubeconfig } : undefined;
	const certificates = readCertificates(reader, cluster !== undefined);
	if (problems.length > 0) return err(problems.join('\n'));
	return ok({
		...at,
		certificates,
		logLevel,
		callers: clientCa === undefined ? undefined : { ca: clientCa, names: clientNames },
		cluster,
		logFormat,
		events,
		versionDecides:
			cluster === undefined
				? undefined
				: { nativeEnv: nativeEnv === 'auto', inPlaceRestart: inPlaceRestart === 'auto' },
		injection,
	});
}
