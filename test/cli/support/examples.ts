import { chmod, mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import process from 'node:process';
import { marked, type Tokens } from 'marked';
import { expect } from 'vitest';
import { bundleOf } from '../../support/bundles.ts';
import { type Finished, runProcess } from '../../support/process.ts';
import { type Scratch, scratch } from '../../support/scratch.ts';

const PAGE = join(import.meta.dirname, '../../../docs/cli.md');

/** The blocks of code in docs/cli.md, also those in lists. */
export async function codeBlocks(): Promise<readonly Tokens.Code[]> {
	const blocks: Tokens.Code[] = [];
	marked.walkTokens(marked.lexer(await readFile(PAGE, 'utf8')), (token) => {
		if (token.type === 'code') blocks.push(token as Tokens.Code);
	});
	return blocks;
}

/** The examples of docs/cli.md: its blocks of commands. */
export async function exampleBlocks(): Promise<readonly string[]> {
	return (await codeBlocks()).filter(({ lang }) => lang === 'sh').map(({ text }) => text);
}

/** Runs every line of the examples that begin with `start`. Fails if there is none. */
export async function runExamples(start: string, run: (line: string) => Promise<void>): Promise<void> {
	const blocks = (await exampleBlocks()).filter((block) => block.startsWith(start));
	expect(blocks, `examples that begin with ${start}`).not.toEqual([]);
	for (const line of blocks.flatMap((block) => block.split('\n'))) await run(line);
}

/** A shell that knows `envtier`, and a folder that is its home and working directory. */
export interface ExampleShell extends AsyncDisposable {
	readonly dir: string;
	/** `PATH` and `HOME`. */
	readonly env: Readonly<Record<string, string>>;
	run(script: string, env: Readonly<Record<string, string>>): Promise<Finished>;
}

/**
 * Opens a shell.
 *
 * @param programs scripts of `sh` in the place of programs of others, by name
 */
export async function openShell(programs: Readonly<Record<string, string>> = {}): Promise<ExampleShell> {
	const place: Scratch = await scratch('cli-docs');
	const bin = join(place.dir, 'bin');
	await mkdir(bin);
	const envtier = `exec '${process.execPath}' '${await bundleOf('envtier')}' "$@"`;
	for (const [name, script] of Object.entries({ ...programs, envtier })) {
		await writeFile(join(bin, name), `#!/bin/sh\n${script}\n`);
		await chmod(join(bin, name), 0o755);
	}
	const own = { PATH: `${bin}:${process.env['PATH']}`, HOME: place.dir };
	return {
		dir: place.dir,
		env: own,
		run: (script, env) =>
			runProcess({
				command: 'bash',
				args: ['--norc', '--noprofile', '-euo', 'pipefail', '-c', script],
				cwd: place.dir,
				env: { ...own, ...env },
			}),
		[Symbol.asyncDispose]: () => place.remove(),
	};
}
