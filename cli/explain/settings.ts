import { parseEnv } from 'node:util';
import { err, ok, type Result } from '../../contract/result.ts';
import { VARIABLES, type VariableName } from '../../contract/variables.ts';
import { object } from '../../lib/json.ts';
import { parseYaml } from '../../lib/parse/yaml.ts';
import { featuresOf } from '../../webhook/admission/cluster-features.ts';
import { type InjectionSettings, readSettings } from '../../webhook/settings.ts';

/** Variables by name, as an environment or a file gives them. */
type Env = Readonly<Record<string, string | undefined>>;

/** What the webhook's settings are taken to be. */
export interface ExplainSettings {
	readonly injection: InjectionSettings;
	/** Where they come from, for people. */
	readonly source: string;
	/** Required settings that nobody gave: decisions don't depend on them, but what is injected shows them. */
	readonly placeholders: readonly VariableName[];
	/** True when nobody said which Kubernetes, and it matters. */
	readonly assumesVersion: boolean;
}

/** Stand-ins that are recognized as such wherever they turn up. */
const PLACEHOLDERS = {
	ENVTIER_VAULT_ADDR: 'https://vault.placeholder.invalid:8200',
	ENVTIER_FETCHER_IMAGE: 'envtier-fetcher:placeholder',
} as const satisfies Partial<Record<VariableName, string>>;

/** The webhook needs them to serve; no decision does. */
const UNUSED = { ENVTIER_TLS_CERT_FILE: '-', ENVTIER_TLS_KEY_FILE: '-' };

const NAMES = Object.keys(VARIABLES) as readonly VariableName[];

/**
 * Parses a settings file: `NAME=value` lines, or the ConfigMap with the settings. The error names what does
 * not belong there.
 */
export function parseSettingsFile(content: string, name: string): Result<Env> {
	const variables = configMapData(content) ?? parseEnv(content);
	const unknown = Object.keys(variables).find((key) => !NAMES.some((known) => known === key));
	if (unknown === undefined) return ok(variables);
	return err(`${name}: ${JSON.stringify(unknown)} is not a setting of Envtier; docs/reference.md lists them`);
}

function configMapData(content: string): Env | undefined {
	// Blanks only: with \s each line would be looked at once for every empty line before it.
	if (!/^[ \t]*\{|^kind:/m.test(content)) return undefined;
	// Not YAML: lines of an env file, or nothing that is known, which the names will show.
	const parsed = parseYaml(content);
	const found = parsed.ok ? object(parsed.value) : undefined;
	return found?.['kind'] === 'ConfigMap' ? ((object(found['data']) ?? {}) as Env) : undefined;
}

/**
 * The webhook's settings out of `env`, stand-ins in the place of required ones that are missing.
 *
 * @param version of Kubernetes, `1.34`; the newest known unless given
 */
export function explainSettings(
	env: Env,
	source: string,
	version: string | undefined,
): Result<ExplainSettings> {
	const match = /^v?(\d+)\.(\d+)(?:[.+-].*)?$/.exec(version ?? '1.35');
	const [, major = '', minor = ''] = match ?? [];
	if (match === null) return err(`--kubernetes-version must be a version such as 1.35, not "${version}"`);
	const placeholders = (Object.keys(PLACEHOLDERS) as (keyof typeof PLACEHOLDERS)[]).filter(
		(name) => !env[name],
	);
	const stood = Object.fromEntries(placeholders.map((name) => [name, PLACEHOLDERS[name]]));
	const read = readSettings({ ...env, ...UNUSED, ...stood, KUBERNETES_SERVICE_HOST: undefined });
	if (!read.ok) return err(`the settings (${source}) are wrong:\n${read.error}`);
	const decides = {
		nativeEnv: (env['ENVTIER_NATIVE_ENV'] || VARIABLES.ENVTIER_NATIVE_ENV.default) === 'auto',
	};
	const { injection } = read.value;
	return ok({
		injection: { ...injection, ...featuresOf(decides, { major, minor }) },
		source,
		placeholders,
		assumesVersion: decides.nativeEnv && version === undefined,
	});
}
