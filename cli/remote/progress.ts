import type { Terminal } from '../../lib/terminal.ts';

/** Shows the progress of a command on a terminal; does nothing elsewhere. */
export interface Progress {
	step(): void;
	end(): void;
}

const WIDTH = 24;
/** Minimum number of steps for a progress bar. Fewer are done before anyone reads it. */
const WORTH_SHOWING = 5;

/** A progress bar on one line. It redraws itself and is removed at the end. */
export function openProgress(terminal: Terminal, total: number): Progress {
	if (!terminal.interactive || total < WORTH_SHOWING) return { step: () => undefined, end: () => undefined };
	let done = 0;
	return {
		step: () => {
			done += 1;
			const filled = Math.round((done / total) * WIDTH);
			terminal.redraw(`[${'#'.repeat(filled)}${'.'.repeat(WIDTH - filled)}] ${done}/${total}`);
		},
		end: () => terminal.redraw(undefined),
	};
}
