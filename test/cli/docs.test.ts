import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { CommandUnknownOpts } from '@commander-js/extra-typings';
import { expect, test } from 'vitest';
import type { Context } from '../../cli/context.ts';
import { EXIT_CODES } from '../../cli/exit-codes.ts';
import { createProgram } from '../../cli/program.ts';
import { envtier } from './support/command.ts';

const page = await readFile(join(import.meta.dirname, '../../docs/cli.md'), 'utf8');
/** Without what only makes columns of tables as wide as each other. */
const tight = page.replace(/ +\|/g, ' |');

/** Only its definitions are looked at; nothing runs. */
const nowhere = {
	stdout: { write: () => undefined },
	stderr: { write: () => undefined },
} as unknown as Context;

/** Every command below `command`, with the words that call it. */
function commandsOf(command: CommandUnknownOpts, words: string): readonly [string, CommandUnknownOpts][] {
	// What the scripts of the shells call is not for people.
	const visible = command
		.createHelp()
		.visibleCommands(command)
		.filter((child) => child.name() !== 'help');
	return visible.flatMap((child) => {
		const called = `${words} ${child.name()}`;
		return child.commands.length > 0
			? commandsOf(child, called)
			: [[called, child] as [string, CommandUnknownOpts]];
	});
}

const commands = commandsOf(createProgram(nowhere) as CommandUnknownOpts, 'envtier');

test.each(commands)('docs/cli.md shows %s and all its options', (words, command) => {
	expect(page).toContain(words);
	for (const { long } of command.options) expect(page, `${words} ${long}`).toContain(`\`${long}`);
});

test.each(commands)('%s --help teaches by an example, within 100 columns', async (words) => {
	const { code, stdout, stderr } = await envtier([...words.split(' ').slice(1), '--help']);
	expect([code, stderr]).toEqual([0, '']);
	expect(stdout).toContain(`Usage: ${words}`);
	expect(stdout).toMatch(new RegExp(`Examples:\n(?:.*\n)* +.*${words}\\b`));
	for (const line of stdout.split('\n')) expect(line.length, line).toBeLessThanOrEqual(100);
});

/** The calls of `envtier` in the page's blocks of shell, as words. */
const calls = [...page.matchAll(/```sh\n(.*?)```/gs)]
	.flatMap(([, block = '']) => block.split('\n'))
	.map((line) => line.replace(/ +#.*$/, ''))
	.flatMap((line) => [...line.matchAll(/\benvtier ((?:'[^']*'|[^'|&<>)])+)/g)])
	.map(([, args = '']) =>
		[...args.matchAll(/'([^']*)'|([^\s']+)/g)].map(([, quoted, bare]) => quoted ?? bare ?? ''),
	)
	.map((words) => [words.join(' '), words] as const);

test('docs/cli.md has examples of every command', () => expect(calls.length).toBeGreaterThan(25));

test.each(calls)('the command takes the example: envtier %s', async (_line, words) => {
	const program = createProgram(nowhere) as CommandUnknownOpts;
	let called = '';
	const still = (command: CommandUnknownOpts): void => {
		command.action(() => {
			called = command.name();
		});
		for (const child of command.commands) still(child);
	};
	for (const child of program.commands) still(child);
	if (words[0] === '--version') return;
	await program.parseAsync(words, { from: 'user' });
	expect(words).toContain(called);
});

test('docs/cli.md tells every exit code', () => {
	for (const { code, meaning } of Object.values(EXIT_CODES))
		expect(tight).toContain(`| ${code} | ${meaning} |`);
});

test('without a command it shows help and fails as wrong usage', async () => {
	const { code, stdout, stderr } = await envtier([]);
	expect([code, stdout]).toEqual([2, '']);
	expect(stderr).toContain('Usage: envtier');
});

test('a misspelt command gets a suggestion', async () => {
	const { code, stderr } = await envtier(['explian', 'pod.yaml']);
	expect(code).toBe(2);
	expect(stderr).toContain('Did you mean explain?');
	expect(stderr).toContain('Try: envtier --help');
});

test('--version is the version of the package', async () => {
	const manifest = JSON.parse(await readFile(join(import.meta.dirname, '../../package.json'), 'utf8'));
	const { code, stdout } = await envtier(['--version']);
	expect([code, stdout]).toEqual([0, `${manifest.version}\n`]);
});
