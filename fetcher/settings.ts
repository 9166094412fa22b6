import { parseCodeVariables } from '../contract/code-variables.ts';
import { parseTemplateVariable, type Template } from '../contract/compose.ts';
import { type EmptyPolicy, parseEmptyPolicy } from '../contract/empty.ts';
import { type Format, parseFormats } from '../contract/formats.ts';
import { isKey, parseKeys } from '../contract/keys.ts';
import { type Lease, MAX_LEASES, parseLease } from '../contract/lease.ts';
import { parseName, parseRole } from '../contract/names.ts';
import { parseCaBundle } from '../contract/pem.ts';
import { DEFAULT_PERIOD, MODES, type Mode, type OnChange, parseOnChange } from '../contract/refresh.ts';
import { err, ok, type Result } from '../contract/result.ts';
import { parseSealed, type Sealed } from '../contract/sealed.ts';
import { parsePrefixes, parseSelectedKeys, type Selection } from '../contract/selection.ts';
import { parseTiers, TIERS, type Tier, type TierNames, tierPath } from '../contract/tiers.ts';
import {
	oneOf,
	type Parse,
	parseDnsName,
	parseProxy,
	parseVaultAddress,
	parseVaultPath,
	wholeNumber,
} from '../contract/values.ts';
import {
	DEADLINE_MAX,
	type KeyedAnnotationName,
	VARIABLES,
	type VariableName,
} from '../contract/variables.ts';
import { anyText, flag } from '../lib/settings/parsers.ts';
import { type Environment, fromEnvironment, settingsReader } from '../lib/settings/reader.ts';

/** How to reach Vault, and its mounts and role. */
export interface VaultSettings {
	/** `https://host:port`, with a path where Vault is served below one; no "/" at the end. */
	readonly address: string;
	/** Name of the certificate and TLS server name; undefined: the address's host. */
	readonly tlsName: string | undefined;
	/** Origin of the HTTP proxy to go through. */
	readonly proxy: string | undefined;
	/** PEM text; undefined: the system's roots. */
	readonly ca: string | undefined;
	readonly namespace: string | undefined;
	readonly authMount: string;
	readonly kvMount: string;
	readonly kvVersion: 1 | 2;
	/** Mount of the transit engine. */
	readonly transitMount: string;
	readonly role: string;
}

/** Levels of the log. */
export const LOG_LEVELS = ['trace', 'debug', 'info', 'warn', 'error', 'fatal', 'silent'] as const;
export type LogLevel = (typeof LOG_LEVELS)[number];

/** One directory to write to, and the secrets to write. */
export interface Volume {
	readonly out: string;
	/** Undefined: all. */
	readonly selection: Selection | undefined;
}

/** All settings of the fetcher. */
export interface Settings {
	readonly vault: VaultSettings;
	readonly tokenFile: string;
	readonly tierNames: TierNames;
	/** In merge order; each has a path in `tierNames`. */
	readonly tiers: readonly Tier[];
	/** Keys that must exist after the merge. */
	readonly require: readonly string[];
	/** Variables that make programs run code, and that may be written. */
	readonly allow: readonly string[];
	/** The policy for empty values. */
	readonly empty: EmptyPolicy;
	/** Keys for the kubelet's own file. */
	readonly envKeys: readonly string[];
	readonly formats: readonly Format[];
	/** Values that Vault decrypts, by key. */
	readonly sealed: ReadonlyMap<string, Sealed>;
	/** Dynamic secrets by name. */
	readonly leases: ReadonlyMap<string, Lease>;
	/** Templates by the key of the composed value. */
	readonly templates: ReadonlyMap<string, Template>;
	/** At least one. The first one is `ENVTIER_OUT`. */
	readonly volumes: readonly Volume[];
	/** Milliseconds for the whole fetch. */
	readonly deadline: number;
	readonly logLevel: LogLevel;
	readonly mode: Mode;
	/** Milliseconds between two checks of the sidecar. */
	readonly period: number;
	readonly onChange: OnChange;
	/** Milliseconds within which the pod restarts after a change. */
	readonly spread: number;
	/** Directory of the private file. */
	readonly privateDir: string;
	/** File with the request of `envtier refresh`; undefined: the sidecar takes none. */
	readonly requestFile: string | undefined;
}

/** Path of the termination message. Read separately: it is needed when other settings are wrong. */
export function terminationLog(env: Environment): string {
	return env['ENVTIER_TERMINATION_LOG'] || VARIABLES.ENVTIER_TERMINATION_LOG.default;
}

/** Directory of the private file. Read separately for the readiness probe, which needs no other setting. */
export function privateDirectory(env: Environment): string {
	return env['ENVTIER_PRIVATE_DIR'] || VARIABLES.ENVTIER_PRIVATE_DIR.default;
}

/** The tiers to read: those of `ENVTIER_TIERS`, which must have names, or all tiers that have names. */
function chooseTiers(listed: readonly Tier[] | undefined, tierNames: TierNames): Result<readonly Tier[]> {
	const present = TIERS.filter((tier) => tierPath(tier, tierNames) !== undefined);
	const missing = (listed ?? []).filter((tier) => !present.includes(tier));
	if (missing.length === 0) return ok(listed ?? present);
	const variables = missing.map((tier) => `the tier "${tier}", but ENVTIER_${tier.toUpperCase()} is not set`);
	return err(`ENVTIER_TIERS names ${variables.join('; it names ')}`);
}

/**
 * Reads the fetcher's settings from an environment. The error lists every wrong variable and its syntax. It
 * never contains the value, because people paste secrets into wrong fields. An empty variable counts as
 * unset.
 */
export function readSettings(env: Environment): Result<Settings, readonly string[]> {
	const reader = settingsReader<VariableName>(VARIABLES, fromEnvironment(env));
	const { optional, required, problems } = reader;

	/** Parses a variable outside of `VARIABLES`, if it is set. */
	const member = <T>(name: string, parse: Parse<T>): T | undefined => {
		const text = env[name];
		return text ? reader.parse({ text, name }, parse) : undefined;
	};
	/** Parses the variables with this prefix, by the key after the prefix. */
	const family = <T>(name: KeyedAnnotationName, parse: Parse<T>): ReadonlyMap<string, T> => {
		const members = new Map<string, T>();
		for (const [variable, value] of Object.entries(env)) {
			const key = variable.slice(name.length);
			if (!variable.startsWith(name) || !isKey(key) || !value) continue;
			const parsed = member(variable, parse);
			if (parsed !== undefined) members.set(key, parsed);
		}
		return members;
	};
	/** The suffixes of the variables of each volume: empty for the first, `_2` for the second. */
	const volumeSuffixes = (): readonly string[] => {
		const suffixes = [''];
		while (env[`ENVTIER_OUT_${suffixes.length + 1}`]) suffixes.push(`_${suffixes.length + 1}`);
		return suffixes;
	};

	const insecureHttp = required('ENVTIER_VAULT_INSECURE_HTTP', flag);
	const vault: VaultSettings = {
		address: required('ENVTIER_VAULT_ADDR', parseVaultAddress),
		tlsName: optional('ENVTIER_VAULT_TLS_NAME', parseDnsName),
		proxy: optional('ENVTIER_VAULT_PROXY', parseProxy),
		ca: optional('ENVTIER_VAULT_CA', parseCaBundle),
		namespace: optional('ENVTIER_VAULT_NAMESPACE', parseVaultPath),
		authMount: required('ENVTIER_VAULT_AUTH_MOUNT', parseVaultPath),
		kvMount: required('ENVTIER_VAULT_KV_MOUNT', parseVaultPath),
		kvVersion: required('ENVTIER_VAULT_KV_VERSION', oneOf('1', '2')) === '1' ? 1 : 2,
		transitMount: required('ENVTIER_VAULT_TRANSIT_MOUNT', parseVaultPath),
		role: required('ENVTIER_VAULT_ROLE', parseRole),
	};
	if (vault.address?.startsWith('http:') && !insecureHttp)
		problems.push('ENVTIER_VAULT_ADDR must start with https:// unless ENVTIER_VAULT_INSECURE_HTTP is "true"');
	const org = optional('ENVTIER_ORG', parseName);
	const deployment = required('ENVTIER_DEPLOYMENT', parseName);
	const service = optional('ENVTIER_SERVICE', parseName);
	const tierNames: TierNames = {
		deployment,
		...(org === undefined ? {} : { org }),
		...(service === undefined ? {} : { service }),
	};
	const listedTiers = optional('ENVTIER_TIERS', parseTiers);
	const period = optional('ENVTIER_REFRESH', wholeNumber(10, 86_400)) ?? DEFAULT_PERIOD;
	const settings = {
		vault,
		tierNames,
		tokenFile: required('ENVTIER_TOKEN_FILE', anyText),
		require: optional('ENVTIER_REQUIRE', parseKeys) ?? [],
		allow: optional('ENVTIER_ALLOW', parseCodeVariables) ?? [],
		empty: required('ENVTIER_EMPTY', parseEmptyPolicy),
		envKeys: optional('ENVTIER_ENV_KEYS', parseKeys) ?? [],
		formats: required('ENVTIER_FORMAT', parseFormats),
		sealed: family('ENVTIER_SEALED_', parseSealed),
		leases: family('ENVTIER_LEASE_', parseLease),
		templates: family('ENVTIER_COMPOSE_', parseTemplateVariable),
		volumes: volumeSuffixes().map((suffix): Volume => {
			const keys = member(`ENVTIER_KEYS${suffix}`, parseSelectedKeys);
			const prefixes = member(`ENVTIER_PREFIX${suffix}`, parsePrefixes);
			const selected = keys !== undefined || prefixes !== undefined;
			return {
				out: env[`ENVTIER_OUT${suffix}`] || VARIABLES.ENVTIER_OUT.default,
				selection: selected ? { keys: keys ?? [], prefixes: prefixes ?? [] } : undefined,
			};
		}),
		deadline: required('ENVTIER_DEADLINE', wholeNumber(1, DEADLINE_MAX)) * 1000,
		logLevel: required('ENVTIER_LOG_LEVEL', oneOf(...LOG_LEVELS)),
		mode: required('ENVTIER_MODE', oneOf(...MODES)),
		period: period * 1000,
		onChange: required('ENVTIER_ON_CHANGE', parseOnChange),
		spread: (optional('ENVTIER_SPREAD', wholeNumber(10, 86_400)) ?? period) * 1000,
		privateDir: required('ENVTIER_PRIVATE_DIR', anyText),
		requestFile: optional('ENVTIER_REQUEST_FILE', anyText),
	};
	if (settings.leases.size > MAX_LEASES)
		problems.push(`ENVTIER_LEASE_… must be at most ${MAX_LEASES} variables`);
	if (settings.leases.size > 0 && settings.mode === 'once')
		problems.push(
			'ENVTIER_MODE must be initial or refresh with ENVTIER_LEASE_…: somebody must renew the lease',
		);
	// An invalid name is already a problem. An error about its tier would only repeat it.
	if (problems.length > 0) return err(problems);
	const tiers = chooseTiers(listedTiers, tierNames);
	return tiers.ok ? ok({ ...settings, tiers: tiers.value }) : err([tiers.error]);
}
