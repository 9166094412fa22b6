import { afterAll, beforeAll, expect, test } from 'vitest';
import { renderShell } from '../../fetcher/render/shell.ts';
import { KEPT_BY_SHELLS, KEPT_BY_ZSH_OR_KSH } from '../../fetcher/render/shell-names.ts';
import { type Scratch, scratch } from '../support/scratch.ts';
import { type Shell, shells, source } from './support/shells.ts';

/** Variables that mean something to some shell, besides those that the fetcher knows to be kept. */
const OTHERS = [
	...[
		'PATH',
		'IFS',
		'HOME',
		'PWD',
		'OLDPWD',
		'SHELL',
		'USER',
		'LOGNAME',
		'MAIL',
		'MAILPATH',
		'PS1',
		'PS2',
		'PS4',
	],
	...[
		'OPTARG',
		'BASH_REMATCH',
		'OPTERR',
		'BASH',
		'BASH_ENV',
		'BASH_VERSION',
		'BASH_ARGV0',
		'BASH_EXECUTION_STRING',
		'CDPATH',
	],
	...[
		'COMP_CWORD',
		'COMP_WORDS',
		'COMPREPLY',
		'COPROC',
		'ENV',
		'FCEDIT',
		'FIGNORE',
		'GLOBIGNORE',
		'HISTCONTROL',
	],
	...[
		'HISTFILE',
		'HISTFILESIZE',
		'HOSTNAME',
		'HOSTTYPE',
		'IGNOREEOF',
		'INPUTRC',
		'LANG',
		'MACHTYPE',
		'MAPFILE',
	],
	...[
		'OSTYPE',
		'POSIXLY_CORRECT',
		'PROMPT_COMMAND',
		'REPLY',
		'TIMEFORMAT',
		'TMPDIR',
		'TERM',
		'EDITOR',
		'VISUAL',
	],
	...[
		'FPATH',
		'MATCH',
		'NULLCMD',
		'RPROMPT',
		'TTY',
		'VENDOR',
		'WORDCHARS',
		'ZDOTDIR',
		'ZSH_NAME',
		'ZSH_VERSION',
	],
	...[
		'DATABASE_URL',
		'PASSWORD',
		'API_KEY',
		'NODE_ENV',
		'PORT',
		'JAVA_OPTS',
		'__proto__',
		'constructor',
		'A',
		'a',
	],
] as const;

/** Not a number, not a path that is there, not a legal option of anything. */
const VALUE = "it's\n/none: 1x";

let place: Scratch;
beforeAll(async () => {
	place = await scratch('names');
});
afterAll(() => place.remove());

const everywhere = shells().filter(({ name }) => /^(?:dash|bash|busybox)/.test(name));
const elsewhere = shells().filter(({ name }) => /^(?:zsh|ksh|mksh)/.test(name));

/** The names among `names` that a shell does not give back when all are sourced at once. */
async function lost(shell: Shell, names: Iterable<string>): Promise<readonly string[]> {
	const value = VALUE.replaceAll("'", "'\\''");
	const lines = ['AAA', ...names, 'ZZZ_LAST'].map((name) => `export ${name}='${value}'\n`);
	const { env } = await source(shell, place.dir, lines.join(''));
	return [...names, 'ZZZ_LAST'].filter((name) => env.get(name) !== VALUE);
}

/** The names among `names` that every one of `asked` gives back, each sourced by itself. */
async function givenByAll(asked: readonly Shell[], names: Iterable<string>): Promise<readonly string[]> {
	const given: string[] = [];
	for (const name of names) {
		let kept = false;
		for (const shell of asked) kept ||= (await lost(shell, [name])).length > 0;
		if (!kept) given.push(name);
	}
	return given;
}

test('every name that is refused is one that dash, bash or busybox sh does not give back', async () => {
	expect(await givenByAll(everywhere, KEPT_BY_SHELLS)).toEqual([]);
	const rendered = renderShell([...KEPT_BY_SHELLS].map((key) => ({ key, value: 'x' })));
	expect(rendered.ok ? [] : rendered.error.map(({ key }) => key)).toEqual([...KEPT_BY_SHELLS]);
}, 120_000);

test.each(everywhere)('every other name is given back by $name', async (shell) => {
	expect(await lost(shell, [...OTHERS, ...KEPT_BY_ZSH_OR_KSH])).toEqual([]);
});

// These shells are no part of what a test machine must have.
if (['zsh', 'ksh', 'mksh'].every((name) => elsewhere.some((shell) => shell.name === name)))
	test('every name that is warned of is one that zsh, ksh or mksh does not give back', async () => {
		expect(await givenByAll(elsewhere, KEPT_BY_ZSH_OR_KSH)).toEqual([]);
	}, 120_000);

if (elsewhere.length > 0)
	test.each(elsewhere)('every name that is not warned of is given back by $name', async (shell) => {
		expect(await lost(shell, OTHERS)).toEqual([]);
	});
