import { readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { type RunningProcess, runProcess, startProcess } from '../../support/process.ts';
import { type Scratch, scratch } from '../../support/scratch.ts';

const ROOT = join(import.meta.dirname, '../../..');

/** The bundle that the image holds, made of the sources as they are now, in a place of its own. */
export async function buildFetcher(): Promise<{ readonly file: string; remove(): Promise<void> }> {
	const place = await scratch('bundle');
	const args = ['build.ts', `--out=${place.dir}`, 'fetcher'];
	const { code, stderr } = await runProcess({ command: process.execPath, args, cwd: ROOT });
	if (code !== 0) throw new Error(`node ${args.join(' ')} failed:\n${stderr}`);
	return { file: join(place.dir, 'fetcher.mjs'), remove: place.remove };
}

/** The fetcher from its sources, without a build. */
export const SOURCES = join(ROOT, 'fetcher/main.ts');

/** One line of the log. */
export interface LogLine {
	readonly level: number;
	readonly name: string;
	readonly msg: string;
	readonly [field: string]: unknown;
}

/** A pod's surroundings: its volume, its token, the file for its last words. */
export interface Pod {
	readonly scratch: Scratch;
	readonly out: string;
	readonly tokenFile: string;
	readonly terminationLog: string;
	/** What a kubelet would set, without Vault's address. */
	readonly env: Readonly<Record<string, string>>;
	/** Every file below the volume with its content; links as `-> target`. */
	files(): Readonly<Record<string, string>>;
}

/** Makes the surroundings of a pod with this token. */
export async function makePod(jwt: string): Promise<Pod> {
	const place = await scratch('pod');
	const out = join(place.dir, 'volume');
	const tokenFile = join(place.dir, 'token');
	const terminationLog = join(place.dir, 'termination-log');
	await mkdir(out);
	writeFileSync(tokenFile, jwt, { mode: 0o600 });
	writeFileSync(terminationLog, '');
	return {
		scratch: place,
		out,
		tokenFile,
		terminationLog,
		env: {
			ENVTIER_OUT: out,
			ENVTIER_TOKEN_FILE: tokenFile,
			ENVTIER_TERMINATION_LOG: terminationLog,
		},
		files: () => filesBelow(out),
	};
}

/** Every file below a directory, hidden ones too. */
export function filesBelow(dir: string): Readonly<Record<string, string>> {
	const names = readdirSync(dir, { recursive: true, encoding: 'utf8' });
	const files = names.filter((name) => statSync(join(dir, name), { throwIfNoEntry: false })?.isFile());
	return Object.fromEntries(files.map((name) => [name, readFileSync(join(dir, name), 'utf8')]));
}

/** What became of one run. */
export interface Run {
	readonly code: number | null;
	readonly signal: NodeJS.Signals | null;
	readonly log: readonly LogLine[];
	/** The last line of the log. */
	readonly last: LogLine | undefined;
	readonly stdout: string;
	readonly stderr: string;
	/** The termination message. */
	readonly words: string;
	readonly ms: number;
}

/** What to start besides the fetcher. */
export interface StartOptions {
	/** For Node, before the file. */
	readonly nodeArgs?: readonly string[];
	/** A program that runs what follows it. */
	readonly launcher?: readonly string[];
}

/** Starts the fetcher as a process with exactly this environment. */
export function startFetcher(
	file: string,
	pod: Pod,
	env: Readonly<Record<string, string | undefined>>,
	{ nodeArgs = [], launcher = [] }: StartOptions = {},
): Promise<RunningProcess> {
	const [command = process.execPath, ...args] = [...launcher, process.execPath, ...nodeArgs, file];
	return startProcess({ name: 'fetcher', command, args, env: { ...pod.env, ...env } });
}

/** Runs the fetcher to its end, as a process with exactly this environment. */
export async function runFetcher(
	file: string,
	pod: Pod,
	env: Readonly<Record<string, string | undefined>>,
	options: StartOptions = {},
): Promise<Run> {
	const start = performance.now();
	const running = await startFetcher(file, pod, env, options);
	const exit = await running.exited;
	const ms = performance.now() - start;
	const [stdout, stderr] = [running.stdout(), running.stderr()];
	const log = stdout
		.split('\n')
		.filter((line) => line !== '')
		.map((line) => JSON.parse(line) as LogLine);
	const words = readFileSync(pod.terminationLog, 'utf8');
	return { ...exit, stdout, stderr, log, last: log.at(-1), words, ms };
}
