import { chmod, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import process from 'node:process';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { ensurePackages } from '../support/debian.ts';
import { runProcess } from '../support/process.ts';
import { envtier } from './support/command.ts';

const ROOT = join(import.meta.dirname, '../..');

const ZSHRC = `
PS1=
autoload -U compinit; compinit -u -D
source <(envtier completion zsh)
show() { print -r -- "$BUFFER" > $ZDOTDIR/line.part; mv $ZDOTDIR/line.part $ZDOTDIR/line; exit }
zle -N show
bindkey '^X' show
zle-line-init() { : > $ZDOTDIR/ready }
zle -N zle-line-init
`;

describe('envtier completion', () => {
	let dir: string;
	beforeAll(async () => {
		const missing = await ensurePackages(['fish', 'zsh'], () => undefined);
		expect(missing, 'shells that this test needs').toEqual([]);
		dir = await mkdtemp(join(tmpdir(), 'envtier-shells-'));
		await writeFile(
			join(dir, 'envtier'),
			`#!/bin/sh\nexec '${process.execPath}' '${join(ROOT, 'cli/main.ts')}' "$@"\n`,
		);
		await chmod(join(dir, 'envtier'), 0o755);
		await writeFile(join(dir, 'some-pod.yaml'), '');
	}, 600_000);
	afterAll(() => rm(dir, { recursive: true, force: true }));

	const shell = async (command: string, args: readonly string[]): Promise<string> => {
		const env = { PATH: `${dir}:${process.env['PATH']}`, HOME: dir, TERM: 'xterm' };
		const { stdout, stderr, code } = await runProcess({ command, args, env, cwd: dir });
		expect(code, stderr + stdout).toBe(0);
		return stdout;
	};
	const words = (text: string): readonly string[] => text.split('\n').filter((line) => line !== '');

	const completes = {
		bash: async (line: string) => {
			// As readline splits it: "=" is a word of its own.
			const typed = line.split(/ |(=)/).filter((word) => word !== undefined);
			const array = typed.map((word) => `'${word}'`).join(' ');
			const script = `source <(envtier completion bash); COMP_WORDS=(${array}); COMP_CWORD=${typed.length - 1}; _envtier; printf '%s\\n' "\${COMPREPLY[@]}"`;
			return words(await shell('bash', ['--norc', '-c', script]));
		},
		fish: async (line: string) => {
			const script = `source (envtier completion fish | psub); complete -C '${line}'`;
			return words(await shell('fish', ['--no-config', '-c', script])).map(
				(found) => found.split('\t')[0] ?? '',
			);
		},
	};

	describe.each(Object.entries(completes))('in a real %s', (name, candidates) => {
		test.each([
			['envtier sec', ['secrets']],
			['envtier secrets cr', ['create']],
			['envtier secrets create --from', ['--from-file', '--from-env-file']],
			['envtier explain --output ', ['diff', 'json', 'yaml', 'patch']],
			['envtier secrets list -d shop --output j', ['json']],
			['envtier completion z', ['zsh']],
			['envtier secrets delete K', []],
		])('%s', async (line, wanted) => {
			expect([...(await candidates(line))].sort()).toEqual([...wanted].sort());
		});

		test('an option and its value in one word', async () => {
			const found = await candidates('envtier explain --output=pa');
			expect(found).toEqual([name === 'fish' ? '--output=patch' : 'patch']);
		});
	});

	test('fish completes files where a command takes them', async () => {
		expect(await completes.fish('envtier explain some')).toEqual(['some-pod.yaml']);
	});

	test.each([
		['envtier sec', 'envtier secrets '],
		['envtier secrets cr', 'envtier secrets create '],
		['envtier secrets create --val', 'envtier secrets create --value-stdin '],
		['envtier explain --output pa', 'envtier explain --output patch '],
		['envtier explain --output=pa', 'envtier explain --output=patch '],
		['envtier explain some', 'envtier explain some-pod.yaml '],
	])(
		'in a real zsh, a tab makes of %s: %s',
		async (typed, wanted) => {
			// Its own terminal, with simulated keys. Files tell when it is ready, and the content of its line.
			const home = await mkdtemp(join(dir, 'zsh-'));
			await writeFile(join(home, '.zshrc'), ZSHRC);
			const script = `
			zmodload zsh/zpty zsh/zselect
			zpty -b shell "ZDOTDIR='${home}' zsh -i"
			wait_for() {
				for i in {1..250}; do [[ -e $1 ]] && return; zpty -r -t shell line; zselect -t 10; done
				print -r -- "waited in vain for $1"; return 1
			}
			wait_for '${home}/ready' || exit 1
			zpty -w -n shell $'${typed}\\t\\x18'
			wait_for '${home}/line' || exit 1
			cat '${home}/line'
			zpty -d shell
		`;
			expect(await shell('zsh', ['-f', '-c', script])).toBe(`${wanted}\n`);
		},
		60_000,
	);

	test('a shell that is not served is a wrong usage', async () => {
		const { code, stderr } = await envtier(['completion', 'tcsh']);
		expect([code, stderr]).toEqual([2, expect.stringContaining('Allowed choices are bash, zsh, fish')]);
	});
});
