/** A moment until which something must be done. */
export interface Deadline {
	/** Milliseconds until then; 0 once it has passed. */
	left(): number;
	/** The span it was set for, in milliseconds. */
	readonly span: number;
}

/** A deadline `span` milliseconds after `start`, in the time of `performance.now()`: 0 is the start of the process. */
export function deadlineAfter(span: number, start = performance.now()): Deadline {
	return { span, left: () => Math.max(0, start + span - performance.now()) };
}
