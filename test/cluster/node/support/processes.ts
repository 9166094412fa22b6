import { readdirSync, readFileSync } from 'node:fs';

/** The command lines of the processes that mention a directory. */
export function processesOf(dir: string): readonly string[] {
	const pids = readdirSync('/proc').filter((name) => /^\d+$/.test(name));
	return pids.map(commandLine).filter((line) => line.includes(dir));
}

function commandLine(pid: string): string {
	try {
		return readFileSync(`/proc/${pid}/cmdline`, 'utf8').replaceAll('\0', ' ');
	} catch {
		return ''; // It ended while we looked.
	}
}
