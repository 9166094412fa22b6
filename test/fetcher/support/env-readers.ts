import { execFile } from 'node:child_process';
import { readdirSync, writeFileSync } from 'node:fs';
import { mkdir, rename, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { parseEnv, promisify } from 'node:util';
import { parse as parse18 } from 'dotenv';
import { parse as parse8 } from 'dotenv8';
import { parse as parse10 } from 'dotenv10';
import { parse as parse14 } from 'dotenv14';
import { parse as parse16 } from 'dotenv16';
import { parse as parse17 } from 'dotenv17';
import { npmPack } from '../../../build/npm.ts';
import { cached } from '../../support/cache.ts';
import { goBuild } from '../../support/kubernetes/go-build.ts';
import { onPath, runProcess } from '../../support/process.ts';

/** Gives what each file holds. */
type ReadFiles = (files: readonly string[], texts: readonly string[]) => Promise<readonly Found[]>;

/** Variables by name. */
export type Found = Readonly<Record<string, string>>;

/** A reader of env files. */
export interface EnvReader {
	readonly name: string;
	readonly read: ReadFiles;
}

const inProcess =
	(parse: (text: string) => object): ReadFiles =>
	async (_files, texts) =>
		texts.map((text) => ({ ...parse(text) }) as Found);

/** The dotenv packages of npm by major version; from 18 on there is a second parser. */
export const DOTENV: readonly EnvReader[] = [
	{ name: 'dotenv 8', read: inProcess(parse8) },
	{ name: 'dotenv 10', read: inProcess(parse10) },
	{ name: 'dotenv 14', read: inProcess(parse14) },
	{ name: 'dotenv 16', read: inProcess(parse16) },
	{ name: 'dotenv 17', read: inProcess(parse17) },
	{ name: 'dotenv 18', read: inProcess(parse18) },
	{ name: 'dotenv 18, fast', read: inProcess((text) => parse18(text, { fast: true } as object)) },
];

/** The Node that runs this. */
export const OWN_NODE: EnvReader = {
	name: `Node.js ${process.versions.node}`,
	read: inProcess((text) => parseEnv(text)),
};

/** Node's own reader in versions that differ in it: until 20.11, until 20.x, 22.0, 24. */
export const NODE_VERSIONS = ['20.9.0', '20.20.2', '22.0.0', '24.22.3'] as const;

/** Gets a version of Node's program from npm, once, into the cache; gives its path. */
export async function ensureNode(version: string): Promise<string> {
	const dir = await cached({
		name: 'node',
		version: `${version}-${process.platform}-${process.arch}`,
		install: async (into, say) => {
			const spec = `node-${process.platform}-${process.arch}@${version}`;
			say(`npm pack ${spec} (45 MB)`);
			const archive = await npmPack(spec, into);
			await run('tar', ['-xzf', archive, '-C', into, 'package/bin/node']);
			await rename(join(into, 'package/bin/node'), join(into, 'node'));
			await rm(join(into, 'package'), { recursive: true });
			await rm(archive);
		},
	});
	return join(dir, 'node');
}

async function run(command: string, args: readonly string[], input?: string): Promise<string> {
	const options = { command, args, env: process.env, timeoutMs: 300_000 };
	const done = await runProcess(input === undefined ? options : { ...options, input });
	if (done.code !== 0) throw new Error(`${command} ${args.join(' ')} failed: ${done.stderr.slice(-2000)}`);
	return done.stdout;
}

/**
 * The environment that a program of that version gets from `--env-file`. Before 20.12 the file name is always
 * relative to the working directory.
 */
export async function nodeReader(version: string): Promise<EnvReader> {
	const node = await ensureNode(version);
	const script = 'process.stdout.write(JSON.stringify(process.env))';
	const read: ReadFiles = async (files) => {
		const found: Found[] = [];
		for (const file of files) {
			const options = { cwd: join(file, '..'), env: {}, maxBuffer: 1 << 26 };
			const args = [`--env-file=${file.slice(file.lastIndexOf('/') + 1)}`, '-e', script];
			found.push(JSON.parse((await promisify(execFile)(node, args, options)).stdout) as Found);
		}
		return found;
	};
	return { name: `Node.js ${version}`, read };
}

const PYTHON_DOTENV = '1.2.4';
const READ_FILES = join(import.meta.dirname, 'read-env-files.py');

/** python-dotenv from PyPI, once, into the cache; undefined where there is no Python. */
export async function pythonReader(): Promise<EnvReader | undefined> {
	const python = onPath('python3');
	if (python === undefined) return undefined;
	const dir = await cached({
		name: 'python-dotenv',
		version: PYTHON_DOTENV,
		install: async (into) => {
			const pip = [
				'-m',
				'pip',
				'install',
				'--quiet',
				'--no-input',
				'--no-deps',
				'--disable-pip-version-check',
			];
			await run(python, [...pip, '--target', join(into, 'lib'), `python-dotenv==${PYTHON_DOTENV}`]);
		},
	});
	const read: ReadFiles = async (files) => {
		const done = await runProcess({
			command: python,
			args: [READ_FILES, 'dotenv'],
			env: { ...process.env, PYTHONPATH: join(dir, 'lib'), PYTHONUTF8: '1' },
			input: JSON.stringify(files),
		});
		if (done.code !== 0) throw new Error(done.stderr);
		return JSON.parse(done.stdout) as readonly Found[];
	};
	return { name: `python-dotenv ${PYTHON_DOTENV}`, read };
}

/** The shared library of this machine's systemd, which holds the reader of `EnvironmentFile=`. */
function systemdLibrary(): string | undefined {
	for (const folder of [
		'/usr/lib/x86_64-linux-gnu/systemd',
		'/usr/lib/aarch64-linux-gnu/systemd',
		'/usr/lib/systemd',
	]) {
		try {
			const name = readdirSync(folder).find((file) => /^libsystemd-shared-.*\.so$/.test(file));
			if (name !== undefined) return join(folder, name);
		} catch {
			// No such folder on this machine.
		}
	}
	return undefined;
}

/** The reader of systemd; undefined where there is none, or no Python to call it with. */
export function systemdReader(): EnvReader | undefined {
	const python = onPath('python3');
	const library = systemdLibrary();
	if (python === undefined || library === undefined) return undefined;
	const read: ReadFiles = async (files) =>
		JSON.parse(
			await run(python, [READ_FILES, 'systemd', library], JSON.stringify(files)),
		) as readonly Found[];
	return { name: `systemd (${library.slice(library.lastIndexOf('/') + 1)})`, read };
}

const GO_MODULE = join(import.meta.dirname, '../../support/go/env-files');

/** The readers of docker's and podman's `--env-file`, from their Go modules, built into `dir`. */
export async function containerReaders(dir: string): Promise<readonly EnvReader[]> {
	const output = join(dir, 'env-files');
	const build = { moduleDir: GO_MODULE, package: '.', linkFlags: '', output };
	const built = await goBuild(onPath('go') ?? 'go', build, () => undefined);
	if (!built.ok) throw new Error(built.error);
	const readWith =
		(which: 'docker' | 'podman'): ReadFiles =>
		async (files) => {
			const lines = await run(output, [], files.map((file) => `${JSON.stringify(file)}\n`).join(''));
			return lines
				.trim()
				.split('\n')
				.map((line) => {
					const answer = JSON.parse(line) as Record<'docker' | 'podman', Found> & {
						readonly errors: string[];
					};
					if (answer.errors.length > 0) throw new Error(answer.errors.join('; '));
					return answer[which];
				});
		};
	return (['docker', 'podman'] as const).map((name) => ({ name, read: readWith(name) }));
}

/** Writes texts to files of `dir` and lets a reader read them. */
export async function readTexts(
	reader: EnvReader,
	dir: string,
	texts: readonly string[],
): Promise<readonly Found[]> {
	const folder = join(dir, reader.name.replace(/[^a-zA-Z0-9]+/g, '-'));
	await mkdir(folder, { recursive: true });
	const files = texts.map((text, i) => {
		const file = join(folder, `${i}.env`);
		writeFileSync(file, text);
		return file;
	});
	return await reader.read(files, texts);
}
