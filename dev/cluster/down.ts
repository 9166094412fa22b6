import { setTimeout as sleep } from 'node:timers/promises';
import { clearState, readState, type StateFiles } from './state.ts';

/** Maximum time for the end of the process, in ms. Normally it takes about a second. */
const LIMIT_MS = 30_000;

/** Stops the cluster. A missing cluster is not an error. Returns the exit code. */
export async function down(files: StateFiles, say: (line: string) => void): Promise<number> {
	const state = readState(files);
	if (state === undefined) {
		clearState(files);
		say('No cluster runs.');
		return 0;
	}
	process.kill(state.pid, 'SIGTERM');
	for (const end = performance.now() + LIMIT_MS; performance.now() < end; await sleep(100)) {
		if (readState(files) === undefined) {
			say('The cluster is gone, with everything in it.');
			return 0;
		}
	}
	// The kernel ends all processes of the cluster together with this one.
	process.kill(state.pid, 'SIGKILL');
	clearState(files);
	say('The cluster had to be killed.');
	return 0;
}
