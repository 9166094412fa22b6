/** Limits on reviews that wait for their namespace. */
export interface WaitLimits {
	readonly reviews: number;
	/** Bytes of their bodies. */
	readonly bytes: number;
}

/** Lets one review wait. Resolves to false when another one took its place. */
export type Wait = (review: WaitingReview) => Promise<boolean>;

/** A review that waits. */
export interface WaitingReview {
	/** Length of its body in bytes. */
	readonly length: number;
	/** Aborted when the caller is gone. */
	readonly gone: AbortSignal;
	/** What to wait for. Ends early, without an error, when `signal` is aborted. */
	readonly until: (signal: AbortSignal) => Promise<void>;
}

/**
 * Limits the reviews that wait. Beyond the limits the one that has waited longest is ended. The watch is only
 * some milliseconds late, so calls of the API server have ended by then, and a caller that invents namespaces
 * cannot block them.
 */
export function limitWaiting({ reviews, bytes }: WaitLimits): Wait {
	/** The waiting reviews, oldest first, by the controller that ends them. */
	const waiting = new Map<AbortController, number>();
	let total = 0;
	const forget = (end: AbortController): void => {
		total -= waiting.get(end) ?? 0;
		waiting.delete(end);
	};
	return async ({ length, gone, until }) => {
		const end = new AbortController();
		waiting.set(end, length);
		total += length;
		for (const [oldest] of waiting) {
			if (waiting.size <= reviews && total <= bytes) break;
			forget(oldest);
			oldest.abort();
		}
		if (!end.signal.aborted) await until(AbortSignal.any([end.signal, gone]));
		forget(end);
		return !end.signal.aborted;
	};
}
