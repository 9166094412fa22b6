import leven from 'leven';
import { err, ok, type Result } from '../../contract/result.ts';
import { parseYaml } from '../../lib/parse/yaml.ts';
import { CONFIG_KEYS, type FileVariable } from './config-keys.ts';

type Env = Readonly<Record<string, string | undefined>>;

/** Settings from a file, as texts by variable. */
export type FileSettings = Readonly<Partial<Record<FileVariable, string>>>;

const VARIABLES: ReadonlyMap<string, FileVariable> = new Map(
	(Object.entries(CONFIG_KEYS) as [FileVariable, string][]).map(([variable, key]) => [key, variable]),
);
const SECTIONS = new Set(
	[...VARIABLES.keys()].flatMap((key) => (key.includes('.') ? [key.split('.')[0] ?? ''] : [])),
);
/** Login methods for Vault; one is used. A method in the environment replaces one in the file. */
const LOGINS: readonly FileVariable[] = [
	'ENVTIER_API_VAULT_ROLE',
	'ENVTIER_API_VAULT_TOKEN',
	'ENVTIER_API_VAULT_TOKEN_FILE',
];

const MAX_PROBLEMS = 20;

/** One value of the file, and its position. */
interface ConfigEntry {
	readonly key: string;
	readonly value: unknown;
}

/**
 * Parses a configuration file: YAML with the keys of `CONFIG_KEYS`. `${NAME}` in a value is replaced by that
 * environment variable, and `$${` is a literal `${`. Settings in the environment win. The error has a line
 * for each problem, and no value.
 */
export function parseConfigFile(text: string, env: Env): Result<FileSettings> {
	const parsed = parseYaml(text.replace(/^\ufeff/, ''));
	if (!parsed.ok) return err(`the file ${parsed.error}`);
	const problems: string[] = [];
	const settings: Partial<Record<FileVariable, string>> = {};
	for (const { key, value } of entriesOf(parsed.value, '', problems)) {
		if (problems.length > MAX_PROBLEMS) break;
		const variable = VARIABLES.get(key);
		if (variable === undefined) problems.push(unknown(key));
		if (variable === undefined || isOverridden(variable, env)) continue;
		const text = textOf(value, env);
		if (!text.ok) problems.push(`${key}: ${text.error}`);
		else if (text.value !== undefined) settings[variable] = text.value;
	}
	return problems.length > 0 ? err(problems.slice(0, MAX_PROBLEMS).join('\n')) : ok(settings);
}

function isOverridden(variable: FileVariable, env: Env): boolean {
	return (LOGINS.includes(variable) ? LOGINS : [variable]).some((name) => Boolean(env[name]));
}

function entriesOf(value: unknown, section: string, problems: string[]): readonly ConfigEntry[] {
	if (value === null || value === undefined) return [];
	if (typeof value !== 'object' || Array.isArray(value)) {
		problems.push(
			section === '' ? 'the file must be a map of settings' : `${section} must be a map of settings`,
		);
		return [];
	}
	return Object.entries(value).flatMap(([name, part]) => {
		const key = section === '' ? name : `${section}.${name}`;
		return section === '' && SECTIONS.has(name) ? entriesOf(part, key, problems) : [{ key, value: part }];
	});
}

/** The text for a variable; undefined when the file has no value after the colon. */
function textOf(value: unknown, env: Env): Result<string | undefined> {
	if (value === null || value === undefined) return ok(undefined);
	if (Array.isArray(value)) {
		const parts = value.map((part) => (Array.isArray(part) ? err('a list in a list') : textOf(part, env)));
		const wrong = parts.find((part) => !part.ok);
		return wrong ?? ok(parts.flatMap((part) => (part.ok ? [part.value ?? ''] : [])).join(','));
	}
	if (typeof value === 'number' || typeof value === 'boolean') return ok(String(value));
	return typeof value === 'string'
		? substitute(value, env)
		: err('must be text, a number, true or false, or a list');
}

const REFERENCE = /\$\$\{|\$\{([^}]*)\}?/g;

function substitute(text: string, env: Env): Result<string> {
	const problems: string[] = [];
	const result = text.replace(REFERENCE, (whole, name: string | undefined) => {
		if (name === undefined) return '${';
		if (!/^[A-Za-z_][A-Za-z0-9_]*$/.test(name) || !whole.endsWith('}'))
			// biome-ignore lint/suspicious/noTemplateCurlyInString: the syntax of the configuration file
			problems.push('"${" must begin ${NAME}, the name of an environment variable; $${ is a literal "${"');
		else if (!env[name]) problems.push(`the environment variable ${name} is not set`);
		return env[name] ?? '';
	});
	return problems[0] === undefined ? ok(result) : err([...new Set(problems)].join('; '));
}

function unknown(key: string): string {
	const shortKey = key.slice(0, 64);
	const leaf = shortKey.split('.').at(-1);
	// The correct name in the wrong section counts as a distance of one letter.
	const distance = (name: string): number =>
		Math.min(leven(shortKey, name), name.split('.').at(-1) === leaf ? 1 : Number.POSITIVE_INFINITY);
	const [nearest] = [...VARIABLES.keys(), ...SECTIONS].sort((a, b) => distance(a) - distance(b));
	return `unknown setting ${JSON.stringify(shortKey)}: did you mean "${nearest}"?`;
}
