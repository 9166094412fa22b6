import { readdirSync, readFileSync } from 'node:fs';
import process from 'node:process';
import type { Signal } from '../../contract/refresh.ts';

/** Facts about one process from /proc (proc(5)). */
export interface ProcessFacts {
	readonly id: number;
	readonly parent: number;
	/** Start time of the process, in clock ticks since the start of the machine. */
	readonly started: number;
	/** The text of its cgroup file. */
	readonly cgroup: string;
	/** Device numbers of its mounts, such as `0:57`. */
	readonly devices: ReadonlySet<string>;
}

/** Mounts by path, with the device number of each (proc(5), mountinfo: the third and the fifth field). */
function devicesIn(mountinfo: string): ReadonlyMap<string, string> {
	const fields = mountinfo.split('\n').map((line) => line.split(' '));
	return new Map(fields.flatMap(([, , device, , path]) => (device && path ? [[path, device]] : [])));
}

/**
 * The processes to signal: the first process of each container that mounts one of these devices. Its parent
 * in the pod's process namespace is 0, and it is not process 1, which belongs to the pause container. The
 * parent of a process of `kubectl exec` is 0 as well, so the function takes the oldest process of each
 * cgroup.
 */
export function firstProcesses(
	processes: readonly ProcessFacts[],
	own: { readonly cgroup: string; readonly devices: ReadonlySet<string> },
): readonly number[] {
	const oldest = new Map<string, ProcessFacts>();
	for (const candidate of processes) {
		if (candidate.parent !== 0 || candidate.id === 1 || candidate.cgroup === own.cgroup) continue;
		const other = oldest.get(candidate.cgroup);
		if (other === undefined || candidate.started < other.started) oldest.set(candidate.cgroup, candidate);
	}
	return [...oldest.values()]
		.filter(({ devices }) => [...own.devices].some((device) => devices.has(device)))
		.map(({ id }) => id)
		.sort((a, b) => a - b);
}

/** Maximum number of processes to read, so that a container cannot make the sidecar read more. */
const MOST = 4_096;

function readProcess(id: number): ProcessFacts | undefined {
	const read = (name: string): string => readFileSync(`/proc/${id}/${name}`, 'utf8');
	try {
		// The name in parentheses may contain blanks and parentheses.
		const stat = read('stat');
		const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
		return {
			id,
			parent: Number(fields[1]),
			started: Number(fields[19]),
			cgroup: read('cgroup'),
			devices: new Set(devicesIn(read('mountinfo')).values()),
		};
	} catch {
		// It has ended.
		return undefined;
	}
}

/**
 * Sends a signal to the first process of each container that mounts one of these directories.
 *
 * @returns the number of processes that received the signal, and a problem for each of the others
 */
export function signalContainers(
	directories: readonly string[],
	signal: Signal,
): { readonly sent: number; readonly problems: readonly string[] } {
	const mounts = devicesIn(readFileSync('/proc/self/mountinfo', 'utf8'));
	const devices = new Set(directories.flatMap((directory) => mounts.get(directory) ?? []));
	const ids = readdirSync('/proc').filter((name) => /^[0-9]+$/.test(name));
	const processes = ids.slice(0, MOST).flatMap((id) => readProcess(Number(id)) ?? []);
	const own = { cgroup: readFileSync('/proc/self/cgroup', 'utf8'), devices };
	const problems: string[] = [];
	let sent = 0;
	for (const id of firstProcesses(processes, own)) {
		try {
			process.kill(id, signal);
			sent += 1;
		} catch (thrown) {
			const code = thrown instanceof Error && 'code' in thrown ? String(thrown.code) : 'unknown error';
			problems.push(`process ${id}: ${code}`);
		}
	}
	return { sent, problems };
}
