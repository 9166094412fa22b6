import type { Parse } from '../../contract/values.ts';

/** A variable: its meaning and its default. */
export interface SettingVariable {
	readonly meaning: string;
	/** Used when the variable is not set. */
	readonly default?: string;
}

/** The text of a setting, and its name in errors. */
export interface SettingText {
	readonly text: string;
	readonly name: string;
}

/** Reads settings and collects all errors, so that a person can correct them at once. */
export interface SettingsReader<N extends string> {
	/** One line for each wrong setting: its name and what is accepted, never its value. */
	readonly problems: string[];
	/** The parsed setting or its default; undefined if there is neither. */
	optional<T>(name: N, parse: Parse<T>): T | undefined;
	/**
	 * The parsed setting or its default; a problem if there is neither. The type is sound only if `problems` is
	 * empty: the caller must return the problems otherwise.
	 */
	required<T>(name: N, parse: Parse<T>): T;
	/** Parses a text that is not a variable of the table, such as one of a numbered series. */
	parse<T>(setting: SettingText, parse: Parse<T>): T | undefined;
}

/**
 * Creates a reader for the variables of a table.
 *
 * @param lookup returns the text of a variable; an empty text counts as not set
 */
export function settingsReader<N extends string>(
	variables: Readonly<Record<N, SettingVariable>>,
	lookup: (name: N) => SettingText | undefined,
): SettingsReader<N> {
	const problems: string[] = [];
	const textOf = (name: N): SettingText | undefined => {
		const setting = lookup(name);
		if (setting !== undefined && setting.text !== '') return setting;
		const text = variables[name].default;
		return text === undefined ? undefined : { text, name };
	};
	const parse = <T>({ text, name }: SettingText, parser: Parse<T>): T | undefined => {
		const parsed = parser(text);
		if (parsed.ok) return parsed.value;
		problems.push(`${name} must be ${parsed.error}`);
		return undefined;
	};
	const optional = <T>(name: N, parser: Parse<T>): T | undefined => {
		const setting = textOf(name);
		return setting === undefined ? undefined : parse(setting, parser);
	};
	const required = <T>(name: N, parser: Parse<T>): T => {
		if (textOf(name) === undefined) problems.push(`${name} is not set: ${variables[name].meaning}`);
		return optional(name, parser) as T;
	};
	return { problems, optional, required, parse };
}

/** Variables of a process, by name. */
export type Environment = Readonly<Record<string, string | undefined>>;

/** Returns a function that looks up variables in an environment. */
export function fromEnvironment(env: Environment): (name: string) => SettingText | undefined {
	return (name) => {
		const text = env[name];
		return text === undefined ? undefined : { text, name };
	};
}
