import { parseEnv } from 'node:util';
import { err, ok, type Result } from '../../contract/result.ts';
import { VARIABLES, type VariableName } from '../../contract/variables.ts';
import { object } from '../../lib/json.ts';
import { parseYaml } from '../../lib/parse/yaml.ts';
import { featuresOf } from '../../webhook/admission/cluster-features.ts';
import { type InjectionSettings, readSettings } from '../../webhook/settings.ts';

/** Variables by name, from an environment or a file. */
type Env = Readonly<Record<string, string | undefined>>;

/** The settings of the webhook that the command assumes. */
export interface ExplainSettings {
	readonly injection: InjectionSettings;
	/** The origin of the settings, for people. */
	readonly source: string;
	/**
	 * Required settings without a value. Decisions don't depend on them; the injected pod shows placeholders.
	 */
	readonly placeholders: readonly VariableName[];
	/** True when the version of Kubernetes is assumed, and a decision depends on it. */
	readonly assumesVersion: boolean;
}

/** Placeholder values that are easy to recognize in the output. */
const PLACEHOLDERS = {
	ENVTIER_VAULT_ADDR: 'https://vault.placeholder.invalid:8200',
	ENVTIER_FETCHER_IMAGE: 'envtier-fetcher:placeholder',
} as const satisfies Partial<Record<VariableName, string>>;

/** The webhook needs these to serve, but no decision uses them. */
const UNUSED = { ENVTIER_TLS_CERT_FILE: '-', ENVTIER_TLS_KEY_FILE: '-' };

const NAMES = Object.keys(VARIABLES) as readonly VariableName[];

/**
 * Parses a settings file: `NAME=value` lines, or the ConfigMap with the settings. The error names the setting
 * that is wrong.
 */
export function parseSettingsFile(content: string, name: string): Result<Env> {
	const variables = configMapData(content) ?? parseEnv(content);
	const unknown = Object.keys(variables).find((key) => !NAMES.some((setting) => setting === key));
	if (unknown === undefined) return ok(variables);
	return err(`${name}: ${JSON.stringify(unknown)} is not a setting of Envtier; docs/reference.md lists them`);
}

function configMapData(content: string): Env | undefined {
	// Blanks only: with \s each line would be scanned once for every empty line before it.
	if (!/^[ \t]*\{|^kind:/m.test(content)) return undefined;
	// Not YAML: lines of an env file, or an unknown format, which the check of the names reports.
	const parsed = parseYaml(content);
	const manifest = parsed.ok ? object(parsed.value) : undefined;
	return manifest?.['kind'] === 'ConfigMap' ? ((object(manifest['data']) ?? {}) as Env) : undefined;
}

/**
 * The webhook's settings from `env`, with placeholders for missing required ones.
 *
 * @param version version of Kubernetes, `1.34`; by default the newest one that Envtier knows
 */
export function explainSettings(
	env: Env,
	source: string,
	version: string | undefined,
): Result<ExplainSettings> {
	const match = /^v?(\d+)\.(\d+)(?:[.+-].*)?$/.exec(version ?? '1.36');
	const [, major = '', minor = ''] = match ?? [];
	if (match === null) return err(`--kubernetes-version must be a version such as 1.36, not "${version}"`);
	const placeholders = (Object.keys(PLACEHOLDERS) as (keyof typeof PLACEHOLDERS)[]).filter(
		(name) => !env[name],
	);
	const standIns = Object.fromEntries(placeholders.map((name) => [name, PLACEHOLDERS[name]]));
	const webhookSettings = readSettings({
		...env,
		...UNUSED,
		...standIns,
		KUBERNETES_SERVICE_HOST: undefined,
	});
	if (!webhookSettings.ok) return err(`the settings (${source}) are wrong:\n${webhookSettings.error}`);
	const isAuto = (name: 'ENVTIER_NATIVE_ENV' | 'ENVTIER_IN_PLACE_RESTART'): boolean =>
		(env[name] || VARIABLES[name].default) === 'auto';
	const decides = {
		nativeEnv: isAuto('ENVTIER_NATIVE_ENV'),
		inPlaceRestart: isAuto('ENVTIER_IN_PLACE_RESTART'),
	};
	const { injection } = webhookSettings.value;
	return ok({
		injection: { ...injection, ...featuresOf(decides, { major, minor }) },
		source,
		placeholders,
		assumesVersion: (decides.nativeEnv || decides.inPlaceRestart) && version === undefined,
	});
}
