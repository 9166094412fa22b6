import { execFile } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { onPath } from '../../support/process.ts';

/** A shell that can source a file. */
export interface Shell {
	readonly name: string;
	readonly command: string;
	readonly args: readonly string[];
}

/** Node's pipes are sockets, and a bash that reads from one assumes a remote shell; so --norc. */
const KNOWN = [
	{ name: 'dash', program: 'dash', args: [] },
	{ name: 'bash', program: 'bash', args: ['--norc'] },
	{ name: 'bash --posix', program: 'bash', args: ['--norc', '--posix'] },
	{ name: 'busybox sh', program: 'busybox', args: ['sh'] },
	{ name: 'zsh', program: 'zsh', args: ['-f'] },
	{ name: 'ksh', program: 'ksh', args: [] },
	{ name: 'mksh', program: 'mksh', args: [] },
] as const;

/** Shells that must be there for the tests: what containers have. */
export const REQUIRED = ['dash', 'bash', 'busybox sh'] as const;

/** The shells of this machine. */
export function shells(): readonly Shell[] {
	return KNOWN.flatMap(({ name, program, args }) => {
		const command = onPath(program);
		return command === undefined ? [] : [{ name, command, args }];
	});
}

/** What a program sees that a shell starts after it has sourced a file. */
export interface Sourced {
	/** The program's environment. */
	readonly env: ReadonlyMap<string, string>;
	/** What the shell complained about. */
	readonly stderr: string;
}

/** Sources `text` as a file and gives the environment of a program started then, byte for byte. */
export function source(shell: Shell, dir: string, text: string, locale = 'C.UTF-8'): Promise<Sourced> {
	const file = join(dir, 'env');
	writeFileSync(file, text);
	const script = '. "$0"; exec /bin/cat /proc/self/environ';
	const env = { PATH: process.env['PATH'] ?? '', LC_ALL: locale };
	return new Promise((resolve) => {
		const options = { env, encoding: 'buffer', maxBuffer: 1 << 26 } as const;
		execFile(shell.command, [...shell.args, '-c', script, file], options, (_error, stdout, stderr) => {
			const variables = stdout
				.toString()
				.split('\0')
				.filter((line) => line !== '');
			const pairs = variables.map((line): [string, string] => {
				const at = line.indexOf('=');
				return [line.slice(0, at), line.slice(at + 1)];
			});
			resolve({ env: new Map(pairs), stderr: stderr.toString() });
		});
	});
}
