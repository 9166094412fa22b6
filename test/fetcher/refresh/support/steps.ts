import { join } from 'node:path';
import process from 'node:process';
import { ensurePackages } from '../../../support/debian.ts';

/** All that the sidecar calls to change the private file, the generations and their links. */
const CALLS = 'mkdir,mkdirat,rename,renameat,renameat2,symlink,symlinkat,unlink,unlinkat,rmdir';

/** One call of the sidecar: the how manieth of its name. */
export interface Step {
	readonly call: string;
	readonly count: number;
}

/** Whether this machine can kill a process at a step: it needs strace, and root. */
export async function canKillAtSteps(): Promise<boolean> {
	const missing = await ensurePackages(['strace'], () => undefined);
	return missing.length === 0 && process.getuid?.() === 0;
}

/** A launcher that writes the steps to a file, and has the kernel kill the program at one of them. */
export function tracing(dir: string, step?: Step): { launcher: readonly string[]; trace: string } {
	const trace = join(dir, 'trace');
	const kill = step === undefined ? [] : ['-e', `inject=${step.call}:signal=SIGKILL:when=${step.count}`];
	return { launcher: ['strace', '-f', '-qq', '-o', trace, '-e', `trace=${CALLS}`, ...kill], trace };
}

/** The steps in a trace, in order. */
export function stepsOf(trace: string): readonly Step[] {
	const counts = new Map<string, number>();
	return [...trace.matchAll(/^[0-9]+ +([a-z0-9]+)\(/gm)].map(([, call = '']) => {
		const count = (counts.get(call) ?? 0) + 1;
		counts.set(call, count);
		return { call, count };
	});
}
