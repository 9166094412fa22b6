import type { Terminal } from '../../lib/terminal.ts';

/** How far a piece of work is, for a person who waits; nothing where nobody looks. */
export interface Progress {
	step(): void;
	end(): void;
}

const WIDTH = 24;
/** Less is done before anyone reads it. */
const WORTH_SHOWING = 5;

/** A bar on one line, drawn over itself and gone in the end. */
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
