import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { onPath } from '../../test/support/process.ts';

/** The cost of one run of a process. */
export interface Cost {
	/** Time from start to end. */
	readonly wallMs: number;
	/** User and system time of all its threads. */
	readonly cpuMs: number;
	readonly peakMiB: number;
	/** Page faults that had to wait for the disk. */
	readonly diskFaults: number;
	readonly stdout: string;
}

/** A program with its arguments and its whole environment. */
export interface Program {
	readonly command: string;
	readonly args: readonly string[];
	readonly env: Readonly<Record<string, string>>;
	/** Files to drop from the page cache before the start. No other process may have them open. */
	readonly evict?: readonly string[];
}

/** Node does not report the resource usage of a child process. Python does, with wait4(2). */
const WAIT4 = `
import json, os, sys, time
out = os.memfd_create('out')
quiet = [(os.POSIX_SPAWN_DUP2, out, 1), (os.POSIX_SPAWN_DUP2, out, 2)]
for path in json.loads(sys.argv[1]):
    fd = os.open(path, os.O_RDONLY)
    os.fsync(fd)
    os.posix_fadvise(fd, 0, 0, os.POSIX_FADV_DONTNEED)
    os.close(fd)
start = time.monotonic()
pid = os.posix_spawn(sys.argv[2], sys.argv[2:], dict(os.environ), file_actions=quiet)
status, usage = os.wait4(pid, 0)[1:]
wall = time.monotonic() - start
text = os.pread(out, 1 << 20, 0).decode(errors='replace')
print(json.dumps([wall * 1e3, (usage.ru_utime + usage.ru_stime) * 1e3, usage.ru_maxrss / 1024, usage.ru_majflt, os.waitstatus_to_exitcode(status), text]))
`;

/** True if this machine can measure processes. */
export function canMeasure(): boolean {
	return process.platform === 'linux' && onPath('python3') !== undefined;
}

/** Runs a program to its end and measures it. Throws with its output if it fails. */
export async function measure({ command, args, env, evict = [] }: Program): Promise<Cost> {
	const result = await promisify(execFile)(
		'python3',
		['-c', WAIT4, JSON.stringify(evict), command, ...args],
		{ env },
	);
	const [wallMs, cpuMs, peakMiB, diskFaults, code, stdout] = JSON.parse(result.stdout) as [
		number,
		number,
		number,
		number,
		number,
		string,
	];
	if (code !== 0) throw new Error(`${command} ended with ${code}:\n${stdout}`);
	return { wallMs, cpuMs, peakMiB, diskFaults, stdout };
}
