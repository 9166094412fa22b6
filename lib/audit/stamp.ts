import { randomBytes } from 'node:crypto';
import type { AuditSink, StampedLine } from './lines.ts';

/** A name for one start of a process: that of its host, and random characters. */
export function replicaName(host: string): string {
	return `${host.slice(0, 64)}/${randomBytes(6).toString('hex')}`;
}

/**
 * A sink that gives each line its place in the order of all lines.
 *
 * @param write writes a line before it returns
 * @param replica the name of this start of the process
 */
export function stampLines(write: (line: StampedLine) => void, replica: string): AuditSink {
	let sequence = 0;
	return (line) => {
		sequence += 1;
		write({ ...line, replica, sequence });
	};
}
