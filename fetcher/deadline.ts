import { now } from './clock.ts';

/** A moment until which something must be done. */
export interface Deadline {
	/** Milliseconds until then; 0 once it has passed. */
	left(): number;
	/** The span it was set for, in milliseconds. */
	readonly span: number;
}

/** A deadline `span` milliseconds from now. */
export function deadlineAfter(span: number): Deadline {
	const start = now();
	return { span, left: () => Math.max(0, start + span - now()) };
}
