import { mkdir, symlink } from 'node:fs/promises';
import { join } from 'node:path';
import { blocksOf, pageOf, ROOT, sectionUnder } from '../../../docs/support/pages.ts';
import { onPath, runProcess } from '../../../support/process.ts';

/** What a page says of somebody else's cluster, and what that is here. */
export type Replacements = Readonly<Record<string, string>>;

/** The blocks of a language under a heading, with what is particular to the page replaced. */
export function blocksUnder(
	[file, heading]: readonly [string, string],
	language: string,
	replacements: Replacements,
): readonly string[] {
	const section = sectionUnder(pageOf(file).text, heading) ?? '';
	const blocks = blocksOf(section).filter((block) => block.language === language);
	if (blocks.length === 0) throw new Error(`${file} shows nothing in ${language} under "${heading}"`);
	return blocks.map(({ text }) =>
		Object.entries(replacements).reduce((all, [from, to]) => all.replaceAll(from, to), text),
	);
}

/** The commands under a heading, one by one; those that go over several lines are whole. */
export function commandsUnder(
	place: readonly [string, string],
	replacements: Replacements,
): readonly string[] {
	return blocksUnder(place, 'sh', replacements)
		.flatMap((block) => block.replaceAll(/\\\n\s*/g, '').split('\n'))
		.filter((line) => line !== '');
}

/** Runs one command as a person in a checkout. Returns its output; throws its error. */
export type Typing = (command: string) => Promise<string>;

/** Whom commands are typed as. */
export interface Person {
	/** A directory of theirs. */
	readonly dir: string;
	/** The programs that the page's commands are, by name. */
	readonly programs: Readonly<Record<string, string>>;
	readonly env: NodeJS.ProcessEnv;
}

/** Gives the means to type commands. */
export async function typingAs({ dir, programs, env }: Person): Promise<Typing> {
	const bin = join(dir, 'bin');
	await mkdir(bin, { recursive: true });
	for (const [name, path] of Object.entries(programs)) await symlink(onPath(path) ?? path, join(bin, name));
	return async (command) => {
		const { code, stdout, stderr } = await runProcess({
			command: 'bash',
			args: ['--norc', '-euo', 'pipefail', '-c', command],
			cwd: ROOT,
			env: { ...env, HOME: dir, PATH: `${bin}:${process.env['PATH']}` },
			timeoutMs: 240_000,
		});
		if (code !== 0) throw new Error(`"${command}" ended with ${code}: ${stdout}${stderr}`);
		return stdout;
	};
}
