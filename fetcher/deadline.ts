import { now } from './clock.ts';

/** A point in time by which work must end. */
export interface Deadline {
	/** Milliseconds until the deadline; 0 after it. */
	left(): number;
	/** Milliseconds from the start to the deadline. */
	readonly span: number;
}

/** A deadline `span` milliseconds from now. */
export function deadlineAfter(span: number): Deadline {
	const start = now();
	return { span, left: () => Math.max(0, start + span - now()) };
}
