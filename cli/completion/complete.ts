import type { CommandUnknownOpts, Option } from '@commander-js/extra-typings';

/** One word that could stand where the cursor is. */
export interface Candidate {
	readonly word: string;
	readonly meaning: string;
}

/** What could stand where the cursor is: words, or whatever files there are. */
export type Candidates = readonly Candidate[] | 'files';

/**
 * Returns the candidates for the last of `words`, from the definitions of the commands.
 *
 * @param words of the command line without the program's name; the last one is being typed, and may be empty
 */
export function complete(program: CommandUnknownOpts, words: readonly string[]): Candidates {
	const typed = joined(words);
	const current = typed.at(-1) ?? '';
	const { command, awaiting } = walk(program, typed.slice(0, -1));
	const [, flag, begun] = /^(--[^=]+)=(.*)$/s.exec(current) ?? [];
	if (flag !== undefined && begun !== undefined) {
		const values = prefixed(valuesOf(optionOf(command, flag)), begun);
		// A shell that took the option and its value for one word wants one back.
		const whole = words.at(-1) === current && values !== 'files';
		return whole ? values.map((value) => ({ ...value, word: `${flag}=${value.word}` })) : values;
	}
	if (awaiting !== undefined) return prefixed(valuesOf(awaiting), current);
	if (current.startsWith('-')) return prefixed(optionsOf(command), current);
	const children = command.createHelp().visibleCommands(command);
	if (children.length > 0)
		return prefixed(
			children.map((child) => ({ word: child.name(), meaning: child.summary() || child.description() })),
			current,
		);
	const [argument] = command.registeredArguments;
	if (argument?.argChoices !== undefined)
		return prefixed(
			argument.argChoices.map((word) => ({ word, meaning: '' })),
			current,
		);
	return argument?.name() === 'file' ? 'files' : [];
}

/** Bash takes "=" for a word of its own. */
function joined(words: readonly string[]): readonly string[] {
	const whole: string[] = [];
	for (const word of words) {
		const before = whole.at(-1);
		const glue = before?.startsWith('--') && (word === '=' || before.endsWith('='));
		if (glue) whole[whole.length - 1] = before + word;
		else whole.push(word);
	}
	return whole;
}

/** The command that is being typed, and the option whose value comes next. */
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

function prefixed(candidates: Candidates, prefix: string): Candidates {
	return candidates === 'files' ? 'files' : candidates.filter(({ word }) => word.startsWith(prefix));
}

/** As the shells' scripts read it: a word and its meaning a line, a tab between them, or `:files`. */
export function candidateLines(candidates: Candidates): string {
	if (candidates === 'files') return ':files\n';
	return candidates.map(({ word, meaning }) => `${word}\t${meaning}\n`).join('');
}
