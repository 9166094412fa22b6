import { type ChildProcess, spawn } from 'node:child_process';
import { accessSync, constants, createWriteStream, type WriteStream } from 'node:fs';
import { delimiter, join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { type UntilOptions, until } from './until.ts';

/** How a process ended: a code, or the signal that ended it. */
export interface Exit {
	readonly code: number | null;
	readonly signal: NodeJS.Signals | null;
}

/** What to start and how. */
export interface ProcessOptions {
	readonly command: string;
	readonly args?: readonly string[];
	/** The whole environment of the child; unless given it gets `PATH` and nothing else of ours. */
	readonly env?: NodeJS.ProcessEnv;
	readonly cwd?: string;
	/** Name in errors; the command unless given. */
	readonly name?: string;
	/** Text for the child's standard input, which is then closed; without it the child reads an empty input. */
	readonly input?: string;
	/** File that gets all output as well. In memory only the last MiB of each stream is kept. */
	readonly logFile?: string;
}

/** A child process of the test. It dies with the test runner, however that ends. */
export interface RunningProcess extends AsyncDisposable {
	readonly pid: number;
	/** Settles when the process has ended and its output was read to the end. Never rejects. */
	readonly exited: Promise<Exit>;
	/** What it wrote so far, at most the last MiB. */
	stdout(): string;
	stderr(): string;
	/** Both streams in order of arrival, at most the last MiB. */
	output(): string;
	signal(name: NodeJS.Signals): void;
	/**
	 * SIGTERM, a wait (default 5 s), then SIGKILL (at once with 0), also for its children. Safe to call again.
	 */
	stop(graceMs?: number): Promise<Exit>;
	/** Polls `ready`; fails at once, with the last log lines, when the process ends before. */
	waitUntil(what: string, ready: () => unknown, options?: UntilOptions): Promise<void>;
}

const KEPT_BYTES = 1 << 20;
const SHOWN_LINES = 30;

/** The path of a program on PATH, or undefined. */
export function onPath(program: string): string | undefined {
	for (const folder of (process.env['PATH'] ?? '').split(delimiter)) {
		const file = join(folder, program);
		try {
			accessSync(file, constants.X_OK);
			return file;
		} catch {
			// Not in this folder: the next one may have it.
		}
	}
	return undefined;
}

/** Starts a process; gives it as soon as it runs. A program that can't be started rejects. */
export async function startProcess(options: ProcessOptions): Promise<RunningProcess> {
	const { command, args = [], name = command } = options;
	// The kernel kills the child when this process ends, even by SIGKILL. Without setpriv an exit hook does it.
	const setpriv = process.platform === 'linux' ? onPath('setpriv') : undefined;
	if (setpriv !== undefined && onPathOrFile(command) === undefined) throw missing(name, command);
	const argv =
		setpriv === undefined ? [command, ...args] : [setpriv, '--pdeathsig', 'KILL', '--', command, ...args];
	const child = spawn(argv[0] ?? command, argv.slice(1), {
		cwd: options.cwd,
		env: options.env ?? { PATH: process.env['PATH'] },
		// A group of its own: stopping it takes along what it started, and a Ctrl-C reaches our cleanup first.
		detached: true,
		stdio: ['pipe', 'pipe', 'pipe'],
	});
	const logs = capture(child, options.logFile);
	const exited = ended(child, setpriv === undefined, logs.close);
	await new Promise<void>((resolve, reject) => {
		child.once('spawn', resolve);
		child.once('error', (cause) => reject(missing(name, command, cause)));
	});
	// A child that ends without reading its input breaks the pipe; that is its own business.
	child.stdin?.on('error', () => undefined);
	child.stdin?.end(options.input ?? '');
	const pid = child.pid ?? 0;
	const ends = (): boolean => child.exitCode !== null || child.signalCode !== null;
	const stop = async (graceMs = 5_000): Promise<Exit> => {
		if (graceMs === 0 && !ends()) killGroup(pid);
		else if (!ends()) child.kill('SIGTERM');
		const timer = setTimeout(() => killGroup(pid), graceMs);
		const exit = await exited;
		clearTimeout(timer);
		return exit;
	};
	return {
		pid,
		exited,
		stdout: logs.stdout,
		stderr: logs.stderr,
		output: logs.output,
		signal: (signal) => void child.kill(signal),
		stop,
		waitUntil: async (what, ready, wait) => {
			const early = exited.then((exit) => new Error(`${name} ended (${describe(exit)}) before ${what}`));
			let failure: Error | undefined;
			void early.then((error) => {
				failure = error;
			});
			try {
				await until(what, async () => failure !== undefined || (await ready()), wait);
			} catch (cause) {
				throw new Error(`${name}: ${String(cause)}\n${logs.tail()}`, { cause });
			}
			if (failure !== undefined) throw new Error(`${failure.message}\n${logs.tail()}`);
		},
		[Symbol.asyncDispose]: async () => {
			await stop();
		},
	};
}

/** What a finished process left. */
export interface Finished extends Exit {
	readonly stdout: string;
	readonly stderr: string;
}

/**
 * Runs a process to its end, whatever its exit code. Killed (signal SIGKILL) after `timeoutMs`; default 60 s.
 */
export async function runProcess(
	options: ProcessOptions & { readonly timeoutMs?: number },
): Promise<Finished> {
	const running = await startProcess(options);
	const timer = setTimeout(() => killGroup(running.pid), options.timeoutMs ?? 60_000);
	const exit = await running.exited;
	clearTimeout(timer);
	return { ...exit, stdout: running.stdout(), stderr: running.stderr() };
}

/** `exit code 1` or `signal SIGKILL`, for messages. */
function describe(exit: Exit): string {
	return exit.signal === null ? `exit code ${exit.code}` : `signal ${exit.signal}`;
}

function missing(name: string, command: string, cause?: unknown): Error {
	return new Error(`${name}: "${command}" can't be started; is it installed and on PATH?`, { cause });
}

function onPathOrFile(command: string): string | undefined {
	return command.includes('/') ? command : onPath(command);
}

/** Kills a group that we made. That it is gone already is what we want. */
function killGroup(pid: number): void {
	// What could not be started has no pid; 0 would be our own group.
	if (pid === 0) return;
	try {
		process.kill(-pid, 'SIGKILL');
	} catch {
		// ESRCH: nobody left.
	}
}

function ended(child: ChildProcess, hook: boolean, close: () => void): Promise<Exit> {
	const kill = (): void => killGroup(child.pid ?? 0);
	if (hook) process.once('exit', kill);
	return new Promise((resolve) => {
		const closed = new Promise<void>((done) => child.once('close', () => done()));
		child.once('exit', async (code, signal) => {
			if (hook) process.off('exit', kill);
			kill();
			// A grandchild in a session of its own may hold the pipes open for ever.
			await Promise.race([closed, sleep(2_000, undefined, { ref: false })]);
			close();
			resolve({ code, signal });
		});
	});
}

function capture(child: ChildProcess, logFile: string | undefined) {
	const file: WriteStream | undefined =
		logFile === undefined ? undefined : createWriteStream(logFile, { flags: 'a' });
	const kept = { stdout: keeper(), stderr: keeper(), output: keeper() };
	for (const stream of ['stdout', 'stderr'] as const) {
		child[stream]?.on('data', (chunk: Buffer) => {
			kept[stream].add(chunk);
			kept.output.add(chunk);
			file?.write(chunk);
		});
	}
	return {
		stdout: kept.stdout.text,
		stderr: kept.stderr.text,
		output: kept.output.text,
		tail: () => kept.output.text().trimEnd().split('\n').slice(-SHOWN_LINES).join('\n'),
		close: () => void file?.end(),
	};
}

/** Keeps the last MiB of what is added, give or take a chunk. */
function keeper() {
	const chunks: Buffer[] = [];
	let size = 0;
	return {
		add: (chunk: Buffer): void => {
			chunks.push(chunk);
			size += chunk.length;
			while (chunks.length > 1 && size - (chunks[0]?.length ?? 0) >= KEPT_BYTES) {
				size -= chunks.shift()?.length ?? 0;
			}
		},
		text: (): string => Buffer.concat(chunks).toString('utf8'),
	};
}
