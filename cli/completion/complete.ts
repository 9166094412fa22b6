import type { CommandUnknownOpts, Option } from '@commander-js/extra-typings';

/** One word that completes the command line at the cursor. */
export interface Candidate {
	readonly word: string;
	readonly meaning: string;
}

/** The completions at the cursor: words, or the names of files. */
export type Candidates = readonly Candidate[] | 'files';

/**
 * Returns the candidates for the last of `words`, from the definitions of the commands.
 *
 * @param words words of the command line without the program's name; the last one is incomplete or empty
 */
export function complete(program: CommandUnknownOpts, words: readonly string[]): Candidates {
	const line = joinSplitWords(words);
	const current = line.at(-1) ?? '';
	const { command, awaiting } = walk(program, line.slice(0, -1));
	const [, flag, start] = /^(--[^=]+)=(.*)$/s.exec(current) ?? [];
	if (flag !== undefined && start !== undefined) {
		const values = withPrefix(valuesOf(optionOf(command, flag)), start);
		// If the shell treats the option and its value as one word, the candidate must be one word too.
		const whole = words.at(-1) === current && values !== 'files';
		return whole ? values.map((value) => ({ ...value, word: `${flag}=${value.word}` })) : values;
	}
	if (awaiting !== undefined) return withPrefix(valuesOf(awaiting), current);
	if (current.startsWith('-')) return withPrefix(optionsOf(command), current);
	const children = command.createHelp().visibleCommands(command);
	if (children.length > 0)
		return withPrefix(
			children.map((child) => ({ word: child.name(), meaning: child.summary() || child.description() })),
			current,
		);
	const [argument] = command.registeredArguments;
	if (argument?.argChoices !== undefined)
		return withPrefix(
			argument.argChoices.map((word) => ({ word, meaning: '' })),
			current,
		);
	return argument?.name() === 'file' ? 'files' : [];
}

/** Joins words that bash splits at "=". */
function joinSplitWords(words: readonly string[]): readonly string[] {
	const whole: string[] = [];
	for (const word of words) {
		const before = whole.at(-1);
		const glue = before?.startsWith('--') && (word === '=' || before.endsWith('='));
		if (glue) whole[whole.length - 1] = before + word;
		else whole.push(word);
	}
	return whole;
}

/** The command that the words name, and the option whose value comes next. */
function walk(
	program: CommandUnknownOpts,
	words: readonly string[],
): { readonly command: CommandUnknownOpts; readonly awaiting: Option | undefined } {
	let command = program;
	let awaiting: Option | undefined;
	for (const word of words) {
		if (awaiting !== undefined) awaiting = undefined;
		else if (word.startsWith('-')) {
			const option = optionOf(command, word);
			awaiting = option?.required === true ? option : undefined;
		} else command = command.commands.find((child) => child.name() === word) ?? command;
	}
	return { command, awaiting };
}

function optionOf(command: CommandUnknownOpts, flag: string): Option | undefined {
	return command.options.find(({ long, short }) => flag === long || flag === short);
}

function optionsOf(command: CommandUnknownOpts): readonly Candidate[] {
	return command
		.createHelp()
		.visibleOptions(command)
		.map(({ long, description }) => ({ word: long ?? '', meaning: description }));
}

function valuesOf(option: Option | undefined): Candidates {
	if (option?.argChoices !== undefined) return option.argChoices.map((word) => ({ word, meaning: '' }));
	return option?.flags.includes('<file>') ? 'files' : [];
}

function withPrefix(candidates: Candidates, prefix: string): Candidates {
	return candidates === 'files' ? 'files' : candidates.filter(({ word }) => word.startsWith(prefix));
}

/** The format that the shells' scripts read: each line is a word, a tab and its meaning; or `:files`. */
export function candidateLines(candidates: Candidates): string {
	if (candidates === 'files') return ':files\n';
	return candidates.map(({ word, meaning }) => `${word}\t${meaning}\n`).join('');
}
