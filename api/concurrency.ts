/**
 * Maps with at most `limit` calls at a time. Returns the results in order. After a rejection no further call
 * starts.
 */
export async function mapAtMost<T, R>(
	limit: number,
	items: readonly T[],
	work: (item: T) => Promise<R>,
): Promise<R[]> {
	const outcomes: R[] = new Array(items.length);
	const queue = items.entries();
	let failed = false;
	const worker = async (): Promise<void> => {
		for (const [i, item] of queue) {
			if (failed) return;
			try {
				outcomes[i] = await work(item);
			} catch (thrown) {
				failed = true;
				throw thrown;
			}
		}
	};
	const settled = await Promise.allSettled(Array.from({ length: Math.min(limit, items.length) }, worker));
	// Only now: whoever undoes things after a failure must know that nothing is still under way.
	for (const one of settled) if (one.status === 'rejected') throw one.reason;
	return outcomes;
}

/** Does work, or gives undefined when too much is waiting. */
type Queue = <T>(work: () => Promise<T>) => Promise<T | undefined>;

/**
 * Makes a queue in which `atOnce` pieces of work are under way.
 *
 * @param waiting how many may wait, and for how many milliseconds at most; beyond either the work is not done
 */
export function createQueue(
	atOnce: number,
	waiting: { readonly most: number; readonly longest: number },
): Queue {
	let running = 0;
	const starts: (() => void)[] = [];
	/** A slot goes from work to work, so that nobody who comes later takes it meanwhile. */
	const release = (): void => {
		const start = starts.shift();
		if (start === undefined) running -= 1;
		else start();
	};
	/** Undefined when there is no room to wait, else the milliseconds that it waited. */
	const acquire = async (): Promise<number | undefined> => {
		if (running < atOnce) {
			running += 1;
			return 0;
		}
		if (starts.length >= waiting.most) return undefined;
		const since = performance.now();
		await new Promise<void>((resolve) => starts.push(resolve));
		return performance.now() - since;
	};
	return async (work) => {
		const waited = await acquire();
		if (waited === undefined) return undefined;
		try {
			return waited > waiting.longest ? undefined : await work();
		} finally {
			release();
		}
	};
}

/**
 * Returns a function that calls `ask` at most once in `interval` milliseconds, never twice at a time. Other
 * calls share its result.
 */
export function atMostEvery<T>(interval: number, ask: () => Promise<T>): () => Promise<T> {
	let last: Promise<T> | undefined;
	let next = 0;
	let pending = false;
	return () => {
		if (last !== undefined && (pending || performance.now() < next)) return last;
		next = performance.now() + interval;
		pending = true;
		last = ask().finally(() => {
			pending = false;
		});
		return last;
	};
}
