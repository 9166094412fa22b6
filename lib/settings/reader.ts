import type { Parse } from '../../contract/values.ts';

/** What a variable means, and what holds when it is not set. */
export interface SettingVariable {
	readonly meaning: string;
	/** Used when the variable is not set. */
	readonly default?: string;
}

/** The text of a setting, and how an error names it. */
export interface SettingText {
	readonly text: string;
	readonly name: string;
}

/** Reads settings and collects what is wrong with them, so that a person can mend all of it at once. */
export interface SettingsReader<N extends string> {
	/** One line for each wrong setting: its name and what is accepted, never its value. */
	readonly problems: string[];
	/** The parsed setting or its default; undefined if there is neither. */
	optional<T>(name: N, parse: Parse<T>): T | undefined;
	/**
	 * The parsed setting or its default; a problem if there is neither. The type is sound only without problems:
	 * with one, whoever reads settings returns the problems.
	 */
	required<T>(name: N, parse: Parse<T>): T;
	/** Parses a text that is no variable of the table, such as one of a numbered series. */
	parse<T>(setting: SettingText, parse: Parse<T>): T | undefined;
}

/**
 * Creates a reader for the variables of a table.
 *
 * @param lookup finds the text of a variable; an empty one counts as not set
 */
export function settingsReader<N extends string>(
	variables: Readonly<Record<N, SettingVariable>>,
	lookup: (name: N) => SettingText | undefined,
): SettingsReader<N> {
	const problems: string[] = [];
	const textOf = (name: N): SettingText | undefined => {
		const found = lookup(name);
		if (found !== undefined && found.text !== '') return found;
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

/** Finds variables in an environment. */
export function fromEnvironment(env: Environment): (name: string) => SettingText | undefined {
	return (name) => {
		const text = env[name];
		return text === undefined ? undefined : { text, name };
	};
}
