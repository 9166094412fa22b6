import { readFileSync } from 'node:fs';

/** Memory of a process in MiB (proc(5), smaps_rollup). */
export interface Memory {
	readonly rss: number;
	/** Its own pages, and its share of those that other processes map as well. */
	readonly pss: number;
	/** Pages that no other process maps. */
	readonly own: number;
}

/** The memory of a running process. */
export function memoryOf(pid: number): Memory {
	const text = readFileSync(`/proc/${pid}/smaps_rollup`, 'utf8');
	const field = (name: string): number =>
		Number(new RegExp(`^${name}: +([0-9]+) kB`, 'm').exec(text)?.[1] ?? Number.NaN) / 1024;
	return { rss: field('Rss'), pss: field('Pss'), own: field('Private_Dirty') + field('Private_Clean') };
}

/** CPU time of a process so far, in milliseconds (proc(5): utime and stime, in hundredths of a second). */
export function cpuOf(pid: number): number {
	const fields = readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ')[1]?.split(' ') ?? [];
	return (Number(fields[11]) + Number(fields[12])) * 10;
}

/** Highest resident memory of a process so far, in MiB (proc(5)). */
export function peakOf(pid: number): number {
	return Number(/^VmHWM:\s+([0-9]+) kB/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1]) / 1024;
}
