import { createHash } from 'node:crypto';
import { readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { installedBun } from '../../../build/executable.ts';
import { parseRevisionMessage } from '../../../contract/refresh.ts';
import { cachedForDays } from '../../support/cache.ts';
import { hashInto } from '../../support/images/context.ts';
import { type RunningProcess, runProcess, startProcess } from '../../support/process.ts';
import { type Scratch, scratch } from '../../support/scratch.ts';

const ROOT = join(import.meta.dirname, '../../..');

/**
 * Builds the executable of the image from the current sources. Once for all test files; again when a source,
 * the build or a package changes.
 */
export async function buildFetcher(): Promise<string> {
	const key = await hashOf('contract', 'fetcher', 'lib', 'build.ts', 'build', 'package-lock.json');
	const install = async (dir: string): Promise<void> => {
		const args = ['build.ts', `--out=${dir}`, 'fetcher'];
		const { code, stderr } = await runProcess({
			command: process.execPath,
			args,
			cwd: ROOT,
			env: process.env,
		});
		if (code !== 0) throw new Error(`node ${args.join(' ')} failed:\n${stderr}`);
	};
	return join(await cachedForDays({ name: 'fetcher', version: key, install }), 'fetcher');
}

async function hashOf(...paths: readonly string[]): Promise<string> {
	const hash = createHash('sha256').update(`${process.platform} ${process.arch}`);
	for (const path of paths) await hashInto(hash, join(ROOT, path), path);
	return hash.digest('hex').slice(0, 12);
}

/**
 * Sends GET requests with the fetcher's transport on Bun, one after another. Returns for each a status,
 * `retryable`, or the sentence of a failure that is not retryable.
 */
export async function askWithTransport(
	address: string,
	paths: readonly string[],
	caPem = '',
): Promise<readonly (number | string)[]> {
	const args = [join(import.meta.dirname, 'ask.ts'), address, caPem, ...paths];
	const { code, stdout, stderr } = await runProcess({ command: installedBun(), args, timeoutMs: 80_000 });
	if (code !== 0) throw new Error(stderr);
	return JSON.parse(stdout) as (number | string)[];
}

/**
 * Runs the fetcher's sources on Bun after a program that adds a defect. The executable loads no such program:
 * an environment variable could then control it.
 */
export async function runWithDefect(
	defect: string,
	pod: Pod,
	env: Readonly<Record<string, string | undefined>>,
): Promise<Run> {
	return await runFetcher(installedBun(), pod, env, { args: withPreload(defect, pod) });
}

/** Starts the fetcher's sources on Bun after such a program. */
export function startWithDefect(
	defect: string,
	pod: Pod,
	env: Readonly<Record<string, string | undefined>>,
): Promise<RunningProcess> {
	return startFetcher(installedBun(), pod, env, { args: withPreload(defect, pod) });
}

function withPreload(defect: string, pod: Pod): readonly string[] {
	const preload = join(pod.scratch.dir, 'defect.ts');
	writeFileSync(preload, defect);
	return [`--preload=${preload}`, join(ROOT, 'fetcher/main.ts')];
}

/** One line of the log. */
export interface LogLine {
	readonly level: number;
	readonly name: string;
	readonly msg: string;
	readonly [field: string]: unknown;
}

/** A pod's surroundings: its volume, its token, the file for its termination message. */
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
	/** What the termination message says of a failure; empty after a success. */
	readonly message: string;
	/** The revision in the termination message of a success. */
	readonly revision: string | undefined;
	readonly ms: number;
}

/** What to start besides the fetcher. */
export interface StartOptions {
	readonly args?: readonly string[];
	readonly cwd?: string;
	/** A program that runs what follows it. */
	readonly launcher?: readonly string[];
}

/** Starts the fetcher as a process with exactly this environment. */
export function startFetcher(
	file: string,
	pod: Pod,
	env: Readonly<Record<string, string | undefined>>,
	{ args: own = [], launcher = [], cwd }: StartOptions = {},
): Promise<RunningProcess> {
	const [command = file, ...args] = [...launcher, file, ...own];
	const where = cwd === undefined ? {} : { cwd };
	return startProcess({ name: 'fetcher', command, args, env: { ...pod.env, ...env }, ...where });
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
	const text = readFileSync(pod.terminationLog, 'utf8');
	const revision = exit.code === 0 ? parseRevisionMessage(text) : undefined;
	const message = revision === undefined ? text : '';
	return { ...exit, stdout, stderr, log, last: log.at(-1), message, revision, ms };
}

/** The complete lines that a running fetcher has logged so far. */
export function logOf(process: Pick<RunningProcess, 'stdout'>): readonly LogLine[] {
	return process
		.stdout()
		.split('\n')
		.filter((line) => line.endsWith('}'))
		.map((line) => JSON.parse(line) as LogLine);
}

/** Those of them whose message has this text. */
export function logged(process: Pick<RunningProcess, 'stdout'>, text: string): readonly LogLine[] {
	return logOf(process).filter(({ msg }) => msg.includes(text));
}
